"""A GIF -> its frames, each by itself, and how they are drawn.

Pillow decodes the pixels of each, but puts frames together otherwise: it clears to a colour if the transparency of the
first frame does not tell it to do otherwise.
"""

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image

from srgan_cli.pictures.canvas import Disposal, Part

EXTENSION, IMAGE, END = b"!", b",", b";"
CONTROL = b"\xf9"
DISPOSALS: dict[int, Disposal] = {2: "clear", 3: "restore"}
HAS_PALETTE, PALETTE_SIZE, INTERLACED, IS_TRANSPARENT = 0x80, 0x07, 0x40, 0x01  # bits


def read_parts(file: BinaryIO) -> Iterator[Part]:
    """The frames in a GIF, as they are stored; none is decoded.

    Args:
        file: Read from its start.

    Raises:
        struct.error: It ends in the middle of a header.
    """
    file.seek(0)
    head = file.read(13)
    palette = _palette(file, head[10])
    control = bytes(4)
    while (kind := file.read(1)) not in (END, b""):
        if kind == EXTENSION:
            is_control = file.read(1) == CONTROL
            content = _sub_blocks(file)
            control = content[1:5].ljust(4, b"\0") if is_control else control
        elif kind == IMAGE:
            left, top, width, height, flags = struct.unpack("<4HB", file.read(9))
            table = _palette(file, flags) or palette
            size = (len(table) // 3).bit_length() - 2
            screen = struct.pack("<2H3B", width, height, HAS_PALETTE | size if table else 0, 0, 0)
            place = struct.pack("<4HB", 0, 0, width, height, flags & INTERLACED)
            bits, hundredths, index = struct.unpack("<BHB", control)
            transparency = EXTENSION + CONTROL + bytes([4, bits & IS_TRANSPARENT, 0, 0, index, 0])
            parts = [b"GIF89a", screen, table, transparency, IMAGE, place, file.read(1), _sub_blocks(file)]
            yield Part(
                left,
                top,
                width,
                height,
                b"".join(parts),
                see_through=bool(bits & IS_TRANSPARENT),
                disposal=DISPOSALS.get(bits >> 2 & 7, "keep"),
                milliseconds=10 * hundredths,
            )
            control = bytes(4)


def _palette(file: BinaryIO, flags: int) -> bytes:
    return file.read(3 << 1 + (flags & PALETTE_SIZE)) if flags & HAS_PALETTE else b""


def _sub_blocks(file: BinaryIO) -> bytes:
    """Blocks of up to 255 bytes behind their lengths, as they are; the last is empty, and missing in a cut file."""
    parts = []
    while size := file.read(1):
        parts += [size, file.read(size[0])]
        if size == b"\0":
            break
    return b"".join(parts)


def decode(gif: bytes) -> np.ndarray:
    """The pixels of a part's file: (H, W, 4) RGB and alpha, uint8.

    Raises:
        Exception: Whatever a damaged one leads the decoder to.
    """
    with Image.open(io.BytesIO(gif), formats=["GIF"]) as image:
        return np.asarray(image.convert("RGBA"))
