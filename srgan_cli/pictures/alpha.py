"""Transparency: what the network needs under it, and what is seen through it; NumPy and SciPy only."""

from dataclasses import replace

import numpy as np

from srgan_cli.pictures.neighbours import nearest
from srgan_cli.pictures.picture import Picture

ROWS = 256  # mixed at once, since floats take much memory


def bleed(picture: Picture) -> np.ndarray:
    """The colours with those of fully transparent pixels replaced by the nearest visible one's.

    What hides under transparency (often black) would otherwise be mixed into the edge by the network, as a halo.
    """
    if picture.alpha is None:
        return picture.colour
    hidden = picture.alpha[..., 0] == 0
    return picture.colour if hidden.all() or not hidden.any() else nearest(picture.colour, hidden)


def flatten(picture: Picture, background: tuple[int, int, int]) -> Picture:
    """The picture as it looks on a background, without alpha; grey stays grey on grey.

    Args:
        picture: Any.
        background: RGB from 0 to 255, mixed with the picture's codes as they are.
    """
    if picture.alpha is None:
        return picture
    colour, full = picture.colour, np.iinfo(picture.colour.dtype).max
    behind = np.array(background) * (full // 255)
    if (behind == behind[0]).all():
        behind = behind[: colour.shape[-1]]
    mixed = np.empty((*colour.shape[:2], max(len(behind), colour.shape[-1])), colour.dtype)
    for start in range(0, len(colour), ROWS):
        band = slice(start, start + ROWS)
        opacity = picture.alpha[band] / np.float32(full)
        mixed[band] = np.rint(behind + (colour[band] - behind.astype(np.float32)) * opacity)
    return replace(picture, colour=mixed, alpha=None)
