"""Known answers."""

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from srgan_cli.metrics import METRICS, colour_shift, luma, mean_scores, psnr, ssim


def test_luma_of_black_white_and_red() -> None:
    pixels = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]], np.uint8)
    np.testing.assert_allclose(luma(pixels), [[16, 235, 16 + 65.481]])


def test_luma_of_grey_is_that_of_equal_colours() -> None:
    np.testing.assert_allclose(luma(np.full((1, 1, 1), 100, np.uint8)), [[16 + 219 * 100 / 255]])


def test_a_colour_shift_is_that_of_the_means() -> None:
    grey = np.full((4, 4, 3), 100, np.uint8)
    board = np.indices((4, 4)).sum(axis=0)[..., None] % 2
    assert colour_shift(grey + np.where(board, 9, -9), grey) == 0
    assert colour_shift(grey - np.array([1, 3, 0]), grey) == 3


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


@pytest.mark.parametrize("seed", range(10))
def test_psnr_is_that_of_scikit_image(photo: np.ndarray, seed: int) -> None:
    a, b = random_pair(photo, seed)
    theirs = peak_signal_noise_ratio(a[4:-4, 4:-4], b[4:-4, 4:-4], data_range=255)
    assert psnr(a, b, border=4) == pytest.approx(theirs, abs=1e-4)


def random_pair(photo: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The luma of a random part of a photograph, without and with noise."""
    rng = np.random.default_rng(seed)
    top, left = rng.integers(0, 80), rng.integers(0, 140)
    grey = luma(photo[top : top + 40, left : left + 50])
    return grey, np.clip(grey + rng.normal(0, rng.uniform(1, 30), grey.shape), 0, 255)


@pytest.mark.parametrize("seed", range(10))
def test_ssim_by_hand(photo: np.ndarray, seed: int) -> None:
    grey, other = random_pair(photo, seed)
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(values: np.ndarray) -> np.ndarray:
        """Weighted means of the 11x11 windows that fit."""
        windows = np.lib.stride_tricks.sliding_window_view(values, (11, 11))
        return np.einsum("hwij,ij->hw", windows, window)

    a, b = grey[4:-4, 4:-4], other[4:-4, 4:-4]
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    covariance = mean(a * b) - mean(a) * mean(b)
    variances = mean(a * a) - mean(a) ** 2 + mean(b * b) - mean(b) ** 2
    by_hand = (2 * mean(a) * mean(b) + c1) * (2 * covariance + c2)
    by_hand /= (mean(a) ** 2 + mean(b) ** 2 + c1) * (variances + c2)
    assert ssim(grey, other, border=4) == pytest.approx(by_hand.mean(), abs=1e-6)


def test_ssim_of_equal_pictures_is_1(photo: np.ndarray) -> None:
    assert ssim(photo, photo, border=0) == pytest.approx(1)


@pytest.mark.parametrize(
    ("key", "values", "column"),
    [
        ("psnr", [28.4, 31.834, 31.8311], [("28.40", False), ("31.83", True), ("31.83", True)]),
        ("lpips", [0.286, 0.1551, 0.0794], [("0.286", False), ("0.155", False), ("0.079", True)]),
        ("psnr", [math.inf, 30.0], [("\N{INFINITY}", True), ("30.00", False)]),
        ("colour_shift", [0.2], [("0.20", False)]),
        ("ssim", [-0.00001, -0.1], [("0.0000", True), ("\N{MINUS SIGN}0.1000", False)]),
    ],
)
def test_the_best_of_several_numbers_stand_out(key: str, values: list[float], column: list[tuple[str, bool]]) -> None:
    (metric,) = (metric for metric in METRICS if metric.key == key)
    assert metric.column(values) == column


def test_what_stands_for_all_pictures_is_the_mean() -> None:
    pictures = {name: {"srgan": {"psnr": value}} for name, value in (("a", 1.0), ("b", 2.0), ("c", 9.0))}
    assert mean_scores(pictures) == {"srgan": {"psnr": 4.0}}
    assert mean_scores({}) == {}
