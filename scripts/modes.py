"""What becomes of every colour mode of Pillow in every file format that it writes: docs/modes.md.

python scripts/modes.py
"""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from srgan_cli.errors import SrganError
from srgan_cli.pictures import frames, images
from srgan_cli.pictures.exif import PREFIX
from srgan_cli.pictures.formats import FORMATS, Format, Header, check_output
from srgan_cli.pictures.metadata import NAMES, Metadata
from srgan_cli.pictures.picture import Picture, map_planes

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "modes.md"
MODES = "1 L LA La P PA RGB RGBA RGBX RGBa CMYK YCbCr LAB HSV I;16 I;16B I;16L I;16N I F".split()  # noqa: SIM905
WRITTEN = [kind for kind in FORMATS if kind.written]
SEVERAL_ROWS = [kind.name for kind in WRITTEN if kind.several]
KINDS = {"grey": 1, "grey and alpha": 2, "RGB": 3, "RGB and alpha": 4}
INTRODUCTION = """# Colour modes, file formats, and what is kept

Written by `scripts/modes.py`, which makes, enlarges, writes and reads every file that is meant here. Pictures have
8 bits a channel unless it says 16.

## Every mode of Pillow

A picture of the mode on the left is saved by Pillow in the format above (&ndash; where Pillow cannot; it stores some
modes as others), read as the cell says, and, enlarged, written in the same format. What is written is read as the same
again.

"""
RULES = """
- 16 bits are told by the file's type, never by its values, and are rounded for a format that holds 8, which is said.
  Grey TIFFs of 12 bits become 16; 16 bits of CMYK are read as 8, which is said, and those of AVIF beyond 8, which is
  not, since Pillow does not tell. I and F have no agreed black and white and are refused.
- A palette becomes the colours it stands for: grey if all that are in use are grey, unless the file's profile is for
  RGB.
- RGBX's fourth channel and the fourth byte of a BMP mean nothing and are left out, as are further channels of a TIFF,
  such as saved selections; premultiplied colours are divided.
- CMYK goes through its profile to sRGB, or, without one, through Pillow's plain conversion, and it is said which. So
  does grey that has a profile for grey where that cannot be kept: in WebP, BMP, GIF and animations, and on a coloured
  `--background`.

## From any kind of picture to any format

"""
SEVERAL = """
- Alpha means that something shows through. A channel that is opaque throughout, as in screenshots, is left out where
  the format has none.
- A GIF has at most 255 colours a frame, dithered from more, and pixels are drawn or not. Where it has to do so, it is
  said.

## Several frames or pages

A file of three frames or pages in the format on the left, without end, 70 ms each if it knows of time, written in
the format above.

"""
FRAMES = """
- Frames are enlarged as they are shown, whatever is left of earlier ones; what is written are their differences. How a
  frame is disposed of is chosen anew: what is shown stays the same. What is cleared is transparent, as in browsers.
- Durations are kept to the millisecond (in PNG to the fraction), in a GIF to 10 ms, with the same sum unless frames are
  shorter than 20 ms, which browsers do not show. AVIF has no loop count. An animation has the metadata of its first
  frame, a page its own.
- Pages of one size become frames; of several sizes they stay a TIFF. Thumbnails among them are left out. A camera's raw
  file that is a TIFF of a preview (DNG, NEF) is refused.
- A PNG's picture for programs that know no animations is left out.
- Of an MPO the first picture is taken, of a HEIC the primary one.
"""
KEPT = """
## What files say beside their pixels

In the result, orientation is 1, sizes are the result's, and thumbnails are left out. What a format cannot hold is said.
A TIFF's EXIF is written anew, in which camera makers' own notes may not be found again; elsewhere it stays as it is.

"""


def image_of(mode: str) -> Image.Image:
    """A small part of examples/flower.png in a mode of Pillow, half transparent where the mode has alpha."""
    with Image.open(ROOT / "examples" / "flower.png") as photo:
        colour = photo.convert("RGB").crop((60, 30, 76, 42))
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(colour, srgb, lab, outputMode="LAB")
        assert converted is not None
        return converted
    if mode.startswith("I;16"):
        return Image.frombytes(mode, colour.size, np.asarray(colour.convert("L"), np.uint16).tobytes())
    if mode in ("LA", "RGBA", "La", "RGBa"):
        colour.putalpha(128)
        return colour.convert(mode.upper()).convert(mode)
    if mode == "PA":
        palette = colour.convert("P").convert("PA")
        palette.putalpha(Image.new("L", colour.size, 128))
        return palette
    return colour.convert(mode)


def describe(picture: Picture) -> str:
    """The picture's kind in words."""
    kind = "RGB" if picture.colour.shape[-1] == 3 else "grey"
    bits = " 16" if picture.colour.dtype == np.uint16 else ""
    return kind + bits + (" and alpha" if picture.alpha is not None else "")


def enlarged(picture: Picture) -> Picture:
    """Four times as large, without a network."""
    return map_planes(picture, lambda pixels: pixels.repeat(4, 0).repeat(4, 1))


def written_as(picture: Picture, path: Path) -> str:
    """What the picture is after it was written and read; the reason if it cannot be written."""
    header = Header(16, 12, picture.alpha is not None, picture.colour.dtype == np.uint16)
    if not can_be_written(path, header):
        return "on `--background`" if can_be_written(path, replace(header, transparent=False)) else "refused"
    images.write_picture(picture, path)
    return describe(images.read_picture(path))


def can_be_written(path: Path, header: Header) -> bool:
    """Whether a result of this kind goes into the format of a name."""
    try:
        check_output(path, header, 4)
    except SrganError:
        return False
    return True


def mode_cell(mode: str, kind: Format, folder: Path) -> str:
    """What a mode saved by Pillow in a format is read as."""
    path = folder / f"mode{kind.suffixes[0]}"
    try:
        image_of(mode).save(path, kind.name)
    except (OSError, ValueError):
        return "&ndash;"
    try:
        picture = images.read_picture(path)
    except SrganError:
        return "refused"
    read, written = describe(picture), written_as(enlarged(picture), path)
    return read if read == written else f"{read}, then {written}"


def kind_cell(channels: int, dtype: Any, kind: Format, folder: Path) -> str:
    """What a picture of a kind is in a format."""
    step = np.iinfo(dtype).max // 255
    colour = np.asarray(image_of("RGB"))[..., : 3 if channels > 2 else 1].astype(dtype) * dtype(step)
    alpha = np.full((*colour.shape[:2], 1), 128 * step, dtype) if channels in (2, 4) else None
    return written_as(Picture(colour, alpha), folder / f"kind{kind.suffixes[0]}")


def kept_cell(name: str, kind: Format, folder: Path) -> str:
    """Whether a field of the metadata is read again after it was written."""
    exif = Image.Exif()
    exif[0x010F] = "Kodak"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    block = exif.tobytes().removeprefix(PREFIX)
    iptc, texts, linear = b"\x1c\x02\x78\0\1x", (("Title", "x"),), ((b"gAMA", bytes.fromhex("000186a0")),)
    everything = Metadata(profile, block, b"<x:xmpmeta/>", iptc, (300.0, 300.0), texts, linear, b"x")
    said = Metadata(**{name: getattr(everything, name)})
    path = folder / f"kept{kind.suffixes[0]}"
    lost = images.write_picture(Picture(np.zeros((4, 4, 3), np.uint8), metadata=said), path)
    kept = bool(getattr(images.read_picture(path).metadata, name))
    assert kept != (NAMES[name] in lost)
    return "kept" if kept else "left out"


def several_cell(row: str, kind: Format, folder: Path) -> str:
    """What becomes of a file of several frames or pages."""
    came_from = next(kind for kind in FORMATS if kind.name == row)
    source, target = folder / f"several{came_from.suffixes[0]}", folder / f"written{kind.suffixes[0]}"
    pictures = [Image.new("RGB", (16, 12), (0, 0, shade)) for shade in (0, 99, 200)]
    timing = {} if came_from.several == "pages" else {"duration": 70, "loop": 0}
    pictures[0].save(source, came_from.name, save_all=True, append_images=pictures[1:], **timing)
    header = frames.read_header(source)
    if not can_be_written(target, header):
        return "refused"
    with target.open("wb") as file:
        lost = frames.encode_frames(frames.read_frames(source), header, kind, file)
    assert frames.read_header(target).frames == 3
    return kind.several + "".join(f", without {name}" for name in lost)


def table(head: str, rows: Iterable[str], cell: Callable[[str, Format], str]) -> str:
    """A Markdown table with a column a format."""
    lines = [[head, *(kind.name for kind in WRITTEN)], ["---"] * (len(WRITTEN) + 1)]
    lines += [[row, *(cell(row, kind) for kind in WRITTEN)] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def unread() -> str:
    """The formats that Pillow writes and srgan does not read."""
    Image.init()
    known = {kind.name for kind in FORMATS} | {"MPO", "DIB"}  # read as JPEG and BMP
    return ", ".join(sorted(Image.SAVE.keys() - known))


def document() -> str:
    """docs/modes.md as it should be."""
    depths = {"": np.uint8, ", 16": np.uint16}
    kinds = {f"{name}{bits}": (KINDS[name], dtype) for bits, dtype in depths.items() for name in KINDS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        modes = table("Mode", MODES, lambda mode, kind: mode_cell(mode, kind, folder))
        targets = table("Picture", kinds, lambda row, kind: kind_cell(*kinds[row], kind, folder))
        several = table("", SEVERAL_ROWS, lambda row, kind: several_cell(row, kind, folder))
        kept = table("", [*NAMES], lambda name, kind: kept_cell(name, kind, folder))
    for name, words in NAMES.items():
        kept = kept.replace(f"| {name} |", f"| {words} |")
    rest = f"\nThe other formats that Pillow writes are refused in one sentence:\n{unread()}.\n"
    return INTRODUCTION + modes + RULES + targets + SEVERAL + several + FRAMES + KEPT + kept + rest


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
