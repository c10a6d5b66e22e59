"""What a network must leave as it is."""

from typing import Any

import numpy as np
import pytest

from srgan_cli.pictures.picture import Picture, map_planes
from srgan_cli.pictures.tones import WHOLE, Tones
from srgan_cli.upscaling import solid
from srgan_cli.upscaling.solid import keep_areas, keep_neutral, keep_seen, keep_solid


def with_alpha(alpha: np.ndarray, colour: int | np.ndarray = 7) -> Picture:
    return Picture(np.broadcast_to(np.asarray(colour, alpha.dtype), alpha.shape), alpha)


def limits(lr: Picture) -> tuple[list[int], list[int]]:
    """The least and the most that alpha may be, twice as large, along the middle row."""
    assert lr.alpha is not None
    height, width, _ = lr.alpha.shape
    sr = (np.full((2 * height, 2 * width, 1), level, np.uint8) for level in (0, 255))
    low, high = (keep_solid(alpha, lr)[height, ::2, 0].tolist() for alpha in sr)
    return low, high


def test_alpha_stays_between_that_of_the_neighbours_a_pixel_away() -> None:
    alpha = np.array([[10, 10, 10, 50, 90, 90]] * 3, np.uint8)[..., None]
    assert limits(with_alpha(alpha)) == ([10, 10, 10, 10, 50, 90], [10, 10, 50, 90, 90, 90])


@pytest.mark.parametrize(("strand", "least", "most"), [(160, 100, 220), (220, 100, 255), (70, 40, 100), (30, 0, 100)])
def test_beside_strands_and_gaps_alpha_goes_beyond_them(strand: int, least: int, most: int) -> None:
    alpha = np.full((5, 9, 1), 100, np.uint8)
    alpha[:, 4] = strand
    for colour, low, high in ((126, least, most), (129, min(100, strand), max(100, strand))):
        row = np.where(np.arange(9) == 4, colour, 0)[None, :, None]
        lows, highs = limits(with_alpha(alpha, row))
        assert lows == [100] * 3 + [low] * 3 + [100] * 3
        assert highs == [100] * 3 + [high] * 3 + [100] * 3


@pytest.mark.parametrize(("thick", "kept"), [(1, True), (2, True), (3, False)])
@pytest.mark.parametrize("gap", [False, True])
def test_what_is_seen_of_strands_of_one_colour_is_left_alone(thick: int, kept: bool, gap: bool) -> None:
    alpha = np.full((9, 4, 1), 255 * gap, np.uint8)
    alpha[3 : 3 + thick] = 128
    lr = Picture(np.full((9, 4, 1), 100, np.uint8), alpha)
    sr = map_planes(lr, lambda plane: plane.repeat(4, axis=0).repeat(4, axis=1))
    assert sr.alpha is not None
    sr.alpha[14] = 255  # more opaque than in the picture
    keep_seen(sr, lr)
    assert (sr.colour[14] == 100).all() == (kept or gap)


def test_a_hair_in_all_directions() -> None:
    alpha = np.pad(np.full((1, 1, 1), 99, np.uint8), ((2, 2), (2, 2), (0, 0)))
    assert (keep_solid(np.full((5, 5, 1), 255, np.uint8), with_alpha(alpha)) == 198).sum() == 9  # corners, too


def test_what_is_solid_stays_exactly_so() -> None:
    lr = np.zeros((4, 8, 1), np.uint8)
    lr[:, 4:] = 255
    sr = np.full((16, 32, 1), 250, np.uint8)
    kept = keep_solid(sr, with_alpha(lr))
    assert (kept[:, :12] == 0).all()
    assert (kept[:, 12:20] == 250).all()
    assert (kept[:, 20:] == 255).all()


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
@pytest.mark.parametrize("card", [0, 1])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_seen_stays_between_what_is_seen_around(
    dtype: Any, card: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A black or white card beside what throws the other one's shadow, or shine, limited so many rows at once."""
    monkeypatch.setattr(solid, "LIMITED_AT_ONCE", rows * 4)
    full = np.iinfo(dtype).max
    colour, alpha = np.full((9, 4, 3), card * full, dtype), np.full((9, 4, 1), full, dtype)
    colour[5:], alpha[5:] = (1 - card) * full, full // 3
    lr = Picture(colour, alpha)
    sr = map_planes(lr, lambda plane: plane.repeat(4, axis=0).repeat(4, axis=1))
    assert sr.alpha is not None
    sr.colour[18:20] = (1 - card) * full  # the shadow's colour on the card
    sr.colour[:8, :, 1] = full // 5  # where nothing jumps anything may be
    sr.colour[17], sr.alpha[17] = 77, 0
    keep_seen(sr, lr)
    most = full - full // 3 if card else full // 3
    assert (np.abs(sr.colour[18:20].astype(int) - most) <= 1).all()
    assert (sr.colour[:8, :, 1] == full // 5).all()
    assert (sr.colour[8:17] == card * full).all()
    assert (sr.colour[17] == 77).all()
    assert (sr.colour[20:] == (1 - card) * full).all()


def test_a_jump_of_a_fifth_counts_and_what_is_seen_is_rounded() -> None:
    colour, alpha = (np.repeat([[[card]], [[shadow]]], 2, axis=0) for card, shadow in ((200, 10), (255, 200)))
    lr = Picture(colour.astype(np.uint8), alpha.astype(np.uint8))
    sr = map_planes(lr, lambda plane: plane.repeat(4, axis=0).repeat(4, axis=1))
    sr.colour[7] = 3
    keep_seen(sr, lr)
    assert (sr.colour[7] == 63).all()  # as dark as the shadow looks on white, 62.84


def test_where_transparency_changes_slowly_colours_are_left_alone() -> None:
    alpha = np.linspace(90, 250, 16).astype(np.uint8)[:, None, None].repeat(2, axis=1)
    lr = Picture(np.full((16, 2, 1), 100, np.uint8), alpha)
    sr = map_planes(lr, lambda plane: plane.repeat(4, axis=0).repeat(4, axis=1))
    sr.colour[::3] = 3
    before = sr.colour.copy()
    keep_seen(sr, lr)
    np.testing.assert_array_equal(sr.colour, before)


@pytest.mark.parametrize(
    ("dtype", "tones"), [(np.uint8, WHOLE), (np.uint16, WHOLE), (np.uint16, Tones(high=4095, white=4095))]
)
@pytest.mark.parametrize("repairs", [False, True])
def test_white_and_black_stay_exactly_so_in_each_channel(dtype: Any, tones: Tones, repairs: bool) -> None:
    white = tones.ends(np.dtype(dtype))[1]
    lr = np.full((5, 9, 3), white, dtype)
    lr[:, 4:] = 0
    lr[..., 1] = np.arange(9)
    sr = np.full((20, 36, 3), 50, dtype)
    keep_areas(sr, lr, tones, repairs)
    first, last = (12, 20) if repairs else (14, 18)
    for channel in (0, 2):
        assert (sr[:, :first, channel] == white).all()
        assert (sr[:, first:last, channel] == 50).all()
        assert (sr[:, last:, channel] == 0).all()
    assert (sr[..., 1] == 50).all()


@pytest.mark.parametrize("repairs", [False, True])
def test_what_is_flat_stays_so_but_for_what_may_be_a_block_of_jpeg(repairs: bool) -> None:
    lr = np.full((40, 40, 1), 245, np.uint8)
    lr[20, 20] = 7
    sr = np.full((80, 80, 1), 250, np.uint8)
    keep_areas(sr, lr, WHOLE, repairs)
    side = 34 if repairs else 6
    assert (sr == 250).sum() == side**2
    assert (sr[41 - side // 2 : 41 + side // 2, 41 - side // 2 : 41 + side // 2] == 250).all()
    assert (np.delete(sr, np.s_[41 - side // 2 : 41 + side // 2], axis=0) == 245).all()


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_areas_without_soft_edges_get_no_rims(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solid, "LIMITED_AT_ONCE", rows * 24)
    lr = np.full((24, 24, 1), 60, np.uint8)
    lr[6:, 8:] = 140
    rim = np.random.default_rng(0).integers(0, 256, (96, 96, 1), np.uint8)
    sr = rim.copy()
    keep_areas(sr, lr, WHOLE, repairs=False)
    truth = lr.repeat(4, axis=0).repeat(4, axis=1)
    edge = np.ones((96, 96), bool)
    edge[:22], edge[:, :30] = False, False
    edge[26:, 34:] = False
    np.testing.assert_array_equal(sr[~edge], truth[~edge])
    assert sr.min() == 60
    assert sr.max() == 140
    assert 70 < sr[edge].mean() < 130  # the network's, for the rest
    lr[15, 15] = 139  # no area, so that all may be around it
    sr = rim.copy()
    keep_areas(sr, lr, WHOLE, repairs=False)
    np.testing.assert_array_equal(sr[56:68, 56:68], rim[56:68, 56:68])


def test_a_pixel_that_differs_spoils_all_around_it() -> None:
    lr = np.full((5, 5, 1), 255, np.uint8)
    lr[2, 2] = 254
    sr = np.full((20, 20, 1), 250, np.uint8)
    keep_areas(sr, lr, WHOLE, repairs=True)
    assert (sr == 250).sum() == 12 * 12
    assert (sr[4:16, 4:16] == 250).all()


@pytest.mark.parametrize("at_once", [3, 2**16])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_grey_gets_no_colour(dtype: Any, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solid, "LIMITED_AT_ONCE", at_once)
    lr = np.arange(9, dtype=dtype)[:, None, None].repeat(8, axis=1).repeat(3, axis=2)
    lr[0, 0, 2] += 1  # a stamp
    sr = np.empty((18, 16, 3), dtype)
    sr[...] = 10, 20, 32
    sr[:, ::2] += 1
    keep_neutral(sr, lr)
    assert (sr[:6, :6] == lr.dtype.type([11, 21, 33])).sum() == 6 * 6 // 2 * 3
    grey = np.delete(sr.reshape(9, 2, 8, 2, 3), np.s_[:3], axis=0)
    assert (grey[..., 0, :] == 22).all()
    assert (grey[..., 1, :] == 21).all()
    assert (sr[:6, 6::2] == 22).all()
