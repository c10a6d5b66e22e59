"""Files <-> pictures: orientation, atomic writes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin

from srgan_cli.errors import said_of
from srgan_cli.files import replacing
from srgan_cli.pictures import encoding, metadata, modes, sixteen
from srgan_cli.pictures.encoding import EncodingError
from srgan_cli.pictures.exif import ORIENTATION, orientation
from srgan_cli.pictures.formats import Format, Header, format_of
from srgan_cli.pictures.metadata import Metadata
from srgan_cli.pictures.opening import is_lossless_webp, open_picture, refuse_several, without_pixels
from srgan_cli.pictures.picture import Picture, from_array, map_planes, to_8_bits, to_array

SIDEWAYS = 5  # EXIF's orientations from this to 8 have rows and columns exchanged


def header_of(image: ImageFile.ImageFile) -> Header:
    """Size and kind of an opened picture, at its present frame or page, without decoding it."""
    deep = image.mode in modes.SIXTEEN_BITS or sixteen.is_deep(image)
    # Pillow turns TIFFs by itself, and what it says of their size, too, unless it is XMP that says so.
    told = isinstance(image, TiffImagePlugin.TiffImageFile) and ORIENTATION in image.tag_v2
    sideways = not told and orientation(without_pixels(image)) >= SIDEWAYS
    width, height = image.size[::-1] if sideways else image.size
    grey = image.mode in modes.GREY + modes.SIXTEEN_BITS
    lossless = image.format == "WEBP" and is_lossless_webp(image.fp)
    return Header(width, height, image.has_transparency_data, deep, grey, lossless=lossless)


def read_picture(path: Path, file: BinaryIO | None = None) -> Picture:
    """Decode a picture file and turn it upright.

    Args:
        path: The file; only its name in messages if `file` is given.
        file: What to read instead, such as a member of an archive.

    Raises:
        SrganError: The file is missing, damaged, not a picture, too large, or of a kind that is not supported.
    """
    with open_picture(path, file) as image:
        return decode(image)


def decode(image: ImageFile.ImageFile) -> Picture:
    """The picture at the present frame or page of an opened file, upright.

    Raises:
        Exception: Whatever a damaged file leads the decoders to.
    """
    source = without_pixels(image)
    if not (sixteen.is_deep(image) or sixteen.is_strange(image)):
        return _from_pil(image, source)
    return upright(from_array(sixteen.decode(image)), orientation(source), metadata.read(source))


def from_pil(image: Image.Image) -> Picture:
    """The picture in a Pillow image, upright according to its EXIF orientation.

    Args:
        image: Any mode but I and F; see `modes.to_channels`.

    Raises:
        SrganError: The mode is not supported, or there are several frames.
    """
    refuse_several(image)
    image.load()  # a PNG may say something behind its pixels
    return _from_pil(image, image)


def _from_pil(image: Image.Image, source: Image.Image) -> Picture:
    """The picture in an image, as `source` says that it is to be seen."""
    turn = orientation(source)  # of which Pillow says nothing any more once it has turned a TIFF's pixels
    array, note = modes.to_channels(image)
    said = metadata.read(source)
    if image.mode in modes.CONVERTED:
        said = replace(said, icc_profile=None)
    return _made_true(from_array(_turned(array, orientation(source))), turn, said, note)


def upright(picture: Picture, turn: int, said: Metadata) -> Picture:
    """A picture turned as EXIF's orientation `turn` says, with what was said of it as it lay."""
    return _made_true(map_planes(picture, lambda pixels: _turned(pixels, turn)), turn, said)


def _made_true(picture: Picture, turn: int, said: Metadata, *notes: str) -> Picture:
    """A picture that was turned, with what its file says of it, made true of that, and notes."""
    picture = map_planes(picture, np.ascontiguousarray)
    kept = said if turn == 1 else said.turned()
    left_out = "" if kept == said else "without XMP's regions, since the picture was turned"
    kept = kept.sideways() if turn >= SIDEWAYS else kept
    gone = [f"without its {what}" for what in said.appended()]
    return replace(picture, metadata=kept, notes=tuple(filter(None, (*notes, left_out, *gone))))


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels as EXIF's orientation says they are to be seen."""
    if orientation >= SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels


def without_grey_profile(picture: Picture, kind: Format, grey: bool) -> Picture:
    """The picture, in sRGB instead of in a profile for grey that could not stay beside what is made of it.

    Args:
        picture: As read.
        kind: The format of the result.
        grey: Whether the pixels of that are grey.
    """
    profile = picture.metadata.icc_profile
    if picture.colour.shape[-1] > 1 or not profile or not picture.metadata.loses_grey_profile(kind, grey):
        return picture
    colour, note = modes.grey_to_srgb(picture.colour, profile)
    said = replace(picture.metadata, icc_profile=None)
    return replace(picture, colour=colour, metadata=said, notes=(*picture.notes, note))


def to_pil(picture: Picture) -> Image.Image:
    """The picture as a Pillow image of mode L, LA, RGB, RGBA or I;16, with its colour profile.

    Pillow has no mode for 16 bits with colour or alpha: these are rounded to 8.
    """
    pixels = to_array(picture)
    if pixels.dtype == np.uint16 and pixels.shape[-1] > 1:
        pixels = to_8_bits(pixels)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    if picture.metadata.icc_profile:
        image.info["icc_profile"] = picture.metadata.icc_profile
    return image


def write_picture(picture: Picture, path: Path) -> tuple[str, ...]:
    """Write one picture to one file, in the format of the name's ending; for tests, benches and scripts.

    Args:
        picture: What to write; see `encode`.
        path: Where to; see `write`.
    """
    kind = format_of(path)
    return write(path, lambda file: encode(picture, kind, file))


def write(path: Path, encode_to: Callable[[BinaryIO], tuple[str, ...]], new: bool = False) -> tuple[str, ...]:
    """Write a file by a function; nobody ever sees half a file under that name.

    Args:
        path: Where to.
        encode_to: Given the open file; returns what the format cannot hold, by name.
        new: Whether what is there by then is left as it is.

    Returns:
        What `encode_to` returns.

    Raises:
        SrganError: It cannot be written; whatever stood at `path` is still there.
    """
    with said_of(path, EncodingError), replacing(path, new) as temporary, temporary.open("xb") as file:
        return encode_to(cast(BinaryIO, _WithoutDescriptor(file)))


class _WithoutDescriptor:
    """A file that encoders written in C cannot write to by themselves: they would not say that the disk is full."""

    def __init__(self, file: BinaryIO) -> None:
        self.write, self.writelines, self.seek = file.write, file.writelines, file.seek
        self.tell, self.flush = file.tell, file.flush


def encode(picture: Picture, kind: Format, file: BinaryIO) -> tuple[str, ...]:
    """Write a picture to an open file.

    Args:
        picture: What to write; its metadata is made true of it: upright, of this size, without a thumbnail.
        kind: The format.
        file: What to write to.

    Returns:
        What the format cannot hold of it, by name.

    Raises:
        EncodingError: The encoder does not take it.
        OSError: The file cannot be written to.
    """
    pixels = to_array(picture)
    kept, lost = picture.metadata.corrected(*pixels.shape[1::-1]).fitted(kind, grey=pixels.shape[-1] < 3)
    with encoding.encoders_errors():
        return lost + encoding.encode(pixels, kept, kind, file)
