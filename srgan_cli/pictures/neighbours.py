"""What is around each pixel, and which pixels it becomes when it is enlarged; NumPy and SciPy only."""

from functools import reduce

import numpy as np

# `least`, `most` and `median` are SciPy's `minimum_filter`, `maximum_filter` and `median_filter` with `mode="nearest"`,
# but ten times as fast, since NumPy compares many values at once.


def extremes(plane: np.ndarray, side: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most of the `side` x `side` neighbours in (H, W, C)."""
    return least(plane, side), most(plane, side)


def least(plane: np.ndarray, side: int = 3) -> np.ndarray:
    """The least of the `side` x `side` neighbours in (H, W, C), of which an even side has one more above and left."""
    return _extreme(np.minimum, plane, side)


def most(plane: np.ndarray, side: int = 3) -> np.ndarray:
    """The most of them."""
    return _extreme(np.maximum, plane, side)


def _extreme(choose: np.ufunc, plane: np.ndarray, side: int) -> np.ndarray:
    plane = _framed(plane, side // 2, (side - 1) // 2)
    for _ in range(2):  # down, and then across
        reach = 1
        while reach < side:  # each value is that of so many, and becomes that of up to twice as many
            step = min(reach, side - reach)
            plane = choose(plane[:-step], plane[step:])
            reach += step
        plane = plane.swapaxes(0, 1)
    return plane


def median(plane: np.ndarray) -> np.ndarray:
    """The median of the 3x3 neighbours in (H, W, C).

    Of the columns' least values the most can be it, of their most values the least, and of their medians the median.
    """
    plane = _framed(plane, 1, 1)
    above, here, below = plane[:-2], plane[1:-1], plane[2:]
    low, high = np.minimum(above, here), np.maximum(above, here)
    medians = np.maximum(low, np.minimum(high, below))
    low, high = np.minimum(low, below), np.maximum(high, below)
    low, high = (reduce(choose, _beside(plane)) for choose, plane in ((np.maximum, low), (np.minimum, high)))
    return _middle(low, _middle(*_beside(medians)), high)


def _middle(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))


def _beside(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(H, W + 2, C) -> what is left of each pixel of (H, W, C), itself, and what is right."""
    return plane[:, :-2], plane[:, 1:-1], plane[:, 2:]


def _framed(plane: np.ndarray, before: int, after: int) -> np.ndarray:
    """(H, W, C) with so many pixels around it that are like those at its edges."""
    return np.pad(plane, ((before, after), (before, after), (0, 0)), mode="edge")


def nearest(pixels: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """(H, W, C) with the nearest other pixel in place of each that is hidden, by (H, W); not all may be."""
    from scipy import ndimage  # here, since loading it takes longer than all that is planned

    rows, columns = ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
    return pixels[rows, columns]


def is_grey(pixels: np.ndarray) -> np.ndarray:
    """Where the channels of (H, W, 1 or 3) are equal; (H, W, 1)."""
    first, middle, last = _channels(pixels)
    return (first == middle) & (middle == last)


def in_any_channel(where: np.ndarray) -> np.ndarray:
    """Where any channel of (H, W, 1 or 3) is true; (H, W, 1)."""
    first, middle, last = _channels(where)
    return first | middle | last


def _channels(plane: np.ndarray) -> list[np.ndarray]:
    """All channels of (H, W, 1 or 3); NumPy's own `all` and `any` are slow along so short an axis."""
    return [plane[..., channel, None] for channel in (0, plane.shape[-1] // 2, -1)]


def enlarged(plane: np.ndarray, scale: int) -> np.ndarray:
    """(H, W, C), each value `scale` x `scale` times."""
    return plane.repeat(scale, axis=1).repeat(scale, axis=0)  # the slow one first, of the smaller plane


def blocks(sr: np.ndarray, lr: np.ndarray) -> np.ndarray:
    """(k H, k W, C) as (H, k, W, k, C), a view: what each pixel of (H, W, C) has become."""
    height, width, channels = lr.shape
    return sr.reshape(height, sr.shape[0] // height, width, sr.shape[1] // width, channels)
