"""Frames that are shown after one another -> bytes, each frame when it comes."""

import io
import struct
from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from typing import BinaryIO

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import putchunk

from srgan_cli.pictures import encoding
from srgan_cli.pictures.formats import PNG_SIGNATURE, Format, Header
from srgan_cli.pictures.metadata import Metadata
from srgan_cli.pictures.writegif import bounds, write_gif

LONGEST_FRACTION = 65_535  # numerator and denominator of a duration in a PNG
WEBP_FLAGS, WEBP_ALPHA, WEBP_FRAMES = 20, 0x10, 0x02  # where, and which
KEEP, REPLACE = 0, 0  # a PNG's frame stays when the next is drawn, and takes the place of what was there

Frames = Iterator[tuple[np.ndarray, float]]


def write_animation(
    frames: Frames, header: Header, metadata: Metadata, kind: Format, file: BinaryIO
) -> tuple[str, ...]:
    """Write an animation; what is shown is what was given, whole or as the difference to the frame before.

    Args:
        frames: (H, W, 3) RGB or (H, W, 4) RGB and alpha, uint8 or, in a PNG, uint16, all of one shape, and how many
            milliseconds each is shown.
        header: How many there are, and how often they are shown.
        metadata: Nothing that the format cannot hold (`Metadata.fitted`).
        kind: A format that holds frames.
        file: What to write to.

    Returns:
        What else the format cannot hold, by name.

    Raises:
        Exception: Whatever `frames` and the encoders raise.
    """
    if kind.name == "GIF":
        return write_gif(frames, header.plays, file)
    if kind.name == "PNG":
        _write_png(frames, header, metadata, file)
        return ()
    encoded = _encode_by_pillow(frames, header, metadata, kind)
    if kind.name == "AVIF":
        file.write(encoded)
        return ("loop count",) if header.plays else ()
    is_animated = bytes(encoded[12:16]) == b"VP8X" and encoded[WEBP_FLAGS] & WEBP_FRAMES
    if header.transparent and is_animated:
        # The encoder cuts off what is transparent around frames, and then may think that nothing is.
        encoded[WEBP_FLAGS] |= WEBP_ALPHA
    file.write(encoded)
    return () if is_animated else ("frames that are all equal",)  # of which the encoder makes a still picture


def _write_png(frames: Frames, header: Header, metadata: Metadata, file: BinaryIO) -> None:
    """By chunks around Pillow's: Pillow would hold all frames, and in 8 bits, and make one of those that are equal."""
    before: np.ndarray | None = None
    numbers = count()  # of the chunks that belong to the animation
    behind: list[bytes] = []
    for pixels, milliseconds in frames:
        rows, columns = _difference(before, pixels)
        part = pixels[rows, columns]
        png = io.BytesIO()
        encoding.encode(part, Metadata() if before is not None else metadata, encoding.PNG, png)
        chunks = list(encoding.chunks(png.getvalue()))
        data = [chunk[8:-4] for kind, chunk in chunks if kind == b"IDAT"]
        if before is None:
            start = next(place for place, (kind, _) in enumerate(chunks) if kind == b"IDAT")
            file.writelines([PNG_SIGNATURE, *(chunk for _, chunk in chunks[:start])])
            putchunk(file, b"acTL", struct.pack(">2I", header.frames, header.plays))
            behind = [chunk for kind, chunk in chunks[start:] if kind != b"IDAT"]
        area = part.shape[1], part.shape[0], columns.start, rows.start
        control = struct.pack(">5I2H2B", next(numbers), *area, *_fraction(milliseconds), KEEP, REPLACE)
        putchunk(file, b"fcTL", control)
        for piece in data:
            if before is None:
                putchunk(file, b"IDAT", piece)
            else:
                putchunk(file, b"fdAT", struct.pack(">I", next(numbers)), piece)
        before = pixels
    file.writelines(behind)


def _difference(before: np.ndarray | None, pixels: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the smallest rectangle outside which nothing changes; at least a pixel."""
    if before is None:
        return slice(0, pixels.shape[0]), slice(0, pixels.shape[1])
    return bounds((before != pixels).any(axis=-1))


def _fraction(milliseconds: float) -> tuple[int, int]:
    """The duration in seconds as a PNG has it: numerator and denominator."""
    denominator = LONGEST_FRACTION
    while True:
        fraction = Fraction(milliseconds / 1000).limit_denominator(denominator)
        if fraction.numerator <= LONGEST_FRACTION or denominator == 1:
            return min(fraction.numerator, LONGEST_FRACTION), fraction.denominator
        denominator = max(1, denominator // 10)


def _encode_by_pillow(frames: Frames, header: Header, metadata: Metadata, kind: Format) -> memoryview:
    durations: list[int] = []  # Pillow asks for each after it has taken the frame
    meant = 0.0

    def images() -> Iterator[Image.Image]:
        nonlocal meant
        for pixels, milliseconds in frames:
            meant += milliseconds
            durations.append(round(meant) - sum(durations))
            yield Image.fromarray(pixels)

    arguments = encoding.arguments(metadata, kind.name)
    image, encoded = _OneAfterTheOther(images(), header.frames), io.BytesIO()
    image.save(encoded, kind.name, save_all=True, duration=durations, loop=header.plays, **kind.options, **arguments)
    return encoded.getbuffer()


class _OneAfterTheOther(Image.Image):
    """Frames as Pillow's encoders take them, from the first to the last, each made when they ask for it."""

    is_animated = True

    def __init__(self, images: Iterator[Image.Image], count: int) -> None:
        super().__init__()
        self._images, self._place, self.n_frames = images, -1, count
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Take the next frame; an encoder that has them all goes back to the first, which is of no use any more."""
        if frame >= self.n_frames:
            raise EOFError
        while self._place < frame:
            image = next(self._images)
            self.im, self._mode, self._size = image.im, image.mode, image.size
            self._place += 1

    def tell(self) -> int:
        """The number of the frame."""
        return self._place
