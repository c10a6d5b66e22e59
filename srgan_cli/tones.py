"""Which of 16 bits' codes a network is shown as black and as white; NumPy only."""

from dataclasses import dataclass
from typing import Any

import numpy as np

RARE = 1e-3  # of the pixels, at either end: hot pixels, implants
MOST_BITS_FOR_RARE = 2  # that others may lose on their account
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
        """The pixels without what lies beyond both ends."""
        return pixels.clip(*self.ends(pixels.dtype)) if pixels.dtype == np.uint16 else pixels

    def put_back(self, sr: np.ndarray, lr: np.ndarray) -> None:
        """Add to an enlarged picture, (k H, k W, C), in place, what was cut from (H, W, C), in blocks of k x k."""
        if lr.dtype != np.uint16:
            return
        height, width, channels = lr.shape
        blocks = sr.reshape(height, sr.shape[0] // height, width, sr.shape[1] // width, channels)
        places = rows, columns, of_channel = np.nonzero((lr < self.low) | (lr > self.high))
        lacking = lr[places].astype(int) - self.cut(lr[places])
        index = rows, slice(None), columns, slice(None), of_channel
        blocks[index] = (blocks[index] + lacking[:, None, None]).astype(np.uint16)


WHOLE = Tones()


def tones_of(pixels: np.ndarray) -> Tones:
    """Those of a picture, (H, W, C) uint8 or uint16: as many whole bits as its codes need, which lie in their middle.

    If it is for a few pixels that three bits more are needed, or several, these are not counted.
    """
    if pixels.dtype != np.uint16:
        return WHOLE
    bands = (pixels[row : row + ROWS].ravel() for row in range(0, len(pixels), ROWS))
    below = np.cumsum(sum(np.bincount(band, minlength=2**16) for band in bands))
    least, most = (int(code) for code in np.searchsorted(below, (1, pixels.size)))
    usual = [int(code) for code in np.searchsorted(below, (RARE * pixels.size, (1 - RARE) * pixels.size))]
    white = 2 ** max(1, most.bit_length()) - 1
    if (most - least).bit_length() - (usual[1] - usual[0]).bit_length() > MOST_BITS_FOR_RARE:
        least, most = usual
    extent = 2 ** max(1, (most - least).bit_length()) - 1
    low = min(max(0, (least + most - extent) // 2), white - extent)
    return Tones(low, low + extent, white)
