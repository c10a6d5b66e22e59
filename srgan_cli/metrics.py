"""How close an SR picture is to its HR original, by the protocol of the super-resolution papers.

PSNR and SSIM on the luma of ITU-R BT.601 in studio range, of uint8 pictures, without a border.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from skimage.metrics import structural_similarity

SSIM_WINDOW = 11  # pixels a side
Scores = Mapping[str, Mapping[str, float]]  # model -> key of `METRICS` -> number


@dataclass(frozen=True)
class Metric:
    """A measure and how it is written.

    Attributes:
        key: What it is called in scores, JSON and CSV.
        title: What it is called in tables.
        unit: May be empty.
        higher_is_better: Whether the highest number is the best.
        decimals: How many are shown.
    """

    key: str
    title: str
    unit: str
    higher_is_better: bool
    decimals: int

    def text(self, value: float) -> str:
        """The number as it is shown."""
        return typeset(f"{value:z.{self.decimals}f}")

    def column(self, values: Sequence[float]) -> list[tuple[str, bool]]:
        """The numbers as they are shown, and whether each is the best of several, or looks the same."""
        best = self.text((max if self.higher_is_better else min)(values)) if len(values) > 1 else None
        return [(text, text == best) for text in map(self.text, values)]


def typeset(number: str) -> str:
    """Python's way of writing a number -> the printer's."""
    return number.replace("inf", "\N{INFINITY}").replace("-", "\N{MINUS SIGN}")


METRICS = (
    Metric("psnr", "PSNR", "dB", higher_is_better=True, decimals=2),
    Metric("ssim", "SSIM", "", higher_is_better=True, decimals=4),
    Metric("lpips", "LPIPS", "", higher_is_better=False, decimals=3),
    Metric("colour_shift", "Colour shift", "levels", higher_is_better=False, decimals=2),
)


def luma(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 1 or 3) uint8 grey or RGB -> (H, W) float64 luma in [16, 235], not rounded; grey is R = G = B."""
    weights = np.array([65.481, 128.553, 24.966]) / 255
    rgb = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    return 16 + rgb.astype(np.float64) @ weights


def psnr(a: np.ndarray, b: np.ndarray, border: int) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(255^2 / MSE); infinite for equal pictures.

    Args:
        a: (H, W) or (H, W, C), 8-bit range.
        b: Of the same shape.
        border: Pixels left out at each edge.

    Raises:
        ValueError: The shapes differ, or nothing is left inside the border.
    """
    a, b = _inside(a, b, border)
    mse = np.mean((a - b) ** 2)
    return float(10 * np.log10(255**2 / mse)) if mse else float("inf")


def ssim(a: np.ndarray, b: np.ndarray, border: int) -> float:
    """Structural similarity, at most 1: an 11x11 Gaussian window of sigma 1.5, where it fits; mean over channels.

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004, equation 13 and
    section III.C; the numbers are those of the authors' MATLAB code.

    Args:
        a: (H, W) or (H, W, C), 8-bit range.
        b: Of the same shape.
        border: Pixels left out at each edge.

    Raises:
        ValueError: The shapes differ, or less than 11 pixels are left inside the border.
    """
    a, b = _inside(a, b, border)
    channel_axis = 2 if a.ndim == 3 else None
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(a, b, data_range=255, channel_axis=channel_axis, **window))


def colour_shift(a: np.ndarray, b: np.ndarray) -> float:
    """How many levels the mean of a channel differs by, in the channel where it does most; (H, W, C) each."""
    return float(np.abs((a.astype(np.float64) - b).mean(axis=(0, 1))).max())


def _inside(a: np.ndarray, b: np.ndarray, border: int) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 without their borders."""
    if a.shape != b.shape:
        raise ValueError(f"cannot compare shapes {a.shape} and {b.shape}")
    inside = slice(border, -border or None), slice(border, -border or None)
    if a[inside].size == 0:
        raise ValueError(f"nothing is left of {a.shape} inside a border of {border} pixels")
    return a[inside].astype(np.float64), b[inside].astype(np.float64)


def mean_scores(pictures: Mapping[str, Scores]) -> Scores:
    """The means over pictures, which are given by name."""
    first: Scores = next(iter(pictures.values()), {})
    return {
        model: {key: float(np.mean([scores[model][key] for scores in pictures.values()])) for key in numbers}
        for model, numbers in first.items()
    }
