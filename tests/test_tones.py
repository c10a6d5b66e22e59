"""Which of 16 bits' codes a network is shown as black and as white."""

import numpy as np
import pytest

from srgan_cli.tones import WHOLE, Tones, tones_of


def scan(*codes: int, others: int = 4000) -> np.ndarray:
    """A column of pixels: all of these codes once, and many from the first to the second."""
    between = np.linspace(codes[0], codes[1], others).astype(np.uint16)
    return np.concatenate([between, np.array(codes, np.uint16)])[:, None, None]


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
        ((0, 4095, 65_535), Tones(0, 4095, 65_535)),
        ((0, 9000, 65_535), Tones(0, 65_535, 65_535)),
    ],
)
def test_the_tones_of_scans(codes: tuple[int, ...], tones: Tones) -> None:
    assert tones_of(scan(*codes)) == tones
    assert tones_of(scan(*codes).astype(np.uint8)) == WHOLE


def test_what_is_not_rare_is_shown() -> None:
    assert tones_of(scan(1000, 1400, *[65_535] * 50)).high == 65_535


def test_one_code_alone_has_tones() -> None:
    for code in (0, 5, 65_535):
        tones = tones_of(np.full((2, 3, 1), code, np.uint16))
        assert tones.low <= code <= tones.high
        assert tones.low < tones.high


def test_what_is_cut_is_put_back() -> None:
    tones, lr = Tones(1000, 1511, 65_535), scan(1000, 1511, 65_535, 7, others=4).reshape(2, 2, 2)
    cut = tones.cut(lr)
    assert (cut.min(), cut.max()) == (1000, 1511)
    sr = cut.repeat(4, axis=0).repeat(4, axis=1)
    tones.put_back(sr, lr)
    np.testing.assert_array_equal(sr, lr.repeat(4, axis=0).repeat(4, axis=1))
