"""Which of 16 bits' codes a network is shown as black and as white."""

import numpy as np
import pytest

from srgan_cli.pictures.tones import WHOLE, Tones, tones_of


def scan(*codes: int, others: int = 4000) -> np.ndarray:
    """A column of pixels, from the first code to the second, in which the others stand alone."""
    column = np.linspace(codes[0], codes[1], others).astype(np.uint16)
    column[100 : 100 + 10 * len(codes[2:]) : 10] = codes[2:]
    return column[:, None, None]


@pytest.mark.parametrize(
    ("codes", "tones"),
    [
        ((0, 65535), WHOLE),
        ((20_000, 65_000), WHOLE),
        ((0, 4095), Tones(0, 4095, 4095)),
        ((3, 2500), Tones(0, 4095, 4095)),
        ((33_054, 33_420), Tones(32_981, 33_492, 65_535)),
        ((10, 200), Tones(0, 255, 255)),
        ((65_500, 65_535), Tones(65_472, 65_535, 65_535)),
        ((1000, 1400, 65_535), Tones(944, 1455, 65_535)),
        ((30_000, 30_400, 7), Tones(29_944, 30_455, 32_767)),
        ((1000, 1400, 2000), Tones(0, 2047, 2047)),
        ((4060, 4095), Tones(4032, 4095, 4095)),
        ((1000, 1400, 65_535, 1500), Tones(994, 1505, 65_535)),
        ((1000, 1400, 65_535, 900), Tones(894, 1405, 65_535)),
        ((33_054, 33_420, 34_500), Tones(32_753, 34_800, 65_535)),
        ((0, 4095, 65_535), Tones(0, 4095, 65_535)),
        ((0, 9000, 65_535), Tones(0, 65_535, 65_535)),
    ],
)
def test_the_tones_of_scans(codes: tuple[int, ...], tones: Tones) -> None:
    assert tones_of(scan(*codes)) == tones
    assert tones_of(scan(*codes).astype(np.uint8)) == WHOLE


def test_what_does_not_stand_alone_is_shown() -> None:
    """As a star, which would come out in blocks; a hot pixel, even of two, stands alone."""
    sky = np.linspace(1000, 1400, 100 * 100).astype(np.uint16).reshape(100, 100, 1)
    for rows, columns, high in ((1, 1, 1455), (1, 2, 1455), (2, 1, 1455), (3, 3, 65_535)):
        picture = sky.copy()
        picture[50 : 50 + rows, 50 : 50 + columns] = 65_535
        assert tones_of(picture).high == high
    green = sky.repeat(3, axis=-1)
    green[50:53, 50:53, 1] = 65_535
    assert tones_of(green).high == 65_535


@pytest.mark.parametrize(("count", "high"), [(9, 1455), (12, 65_535)])
def test_only_few_are_hot_pixels(count: int, high: int) -> None:
    sky = np.linspace(1000, 1400, 100 * 100).astype(np.uint16).reshape(100, 100, 1)
    sky[np.arange(3, 3 + 4 * count, 4), 50] = 65_535
    assert tones_of(sky).high == high


def test_one_code_alone_has_tones() -> None:
    for code in (0, 5, 65_535):
        tones = tones_of(np.full((2, 3, 1), code, np.uint16))
        assert tones.low <= code <= tones.high
        assert tones.low < tones.high


def test_what_is_around_a_hot_pixel_does_not_see_it() -> None:
    tones, sky = Tones(1000, 1511, 65_535), np.arange(1000, 1100, dtype=np.uint16).reshape(10, 10, 1)
    for code in (7, 65_535):
        hot = sky.copy()
        hot[4:6, 5] = code
        shown = tones.cut(hot).astype(int)
        assert np.abs(shown - sky).max() == 1
        assert ((shown != sky) == (hot == code)).all()


def test_what_is_put_back_does_not_run_over() -> None:
    lr, shown = (np.array([[[code]]], np.uint16) for code in (65_530, 1000))
    sr = np.array([[[1010], [990]]] * 2, np.uint16)
    WHOLE.put_back(sr, lr, shown)
    assert sr[..., 0].tolist() == [[65_535, 65_520]] * 2


def test_what_is_cut_is_put_back() -> None:
    tones, lr = (
        Tones(1000, 1511, 65_535),
        np.array([1000, 1511, 65_535, 7, 1200, 1000, 999, 1512], np.uint16).reshape(2, 2, 2),
    )
    cut = tones.cut(lr)
    assert (cut.min(), cut.max()) == (1000, 1511)
    sr = cut.repeat(4, axis=0).repeat(4, axis=1)
    tones.put_back(sr, lr, cut)
    np.testing.assert_array_equal(sr, lr.repeat(4, axis=0).repeat(4, axis=1))
