"""What a network, which is a few levels off, must leave exactly as it is; NumPy and SciPy only."""

import numpy as np

from srgan_cli.tones import Tones


def keep_solid(alpha_sr: np.ndarray, alpha_lr: np.ndarray) -> np.ndarray:
    """The enlarged alpha (k H, k W, 1) kept between the least and the most of its 3x3 neighbours in (H, W, 1).

    So what is opaque or transparent in the picture stays exactly that.
    """
    from scipy import ndimage

    scale = alpha_sr.shape[0] // alpha_lr.shape[0]
    least, most = (
        extreme(alpha_lr, size=(3, 3, 1), mode="nearest").repeat(scale, axis=0).repeat(scale, axis=1)
        for extreme in (ndimage.minimum_filter, ndimage.maximum_filter)
    )
    return np.clip(alpha_sr, least, most)


def keep_black_and_white(sr: np.ndarray, lr: np.ndarray, tones: Tones) -> None:
    """Make an enlarged picture black or white, channel by channel, where its original is so for a pixel around.

    Shops refuse a background that is almost white.

    Args:
        sr: (k H, k W, C) uint8 or uint16; changed in place.
        lr: (H, W, C), the same dtype.
        tones: What of the range is black and white.
    """
    from scipy import ndimage

    height, width, channels = lr.shape
    blocks = sr.reshape(height, sr.shape[0] // height, width, sr.shape[1] // width, channels)
    for extreme in tones.ends(lr.dtype):
        solid = ndimage.minimum_filter(lr == extreme, size=(3, 3, 1), mode="nearest")
        np.copyto(blocks, sr.dtype.type(extreme), where=solid[:, None, :, None])
