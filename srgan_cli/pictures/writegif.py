"""Pixels -> GIF, a frame at a time. Each frame has a palette of its own and draws only what differs from what is shown.

So that colours do not flicker where nothing moves, what is there stays where the next frame is the same to the eye.
"""

import math
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np
from PIL import GifImagePlugin, Image

COLOURS = 255  # of 256: one more index stands for what stays as it is
EXTREMES = 64  # of them
SAMPLE = 2**17  # pixels that a palette is made for
SETTLED = 50  # k-means ends when no more than one pixel in so many still changes its colour
SAME = 2  # levels that the network makes of nothing, and dithering makes more of
OPAQUE = 128  # alpha from which a pixel is drawn: there is nothing between in a GIF
KEEP, CLEAR = 1, 2  # what becomes of a frame's rectangle before the next one is drawn
FEWER_COLOURS = f"colours beyond {COLOURS} a frame"
NO_ALPHA = "partial transparency"
COARSE_TIME = "durations finer than 10 ms"


def write_gif(frames: Iterable[tuple[np.ndarray, float]], plays: int, file: BinaryIO) -> tuple[str, ...]:
    """Write frames, each when it comes.

    Args:
        frames: (H, W, 3) RGB or (H, W, 4) RGB and alpha, uint8, all of one size, and how many milliseconds each is
            shown.
        plays: How often they are shown; 0 for without end.
        file: What to write to.

    Returns:
        What of them a GIF cannot hold, by name.
    """
    lost: dict[str, None] = {}
    clock = _Clock()
    shown: np.ndarray | None = None
    for pixels, milliseconds, following in _with_next(frames, plays):
        colour, visible = pixels[..., :3], _visible(pixels)
        is_first = shown is None
        if shown is None:
            file.write(_header(pixels.shape[1], pixels.shape[0], plays))
            shown = np.zeros((*pixels.shape[:2], 4), np.uint8)
        drawn = visible & ((_distance(colour, shown[..., :3]) > SAME) | (shown[..., 3] == 0))
        # What disappears can be cleared only with the whole rectangle of the frame before. The first frame is whole and
        # says whether there is transparency, or programs take what it leaves out for opaque.
        clears = bool((visible & ~following).any())
        area = bounds(drawn | (clears & visible) | is_first)
        image, reduced = _with_palette(colour[area], visible[area], drawn[area])
        options = {"duration": 10 * clock.hundredths(milliseconds), "disposal": CLEAR if clears else KEEP}
        if pixels.shape[-1] == 4 or not drawn[area].all():
            options["transparency"] = len(image.getpalette("RGB") or ()) // 3 - 1
        corner = area[1].start, area[0].start
        file.writelines(GifImagePlugin.getdata(image, corner, include_color_table=True, **options))
        shown[drawn, :3], shown[drawn, 3] = colour[drawn], 255
        if clears:
            shown[...] = 0
        partial = pixels.shape[-1] == 4 and bool(np.isin(pixels[..., 3], (0, 255), invert=True).any())
        said = {FEWER_COLOURS: reduced, NO_ALPHA: partial, COARSE_TIME: milliseconds % 10}
        lost |= dict.fromkeys(name for name, is_lost in said.items() if is_lost)
    file.write(b";")
    return tuple(lost)


class _Clock:
    """Durations in a GIF's hundredths of a second, whose sum stays what it was unless browsers cannot show them."""

    def __init__(self) -> None:
        self._meant, self._written = 0.0, 0

    def hundredths(self, milliseconds: float) -> int:
        """Of a frame."""
        self._meant += milliseconds
        # Browsers take a tenth of a second for what is shorter than 2 hundredths.
        least = min(2, math.ceil(milliseconds / 10))
        duration = min(65_535, max(least, round(self._meant / 10) - self._written))
        self._written += duration
        return duration


def _with_next(
    frames: Iterable[tuple[np.ndarray, float]], plays: int
) -> Iterator[tuple[np.ndarray, float, np.ndarray]]:
    """Each frame, its duration, and where the frame behind it is visible; behind the last comes the first again."""
    iterator = iter(frames)
    current = next(iterator)
    first = _visible(current[0])
    for following in iterator:
        yield *current, _visible(following[0])
        current = following
    yield *current, _visible(current[0]) if plays == 1 else first


def _header(width: int, height: int, plays: int) -> bytes:
    head = b"GIF89a" + struct.pack("<2H3B", width, height, 0x70, 0, 0)
    if plays == 1:
        return head
    # The loop count is that of repetitions.
    return head + b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", min(max(plays - 1, 0), 65_535)) + b"\0"


def _visible(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., 3] >= OPAQUE if pixels.shape[-1] == 4 else np.ones(pixels.shape[:2], bool)


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(H, W): by how many levels colours differ at most."""
    return (np.maximum(one, other) - np.minimum(one, other)).max(axis=-1)


def bounds(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the smallest rectangle around what is true; at least a pixel."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _with_palette(colour: np.ndarray, visible: np.ndarray, drawn: np.ndarray) -> tuple[Image.Image, bool]:
    """A palette image of what is drawn, its last colour for the rest, and whether it has lost colours."""
    seen = colour[visible] if visible.any() else np.zeros((1, 3), np.uint8)
    few = Image.fromarray(seen[None]).getcolors(COLOURS)
    if few:
        palette = np.array(sorted(rgb for _, rgb in few), np.uint8)
        # Pillow takes colours that are less than four levels apart for the same.
        indices = np.searchsorted(_packed(palette), _packed(colour)).astype(np.uint8)
    else:
        sample = Image.fromarray(seen[None, :: -(-len(seen) // SAMPLE)])
        # The extremes, without which dithering leaves specks, and what is frequent, for smooth skies.
        extremes = sample.quantize(EXTREMES, Image.Quantize.MAXCOVERAGE)
        settled = max(1, sample.width // SETTLED)
        frequent = sample.quantize(COLOURS - EXTREMES, Image.Quantize.MEDIANCUT, kmeans=settled)
        colours = [*(extremes.getpalette() or ()), *(frequent.getpalette() or ())]
        palette = np.array(colours, np.uint8).reshape(-1, 3)
        both = Image.new("P", (1, 1))
        both.putpalette(palette.tobytes())
        indices = np.asarray(Image.fromarray(np.ascontiguousarray(colour)).quantize(palette=both))
    image = Image.fromarray(np.where(drawn, indices, np.uint8(len(palette))))
    image.putpalette(palette.tobytes() + bytes(3))
    return image, not few


def _packed(colour: np.ndarray) -> np.ndarray:
    """(..., 3) -> (...): a number for each colour, in the order of red, green, blue."""
    red, green, blue = np.moveaxis(colour, -1, 0)
    return red * np.uint32(1 << 16) + green * np.uint32(1 << 8) + blue
