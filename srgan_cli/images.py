"""Files <-> pixels: orientation, atomic writes.

A `Picture` holds integer pixels; `to_tensor` and `to_pixels` are the only places where integers become the network's
numbers and back.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import DTypeLike
from PIL import Image, ImageFile

from srgan_cli import encoding, metadata, modes, sixteen
from srgan_cli.encoding import EncodingError
from srgan_cli.errors import SrganError, said_of
from srgan_cli.exif import orientation
from srgan_cli.files import replacing
from srgan_cli.formats import Format, Header, format_of
from srgan_cli.metadata import Metadata
from srgan_cli.opening import MOST_PIXELS, open_picture, refuse_several, without_pixels

LYING = 5  # EXIF's orientations from this to 8 have rows and columns exchanged
NOTHING_SAID = Metadata()


@dataclass(frozen=True)
class Picture:
    """A decoded, upright picture.

    Attributes:
        colour: (H, W, 1) grey or (H, W, 3) RGB, uint8 or uint16.
        alpha: (H, W, 1) in the dtype of `colour`, 0 transparent; None if the picture has no transparency.
        metadata: What the file said beside the pixels, as it said it.
        notes: What a user should know about how it was read.
    """

    colour: np.ndarray
    alpha: np.ndarray | None = None
    metadata: Metadata = NOTHING_SAID
    notes: tuple[str, ...] = ()


def map_planes(picture: Picture, function: Callable[[np.ndarray], np.ndarray]) -> Picture:
    """The picture with the results of a function of (H, W, C) for its colour and, if it has one, its alpha."""
    alpha = None if picture.alpha is None else function(picture.alpha)
    return replace(picture, colour=function(picture.colour), alpha=alpha)


def used_range(pixels: np.ndarray) -> float:
    """The part of their range that pixels use, in whole bits: 4095/65535 for a 12-bit scan; always 1 with 8 bits."""
    if pixels.dtype == np.uint8:
        return 1.0
    return (2 ** max(1, int(pixels.max()).bit_length()) - 1) / np.iinfo(pixels.dtype).max


def to_tensor(pixels: np.ndarray, used: float = 1.0) -> np.ndarray:
    """uint8 or uint16 pixels -> float32, same shape: [-1, 1] is the used part of their range."""
    half_range = used * np.iinfo(pixels.dtype).max / 2
    return (pixels / np.float32(half_range) - np.float32(1)).astype(np.float32, copy=False)


def to_pixels(tensor: np.ndarray, dtype: DTypeLike = np.uint8, used: float = 1.0) -> np.ndarray:
    """Float -> uint8 or uint16 pixels, same shape: [-1, 1], clipped, becomes the used part of their range, rounded."""
    half_range = used * np.iinfo(dtype).max / 2
    return np.rint((np.clip(tensor.astype(np.float32), -1, 1) + 1) * half_range).astype(dtype)


def as_rgb8(colour: np.ndarray) -> np.ndarray:
    """(H, W, 1 or 3) uint8 or uint16 -> (H, W, 3) uint8, grey as equal colours."""
    if colour.dtype == np.uint16:
        colour = to_pixels(to_tensor(colour))
    return np.broadcast_to(colour, (*colour.shape[:2], 3))


def resize(
    pixels: np.ndarray, height: int, width: int, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> np.ndarray:
    """(H, W, 3) uint8 -> (height, width, 3) uint8 by Pillow, which reduces with antialiasing as MATLAB does."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), resample))


def header_of(image: ImageFile.ImageFile) -> Header:
    """Size and kind of an opened picture, at its present frame or page, without decoding it."""
    deep = image.mode in modes.SIXTEEN_BITS or sixteen.is_deep(image)
    # Pillow turns TIFFs, and what it says of their size, by itself.
    lying = image.format != "TIFF" and orientation(without_pixels(image)) >= LYING
    width, height = image.size[::-1] if lying else image.size
    grey = image.mode in modes.GREY + modes.SIXTEEN_BITS
    return Header(width, height, image.has_transparency_data, deep, grey)


def read_picture(path: Path, file: BinaryIO | None = None, most_pixels: int = MOST_PIXELS) -> Picture:
    """Decode a picture file and turn it upright.

    Args:
        path: The file; only its name in messages if `file` is given.
        file: What to read instead, such as a member of an archive.
        most_pixels: A larger picture is refused before it is decoded.

    Raises:
        SrganError: The file is missing, damaged, not a picture, too large, or of a kind that is not supported.
    """
    with open_picture(path, file, most_pixels) as image:
        return decode(image)


def decode(image: ImageFile.ImageFile) -> Picture:
    """The picture at the present frame or page of an opened file, upright.

    Raises:
        Exception: Whatever a damaged file leads the decoders to.
    """
    if not sixteen.is_deep(image):
        return _from_pil(image)
    picture = from_array(sixteen.decode(image))
    if image.format == "PNG":
        image.load()  # for what it says behind the pixels
    return _upright(picture, orientation(image), metadata.read(image))


def from_pil(image: Image.Image) -> Picture:
    """The picture in a Pillow image, upright according to its EXIF orientation.

    Args:
        image: Any mode but I and F; see `modes.to_channels`.

    Raises:
        SrganError: The mode is not supported, or there are several frames.
    """
    refuse_several(image)
    return _from_pil(image)


def _from_pil(image: Image.Image) -> Picture:
    image.load()
    array, note = modes.to_channels(image)
    said = metadata.read(image)
    if modes.drops_profile(image.mode):
        said = replace(said, icc_profile=None)
    return _upright(from_array(array), orientation(image), said, note)


def _upright(picture: Picture, turn: int, said: Metadata, *notes: str) -> Picture:
    picture = map_planes(picture, lambda pixels: np.ascontiguousarray(_turned(pixels, turn)))
    return replace(picture, metadata=said, notes=tuple(filter(None, notes)))


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels as EXIF's orientation says they are to be seen."""
    if orientation >= LYING:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels


def from_array(array: np.ndarray) -> Picture:
    """The picture in an array.

    Args:
        array: (H, W) or (H, W, 1) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB or (H, W, 4) RGB and alpha; uint8 or
            uint16.

    Raises:
        SrganError: Another shape or dtype, or no pixels.
    """
    array = np.asarray(array)
    if array.dtype not in (np.uint8, np.uint16) or array.size == 0:
        raise SrganError(
            f"an array of {array.dtype}, shape {array.shape}, is not a picture", "give uint8 or uint16 pixels"
        )
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] > 4:
        raise SrganError(f"an array of shape {array.shape} is not a picture", "give (H, W) or (H, W, 1 to 4)")
    colours = array.shape[-1] - (1 - array.shape[-1] % 2)
    return Picture(array[..., :colours], array[..., colours:] if colours < array.shape[-1] else None)


def to_array(picture: Picture) -> np.ndarray:
    """(H, W, 1 to 4): the colour channels, and alpha last if there is one."""
    if picture.alpha is None:
        return picture.colour
    return np.concatenate([picture.colour, picture.alpha], axis=-1)


def to_pil(picture: Picture) -> Image.Image:
    """The picture as a Pillow image of mode L, LA, RGB, RGBA or I;16, with its colour profile.

    Pillow has no mode for 16 bits with colour or alpha: these are rounded to 8.
    """
    pixels = to_array(picture)
    if pixels.dtype == np.uint16 and pixels.shape[-1] > 1:
        pixels = to_pixels(to_tensor(pixels))
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    if picture.metadata.icc_profile:
        image.info["icc_profile"] = picture.metadata.icc_profile
    return image


def write_picture(picture: Picture, path: Path) -> tuple[str, ...]:
    """Encode a picture in the format of the name's ending; nobody ever sees half a file under that name.

    Args:
        picture: What to write; its metadata is made true of it: upright, of this size, without a thumbnail.
        path: Where to.

    Returns:
        What it said that the format cannot hold, by name.

    Raises:
        SrganError: It cannot be written; whatever stood at `path` is still there.
    """
    kind = format_of(path)
    return write(path, lambda file: encode(picture, kind, file))


def write(path: Path, encode_to: Callable[[BinaryIO], tuple[str, ...]], new: bool = False) -> tuple[str, ...]:
    """Write a file by a function; nobody ever sees half a file under that name. See `write_picture`."""
    with said_of(path, EncodingError), replacing(path, new) as temporary, temporary.open("xb") as file:
        return encode_to(cast(BinaryIO, _WithoutDescriptor(file)))


class _WithoutDescriptor:
    """A file that encoders written in C cannot write to by themselves: they would not say that the disk is full."""

    def __init__(self, file: BinaryIO) -> None:
        self.write, self.writelines, self.seek = file.write, file.writelines, file.seek
        self.tell, self.flush = file.tell, file.flush


def encode(picture: Picture, kind: Format, file: BinaryIO) -> tuple[str, ...]:
    """Write a picture to an open file; see `write_picture`.

    Raises:
        EncodingError: The encoder does not take it.
        OSError: The file cannot be written to.
    """
    pixels = to_array(picture)
    kept, lost = picture.metadata.corrected(*pixels.shape[1::-1]).fitted(kind, grey=pixels.shape[-1] < 3)
    with encoding.encoders_errors():
        return lost + encoding.encode(pixels, kept, kind, file)
