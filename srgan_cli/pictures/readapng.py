"""An animated PNG -> its frames, each by itself, and how they are drawn (PNG, third edition, 11.3.6).

Pillow decodes the pixels of each, but puts frames together otherwise: what is half transparent makes what it is drawn
over half transparent, too, and without an alpha channel it clears to black.
"""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from itertools import count
from typing import BinaryIO

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import putchunk

from srgan_cli.pictures import images
from srgan_cli.pictures.canvas import Disposal, Part
from srgan_cli.pictures.encoding import with_alpha, with_colours
from srgan_cli.pictures.formats import PNG_SIGNATURE
from srgan_cli.pictures.opening import mend_png
from srgan_cli.pictures.picture import to_array

HEADER, PALETTE, TRANSPARENCY = b"IHDR", b"PLTE", b"tRNS"  # which hold for all frames
CONTROL, FIRST_PIXELS, PIXELS, END = b"fcTL", b"IDAT", b"fdAT", b"IEND"
CONTROL_SIZE = 26  # bytes
HAS_ALPHA = 4  # a bit of the colour type, which is the header's tenth byte
DISPOSALS: dict[int, Disposal] = {1: "clear", 2: "restore"}
OVER = 1


def read_parts(file: BinaryIO, frames: int, width: int, height: int) -> Iterator[Part]:
    """The frames in an animated PNG, as they are stored; none is decoded.

    Args:
        file: Read from its start.
        frames: How many it should have; more are passed over.
        width: Of the picture in pixels.
        height: Likewise.

    Raises:
        ValueError: It is damaged; the frames in front of that were yielded.
    """
    parts = _read_parts(file)
    for _ in range(frames):
        part = next(parts, None)
        if part is None:
            raise ValueError("the file ends in front of it")
        _, _, right, bottom = part.rectangle
        if not (part.width and part.height and right <= width and bottom <= height):
            raise ValueError("it does not lie within the picture")
        yield part


def _read_parts(file: BinaryIO) -> Iterator[Part]:
    file.seek(len(PNG_SIGNATURE))
    shared: dict[bytes, bytes] = {}
    numbers = count()  # of the chunks that belong to the animation
    control, pixels, is_begun = b"", list[bytes](), False
    while len(start := file.read(8)) == 8 and start[4:] != END:
        length, kind = int.from_bytes(start[:4]), start[4:]
        if kind == CONTROL and control:
            yield _part(control, pixels, shared)
        is_begun |= kind in (FIRST_PIXELS, PIXELS)
        if kind == CONTROL:
            control, pixels = _numbered(file, kind, length, numbers), []
        elif kind == PIXELS:
            pixels.append(_numbered(file, kind, length, numbers))
        elif kind == FIRST_PIXELS and control:  # else they stand in where animations are not known
            pixels.append(_content(file, kind, length))
        elif kind in (HEADER, PALETTE, TRANSPARENCY) and not is_begun:
            shared[kind] = _content(file, kind, length)
        else:
            file.seek(length + 4, os.SEEK_CUR)
    if control:
        yield _part(control, pixels, shared)


def _content(file: BinaryIO, kind: bytes, length: int) -> bytes:
    content = file.read(length)
    is_short = kind == CONTROL and length < CONTROL_SIZE
    if is_short or file.read(4) != zlib.crc32(content, zlib.crc32(kind)).to_bytes(4):
        raise ValueError(f"its chunk {kind.decode()} is cut off or damaged")
    return content


def _numbered(file: BinaryIO, kind: bytes, length: int, numbers: Iterator[int]) -> bytes:
    """What is in a chunk behind its number."""
    content = _content(file, kind, length)
    if content[:4] != next(numbers).to_bytes(4):
        raise ValueError(f"its chunk {kind.decode()} is out of order")
    return content[4:]


def _part(control: bytes, pixels: list[bytes], shared: dict[bytes, bytes]) -> Part:
    if not pixels:
        raise ValueError("it has no pixels")
    width, height, left, top, numerator, denominator, disposal, blend = struct.unpack_from(">4I2H2B", control)
    png = io.BytesIO()
    png.write(PNG_SIGNATURE)
    for kind, content in shared.items():
        putchunk(png, kind, struct.pack(">2I", width, height) + content[8:] if kind == HEADER else content)
    for piece in pixels:
        putchunk(png, FIRST_PIXELS, piece)
    putchunk(png, END)
    return Part(
        left,
        top,
        width,
        height,
        png.getvalue(),
        see_through=TRANSPARENCY in shared or bool(shared[HEADER][9] & HAS_ALPHA),
        over=blend == OVER,
        disposal=DISPOSALS.get(disposal, "keep"),
        milliseconds=1000 * numerator / (denominator or 100),
    )


def decode(png: bytes) -> np.ndarray:
    """The pixels of a part's file: (H, W, 4), uint8 or uint16.

    Raises:
        Exception: Whatever a damaged one leads the decoders to.
    """
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        mend_png(image)
        return with_alpha(with_colours(to_array(images.decode(image))))
