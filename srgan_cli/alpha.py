"""Transparency: what the network needs under it, and what it must not do to it; NumPy and SciPy only."""

from dataclasses import replace

import numpy as np

from srgan_cli.picture import Picture


def bleed(picture: Picture) -> np.ndarray:
    """The colours with those of fully transparent pixels replaced by the nearest visible one's.

    What hides under transparency (often black) would otherwise be mixed into the edge by the network, as a halo.
    """
    if picture.alpha is None:
        return picture.colour
    hidden = picture.alpha[..., 0] == 0
    if hidden.all() or not hidden.any():
        return picture.colour
    from scipy import ndimage  # here, since loading it takes longer than all that is planned

    rows, columns = ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
    return picture.colour[rows, columns]


def keep_solid(alpha_sr: np.ndarray, alpha_lr: np.ndarray) -> np.ndarray:
    """The enlarged alpha (k H, k W, 1) kept between the least and the most of its 3x3 neighbours in (H, W, 1).

    So what is opaque or transparent in the picture stays exactly that, where a network is a few levels off.
    """
    from scipy import ndimage

    scale = alpha_sr.shape[0] // alpha_lr.shape[0]
    least, most = (
        extreme(alpha_lr, size=(3, 3, 1), mode="nearest").repeat(scale, axis=0).repeat(scale, axis=1)
        for extreme in (ndimage.minimum_filter, ndimage.maximum_filter)
    )
    return np.clip(alpha_sr, least, most)


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
    opacity = picture.alpha / np.float32(full)
    mixed = np.rint(behind + (colour - behind.astype(np.float32)) * opacity)
    return replace(picture, colour=mixed.astype(colour.dtype), alpha=None)
