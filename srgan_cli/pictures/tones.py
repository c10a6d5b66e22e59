"""Which of 16 bits' codes a network is shown as black and as white; NumPy and SciPy only."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from srgan_cli.pictures.neighbours import blocks, in_any_channel, median, nearest

RARE = 1e-3  # of the pixels, at either end, that may be hot or dead
WORTH = 3  # bits; where less is spared, a picture is enlarged just as in 8 bits
ROWS = 256  # counted at once, since counting takes 8 bytes a number


@dataclass(frozen=True)
class Tones:
    """The part of the range that a picture's colours lie in; of 8 bits it is always the whole.

    A network was trained on 256 levels, of which a 12-bit scan in 16 bits would take up 16, and a tissue of 400 codes
    two.

    Attributes:
        low: The code that is shown as black.
        high: The code that is shown as white.
        white: Where the bits end that the picture uses.
    """

    low: int = 0
    high: int = 2**16 - 1
    white: int = 2**16 - 1

    def ends(self, dtype: np.dtype[Any]) -> tuple[int, int]:
        """`low` and `high` of uint16, 0 and 255 of uint8."""
        return (self.low, self.high) if dtype == np.uint16 else (0, 255)

    def cut(self, pixels: np.ndarray) -> np.ndarray:
        """The pixels with the nearest other ones in place of those that lie beyond an end, which would have rims."""
        if pixels.dtype != np.uint16:
            return pixels
        beyond = in_any_channel((pixels < self.low) | (pixels > self.high))[..., 0]
        return nearest(pixels, beyond) if beyond.any() else pixels

    def put_back(self, sr: np.ndarray, lr: np.ndarray, shown: np.ndarray) -> None:
        """Put back what was cut.

        Args:
            sr: (k H, k W, C); changed in place, in blocks of k x k.
            lr: (H, W, C).
            shown: Likewise, from `cut`.
        """
        if shown is lr:
            return
        places = rows, columns = np.nonzero(in_any_channel(lr != shown)[..., 0])
        lacking = lr[places].astype(int) - shown[places]
        index = rows, slice(None), columns
        becomes = blocks(sr, lr)
        becomes[index] = np.clip(becomes[index] + lacking[:, None, None], 0, np.iinfo(sr.dtype).max)


WHOLE = Tones()


def tones_of(pixels: np.ndarray) -> Tones:
    """Those of a picture, (H, W, C) uint8 or uint16: the whole bits that its codes take.

    Where that spares at least three, they are not counted from zero, but are those that its codes differ in; and in
    the same way pixels that stand alone are left out, as hot ones do, but not a star or a lamp.
    """
    if pixels.dtype != np.uint16:
        return WHOLE
    below = np.cumsum(counted(pixels))
    white = 2 ** bits(_code(below, pixels.size)) - 1
    tones = _fitted(Tones(high=white, white=white), _code(below, 1), _code(below, pixels.size))
    usual = _code(below, RARE * pixels.size), _code(below, (1 - RARE) * pixels.size)
    if _fitted(tones, *usual) == tones:
        return tones
    without_points = median(pixels)
    least, most = int(without_points.min()), int(without_points.max())
    near = pixels[(pixels >= 2 * least - most) & (pixels <= 2 * most - least)]
    return _fitted(tones, int(near.min()), int(near.max()))


def counted(pixels: np.ndarray) -> np.ndarray:
    """How often each of the 2^16 codes is in an array of uint16."""
    bands = (pixels[row : row + ROWS].ravel() for row in range(0, len(pixels), ROWS))
    return sum((np.bincount(band, minlength=2**16) for band in bands), np.zeros(2**16, int))


def _code(below: np.ndarray, count: float) -> int:
    """The least code that so many pixels do not exceed."""
    return int(np.searchsorted(below, count))


def _fitted(tones: Tones, least: int, most: int) -> Tones:
    """The tones for codes from the least to the most, if that spares bits enough."""
    if bits(tones.high - tones.low) - bits(most - least) < WORTH:
        return tones
    extent = 2 ** bits(most - least) - 1
    low = min(max(0, (least + most - extent) // 2), tones.white - extent)
    return replace(tones, low=low, high=low + extent)


def bits(code: int) -> int:
    """How many a code takes."""
    return max(1, code.bit_length())
