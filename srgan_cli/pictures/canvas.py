"""Frames of an animation, drawn one over the other as browsers do: where nothing was drawn, it is transparent."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

Disposal = Literal["keep", "clear", "restore"]
LEAST_ALPHA = 1e-9  # of what is divided by; no alpha but 0 is less


@dataclass(frozen=True)
class Part:
    """What a file says about a frame: what is drawn, where and how.

    Attributes:
        left: Where its upper left corner is, in pixels.
        top: Likewise.
        width: In pixels.
        height: Likewise.
        file: A picture file of it alone.
        see_through: Whether what is behind it may be seen through it.
        over: Whether it is drawn over what is there, instead of taking its place.
        disposal: What becomes of its rectangle before the next one is drawn.
        milliseconds: How long the frame is shown.
    """

    left: int
    top: int
    width: int
    height: int
    file: bytes
    see_through: bool
    over: bool = True
    disposal: Disposal = "keep"
    milliseconds: float = 0

    @property
    def rectangle(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom edge."""
        return self.left, self.top, self.left + self.width, self.top + self.height

    def hides(self, rectangle: tuple[int, int, int, int]) -> bool:
        """Whether nothing is seen of what is behind it there."""
        (left, top, right, bottom), (x0, y0, x1, y1) = self.rectangle, rectangle
        return not self.see_through and left <= x0 and top <= y0 and right >= x1 and bottom >= y1


def is_transparent(parts: Iterable[Part], width: int, height: int) -> bool:
    """Whether any frame on a canvas of this size may show what is behind it."""
    cleared: tuple[int, int, int, int] | None = 0, 0, width, height  # where nothing is, before a part is drawn
    for part in parts:
        if (cleared and not part.hides(cleared)) or (part.see_through and not part.over):
            return True
        if part.disposal != "restore":
            cleared = part.rectangle if part.disposal == "clear" else None
    return False


def show(
    parts: Iterable[Part], decode: Callable[[bytes], np.ndarray], width: int, height: int
) -> Iterator[tuple[np.ndarray, float]]:
    """Draw frame after frame.

    Args:
        parts: What is drawn.
        decode: A part's file -> (height, width, 4) RGB and alpha, uint8 or uint16, of one kind for all.
        width: Of the canvas in pixels; what lies outside is cut off.
        height: Likewise.

    Yields:
        (height, width, 4) what is seen, as `decode` returns it, and for how many milliseconds.

    Raises:
        ValueError: A part is larger than the canvas.
        Exception: Whatever `parts` and `decode` raise.
    """
    canvas = np.zeros((height, width, 4), np.uint8)
    for part in parts:
        if part.width * part.height > width * height:
            raise ValueError("it is larger than the picture")
        pixels = decode(part.file)
        canvas = canvas.astype(pixels.dtype, copy=False)  # before the first it is empty
        before = canvas.copy() if part.disposal == "restore" else None
        area = canvas[part.top : part.top + part.height, part.left : part.left + part.width]
        drawn = pixels[: area.shape[0], : area.shape[1]]
        if part.over and part.see_through:
            _draw_over(area, drawn)
        else:
            area[...] = drawn
        yield canvas.copy(), part.milliseconds
        if before is not None:
            canvas = before
        elif part.disposal == "clear":
            area[...] = 0


def _draw_over(area: np.ndarray, pixels: np.ndarray) -> None:
    """Draw pixels with straight alpha (Porter and Duff's `over`), row by row, since it is computed in floats."""
    opaque = np.iinfo(area.dtype).max
    for below, above in zip(area, pixels, strict=True):
        share = above[:, 3:] / opaque
        rest = below[:, 3:] / opaque * (1 - share)
        alpha = share + rest
        colour = (above[:, :3] * share + below[:, :3] * rest) / np.maximum(alpha, LEAST_ALPHA)
        below[:, :3], below[:, 3:] = np.rint(colour), np.rint(alpha * opaque)
