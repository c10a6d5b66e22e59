"""How close an SR picture is to its HR original, by the protocol of the super-resolution papers.

PSNR on the luma of ITU-R BT.601 in studio range, of uint8 pictures, with a border of `scale` pixels shaved off.
"""

import numpy as np


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
    if a.shape != b.shape:
        raise ValueError(f"cannot compare shapes {a.shape} and {b.shape}")
    inside = slice(border, -border or None), slice(border, -border or None)
    difference = a[inside].astype(np.float64) - b[inside].astype(np.float64)
    if difference.size == 0:
        raise ValueError(f"nothing is left of {a.shape} inside a border of {border} pixels")
    mse = np.mean(difference**2)
    return float(10 * np.log10(255**2 / mse)) if mse else float("inf")
