"""What a network, which is a few levels off, must leave exactly as it is; NumPy and SciPy only."""

import numpy as np

from srgan_cli.picture import Picture
from srgan_cli.tones import Tones

LIMITED_AT_ONCE = 2**16  # pixels of LR, since floats take much memory
JUMP = 1 / 8  # of opacity, from pixel to pixel


def keep_solid(alpha_sr: np.ndarray, alpha_lr: np.ndarray) -> np.ndarray:
    """The enlarged alpha (k H, k W, 1) kept between the least and the most of its 3x3 neighbours in (H, W, 1).

    So what is opaque or transparent in the picture stays exactly that.
    """
    return np.clip(alpha_sr, *_extremes(alpha_lr, slice(None), alpha_sr.shape[0] // alpha_lr.shape[0]))


def keep_seen(sr: Picture, lr: Picture) -> None:
    """Keep what is seen, on black and on white, between the least and the most around it, where transparency jumps.

    Colours and transparency are enlarged apart. Where both jump, as between a white card and its black shadow, their
    edges may lie a pixel apart, and the shadow's colour be seen without its transparency.

    Args:
        sr: Enlarged; its colours are changed in place.
        lr: What it was enlarged from; both have alpha.
    """
    assert sr.alpha is not None
    assert lr.alpha is not None
    scale, full = len(sr.alpha) // len(lr.alpha), np.float32(np.iinfo(lr.alpha.dtype).max)
    rows = max(1, LIMITED_AT_ONCE // lr.alpha.shape[1])
    for start in range(0, len(lr.alpha), rows):
        around = slice(max(0, start - 1), start + rows + 1)
        inside = slice(start - around.start, start - around.start + rows)
        band = slice(scale * start, scale * (start + rows))
        opacity_lr = lr.alpha[around] / full
        if np.ptp(opacity_lr) <= JUMP:
            continue
        colour, opacity = sr.colour[band], sr.alpha[band] / full
        on_black, on_black_lr = colour * opacity, lr.colour[around] * opacity_lr
        for behind in (0, full):
            least, most = _extremes(on_black_lr + (1 - opacity_lr) * behind, inside, scale)
            on_black = np.clip(on_black, least - (1 - opacity) * behind, most - (1 - opacity) * behind)
        limited = np.rint(on_black / np.maximum(opacity, 1 / full)).clip(0, full).astype(colour.dtype)
        lowest, highest = _extremes(opacity_lr, inside, scale)
        np.copyto(colour, limited, where=(highest - lowest > JUMP) & (opacity > 0))


def _extremes(plane: np.ndarray, rows: slice, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most of the 3x3 neighbours of these rows of (H, W, C), each `scale` x `scale` times."""
    from scipy import ndimage

    least, most = (
        extreme(plane, size=(3, 3, 1), mode="nearest")[rows].repeat(scale, axis=0).repeat(scale, axis=1)
        for extreme in (ndimage.minimum_filter, ndimage.maximum_filter)
    )
    return least, most


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
