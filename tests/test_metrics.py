"""Known answers."""

import math

import numpy as np
import pytest

from srgan_cli.metrics import luma, psnr


def test_luma_of_black_white_and_red() -> None:
    pixels = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]], np.uint8)
    np.testing.assert_allclose(luma(pixels), [[16, 235, 16 + 65.481]])


def test_luma_of_grey_is_that_of_equal_colours() -> None:
    np.testing.assert_allclose(luma(np.full((1, 1, 1), 100, np.uint8)), [[16 + 219 * 100 / 255]])


def test_psnr_by_hand() -> None:
    a = np.zeros((10, 10))
    assert psnr(a, a + 5, border=0) == pytest.approx(20 * math.log10(255 / 5))


def test_psnr_leaves_the_border_out() -> None:
    a = np.zeros((12, 12))
    b = a.copy()
    b[:4] = 200
    assert psnr(a, b, border=4) == math.inf
    assert psnr(a, b, border=3) < 30


@pytest.mark.parametrize("shape", [(8, 8), (8, 9)])
def test_psnr_refuses_what_it_cannot_compare(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"compare|nothing is left"):
        psnr(np.zeros((8, 8)), np.zeros(shape), border=4)
