"""What is around each pixel, and which pixels it becomes when it is enlarged; NumPy and SciPy only."""

import numpy as np


def extremes(plane: np.ndarray, side: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most of the `side` x `side` neighbours in (H, W, C)."""
    from scipy import ndimage  # here, as below, since loading it takes longer than all that is planned

    filters = ndimage.minimum_filter, ndimage.maximum_filter
    least, most = (extreme(plane, size=(side, side, 1), mode="nearest") for extreme in filters)
    return least, most


def nearest(pixels: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """(H, W, C) with the nearest other pixel in place of each that is hidden, by (H, W); not all may be."""
    from scipy import ndimage

    rows, columns = ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
    return pixels[rows, columns]


def enlarged(plane: np.ndarray, scale: int) -> np.ndarray:
    """(H, W, C), each value `scale` x `scale` times."""
    return plane.repeat(scale, axis=0).repeat(scale, axis=1)


def blocks(sr: np.ndarray, lr: np.ndarray) -> np.ndarray:
    """(k H, k W, C) as (H, k, W, k, C), a view: what each pixel of (H, W, C) has become."""
    height, width, channels = lr.shape
    return sr.reshape(height, sr.shape[0] // height, width, sr.shape[1] // width, channels)
