"""GIF -> its frames as browsers show them: transparent where nothing was drawn, and where what was drawn is cleared.

Pillow decodes the pixels of each, but puts frames together otherwise: it clears to a colour if the transparency of the
first frame does not tell it to do otherwise.
"""

import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image

EXTENSION, IMAGE, END = b"!", b",", b";"
CONTROL = b"\xf9"
CLEAR, RESTORE = 2, 3
HAS_PALETTE, PALETTE_SIZE, INTERLACED, IS_TRANSPARENT = 0x80, 0x07, 0x40, 0x01  # bits


@dataclass(frozen=True)
class Block:
    """What a file says about a frame.

    Attributes:
        left: Where its upper left corner is, in pixels.
        top: Likewise.
        width: In pixels.
        height: Likewise.
        gif: A file of the frame alone.
        transparent: The palette's index that leaves what is there; None if there is none.
        disposal: What becomes of its rectangle before the next one is drawn.
        milliseconds: How long it is shown.
    """

    left: int
    top: int
    width: int
    height: int
    gif: bytes
    transparent: int | None = None
    disposal: int = 0
    milliseconds: int = 0


def read_blocks(file: BinaryIO) -> Iterator[Block]:
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
            gif = b"".join([b"GIF89a", screen, table, IMAGE, place, file.read(1), _sub_blocks(file)])
            bits, hundredths, index = struct.unpack("<BHB", control)
            transparent = index if bits & IS_TRANSPARENT else None
            yield Block(left, top, width, height, gif, transparent, bits >> 2 & 7, 10 * hundredths)
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


def is_transparent(blocks: Sequence[Block], width: int, height: int) -> bool:
    """Whether any frame on a canvas of this size may show what is behind it."""
    first, shown_over = blocks[0], blocks[:-1]  # what becomes of the last is never seen
    covers = first.left == first.top == 0 and first.width >= width and first.height >= height
    cleared = any(block.disposal == CLEAR for block in shown_over)
    emptied = any(block.disposal == RESTORE for block in shown_over[:1])  # before the first there is nothing
    return not covers or first.transparent is not None or cleared or emptied


def show(blocks: Iterable[Block], width: int, height: int) -> Iterator[tuple[np.ndarray, float]]:
    """Draw frames one over the other.

    Args:
        blocks: From `read_blocks`.
        width: Of the canvas in pixels; what lies outside is cut off.
        height: Likewise.

    Yields:
        (height, width, 4) RGB and alpha, uint8, and how many milliseconds it is shown.

    Raises:
        ValueError: A frame is larger than the canvas.
        Exception: Whatever a damaged frame leads the decoder to.
    """
    canvas = np.zeros((height, width, 4), np.uint8)
    for block in blocks:
        if block.width * block.height > width * height:
            raise ValueError("it is larger than the picture")
        before = canvas.copy() if block.disposal == RESTORE else None
        with Image.open(io.BytesIO(block.gif), formats=["GIF"]) as image:
            indices = np.asarray(image)
            colours = np.asarray(image.convert("RGBA"))
        area = canvas[block.top : block.top + block.height, block.left : block.left + block.width]
        part = slice(area.shape[0]), slice(area.shape[1])
        drawn = np.ones(area.shape[:2], bool) if block.transparent is None else indices[part] != block.transparent
        area[drawn] = colours[part][drawn]
        yield canvas.copy(), block.milliseconds
        if before is not None:
            canvas = before
        elif block.disposal == CLEAR:
            area[...] = 0
