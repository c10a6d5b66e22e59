"""How large a result is to be, and the reduction to exactly that size; NumPy and Pillow only."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from math import ceil, prod
from typing import Any

import numpy as np
from PIL import Image

from srgan_cli import SCALE
from srgan_cli.errors import UsageError
from srgan_cli.options import flag
from srgan_cli.pictures.picture import Picture

LONGEST_SIDE = 2**31 - 1  # pixels; PNG's
SUFFIX = re.compile(r"_(x(\d+(?:\.\d+)?)|(w|h|long)(\d{3,}))$", re.IGNORECASE)  # of any size from 100 pixels up
LEAST_SEEN = 1 / 255  # opacity
SIDES = {"w": "width", "h": "height", "long": "long_edge"}  # in a suffix -> of `Size`


@dataclass(frozen=True)
class Size:
    """The size of the result; at most one is given, with none it is four times the picture's.

    Attributes:
        scale: Result pixels per LR pixel, above 1.
        width: Of the result in pixels; its height follows. Likewise the others.
        height: Its height.
        long_edge: Its longer side.
    """

    scale: float | None = None
    width: int | None = None
    height: int | None = None
    long_edge: int | None = None

    def __post_init__(self) -> None:
        """Check what is given.

        Raises:
            UsageError: More than one is, or the scale is not above 1, or it is larger than any file holds.
        """
        given = [flag(name) for name, value in asdict(self).items() if value is not None]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} cannot both be met", "give one of them")
        if self.scale is not None and not 1 < self.scale <= LONGEST_SIDE:
            raise UsageError(f"--scale is {self.scale}", f"use a number above 1, {LONGEST_SIDE:,} at most")
        if max(self.width or 1, self.height or 1, self.long_edge or 1) > LONGEST_SIDE:
            raise UsageError(f"{given[0]} is too large", f"use {LONGEST_SIDE:,} at most")

    @property
    def suffix(self) -> str:
        """Put behind a name, it tells the size."""
        factor = SCALE if self.scale is None else self.scale
        sides = ((letter, getattr(self, side)) for letter, side in SIDES.items())
        return next((f"_{letter}{pixels}" for letter, pixels in sides if pixels), f"_x{factor:g}")

    def of(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the result for a picture of this size."""
        factor: float = SCALE if self.scale is None else self.scale
        for wanted, side in ((self.width, width), (self.height, height), (self.long_edge, max(height, width))):
            factor = factor if wanted is None else wanted / side
        return max(1, round(factor * height)), max(1, round(factor * width))

    def passes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Height and width of what goes through the network, pass by pass, for a picture of this size.

        What a pass has made is reduced to a quarter of the result before the last one: what is computed beyond that
        would take time and memory, and be lost in a reduction.
        """
        wanted, given = self.of(height, width), [(height, width)]
        while any(end > SCALE * side for end, side in zip(wanted, given[-1], strict=True)):
            tall, wide = (min(SCALE * side, ceil(end / SCALE)) for end, side in zip(wanted, given[-1], strict=True))
            given.append((tall, wide))
        return given

    def pixels(self, height: int, width: int) -> int:
        """LR pixels that go through the network for it."""
        return sum(map(prod, self.passes(height, width)))


def split_name(name: str) -> tuple[str, Size | None]:
    """A name without `Size.suffix`, and the size; None if it has no such suffix, or nothing before it."""
    match = SUFFIX.search(name)
    if not match or not match.start():
        return name, None
    _, scale, side, pixels = match.groups()
    try:
        size = Size(scale=float(scale)) if scale else Size(**{SIDES[side.lower()]: int(pixels)})
        return name[: match.start()], size
    except UsageError:  # no scale that is possible
        return name, None


def to_size(picture: Picture, height: int, width: int, dtype: np.dtype[Any], margin: int = 0) -> Picture:
    """A uint16 picture resized by antialiased bicubic interpolation in float and rounded once, to `dtype`.

    Colours count as much as they are seen: what is under transparency would otherwise show beside an edge. Around the
    picture `margin` pixels are only neighbours.
    """

    def resize(plane: np.ndarray) -> np.ndarray:
        image = Image.fromarray(plane)
        box = (margin, margin, image.width - margin, image.height - margin)
        return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, box))

    def put_together(planes: Iterable[np.ndarray], channels: int) -> np.ndarray:
        result = np.empty((height, width, channels), dtype)
        for channel, plane in enumerate(planes):  # one by one, since floats take much memory
            result[..., channel] = np.rint(plane.clip(0, 1) * np.iinfo(dtype).max)
        return result

    colours = map(_in_floats, np.moveaxis(picture.colour, -1, 0))
    channels = picture.colour.shape[-1]
    if picture.alpha is None:
        return replace(picture, colour=put_together(map(resize, colours), channels))
    opacity = _in_floats(picture.alpha[..., 0])
    resized = resize(opacity)
    seen = resized >= LEAST_SEEN

    def weighed(colour: np.ndarray) -> np.ndarray:
        result = resize(colour).copy()  # Pillow's cannot be written to
        return np.divide(resize(colour * opacity), resized, out=result, where=seen)

    colour = put_together(map(weighed, colours), channels)
    return replace(picture, colour=colour, alpha=put_together([resized], 1))


def _in_floats(plane: np.ndarray) -> np.ndarray:
    """uint16 -> float32 in [0, 1]."""
    floats = plane.astype(np.float32)
    floats /= np.float32(65_535)
    return floats
