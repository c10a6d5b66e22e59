"""What a network must leave as it is."""

from typing import Any

import numpy as np
import pytest

from srgan_cli import solid
from srgan_cli.picture import Picture, map_planes
from srgan_cli.solid import keep_black_and_white, keep_seen, keep_solid
from srgan_cli.tones import WHOLE, Tones


def test_alpha_stays_between_that_of_the_neighbours_a_pixel_away() -> None:
    lr = np.array([[10, 10, 10, 50, 90, 90]] * 3, np.uint8)[..., None]
    low, high = (keep_solid(np.full((6, 12, 1), level, np.uint8), lr)[2, ::2, 0].tolist() for level in (0, 255))
    assert low == [10, 10, 10, 10, 50, 90]
    assert high == [10, 10, 50, 90, 90, 90]
    lr = np.pad(np.full((1, 1, 1), 99, np.uint8), ((2, 2), (2, 2), (0, 0)))
    assert (keep_solid(np.full((5, 5, 1), 255, np.uint8), lr)[..., 0] == 99).sum() == 9  # corners, too


def test_what_is_solid_stays_exactly_so() -> None:
    lr = np.zeros((4, 8, 1), np.uint8)
    lr[:, 4:] = 255
    sr = np.full((16, 32, 1), 250, np.uint8)
    kept = keep_solid(sr, lr)
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
def test_white_and_black_stay_exactly_so_in_each_channel(dtype: Any, tones: Tones) -> None:
    white = tones.ends(np.dtype(dtype))[1]
    lr = np.full((5, 9, 3), white, dtype)
    lr[:, 4:], lr[..., 1] = 0, 77
    sr = np.full((20, 36, 3), 50, dtype)
    keep_black_and_white(sr, lr, tones)
    for channel in (0, 2):
        assert (sr[:, :12, channel] == white).all()
        assert (sr[:, 12:20, channel] == 50).all()
        assert (sr[:, 20:, channel] == 0).all()
    assert (sr[..., 1] == 50).all()


def test_a_pixel_that_differs_spoils_all_around_it() -> None:
    lr = np.full((5, 5, 1), 255, np.uint8)
    lr[2, 2] = 254
    sr = np.full((20, 20, 1), 250, np.uint8)
    keep_black_and_white(sr, lr, WHOLE)
    assert (sr == 250).sum() == 12 * 12
    assert (sr[4:16, 4:16] == 250).all()
