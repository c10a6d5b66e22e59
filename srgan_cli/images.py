"""Files <-> pixels: colour modes, transparency, orientation, file formats; atomic writes.

A `Picture` holds integer pixels; `to_tensor` and `to_pixels` are the only places where integers become the network's
numbers and back.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from srgan_cli.errors import SrganError
from srgan_cli.files import reason, replacing


@dataclass(frozen=True)
class Format:
    """A file format: Pillow's name, what it can hold, and how it is written.

    Attributes:
        name: Pillow's name.
        suffixes: File name endings, lower case; the first is the usual one.
        longest_side: Most pixels along a side, or None if the format sets no limit worth checking.
        alpha: Whether it keeps an alpha channel.
        sixteen_bits: Whether it keeps 16-bit grey.
        options: Arguments of `PIL.Image.Image.save`.
    """

    name: str
    suffixes: tuple[str, ...]
    longest_side: int | None = None
    alpha: bool = False
    sixteen_bits: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def lossy(self) -> bool:
        """Whether there is a quality to choose."""
        return "quality" in self.options


FORMATS = (
    Format("PNG", (".png",), alpha=True, sixteen_bits=True),
    # 65,535 fits the file format; libjpeg, which everybody uses, stops at 65,500.
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), 65_500, options={"quality": 95, "subsampling": "4:4:4"}),
    Format("WEBP", (".webp",), 16_383, alpha=True, options={"quality": 95}),
    Format("TIFF", (".tif", ".tiff"), alpha=True, sixteen_bits=True, options={"compression": "tiff_lzw"}),
    Format("BMP", (".bmp", ".dib")),
)
SUFFIXES = {suffix: kind for kind in FORMATS for suffix in kind.suffixes}
GREY_MODES = ("1", "L", "LA", "I;16", "I;16B", "I;16L", "I;16N")
COLOUR_MODES = ("P", "PA", "RGB", "RGBA")


@dataclass(frozen=True)
class Header:
    """What is known of a picture file before its pixels are decoded; sizes in pixels, as stored (not yet upright)."""

    width: int
    height: int
    transparent: bool
    sixteen_bits: bool


@dataclass(frozen=True)
class Picture:
    """A decoded, upright picture.

    Attributes:
        colour: (H, W, 1) grey or (H, W, 3) RGB, uint8 or uint16.
        alpha: (H, W, 1) in the dtype of `colour`, 0 transparent; None if the picture has no transparency.
        icc_profile: The colour profile's bytes, which the pixels are to be read with.
    """

    colour: np.ndarray
    alpha: np.ndarray | None = None
    icc_profile: bytes | None = None


def to_tensor(pixels: np.ndarray) -> np.ndarray:
    """uint8 or uint16 pixels -> float32 in [-1, 1], same shape."""
    half_range = np.iinfo(pixels.dtype).max / 2
    return (pixels / np.float32(half_range) - np.float32(1)).astype(np.float32, copy=False)


def to_pixels(tensor: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Float [-1, 1] -> uint8 or uint16 pixels, same shape: clipped and rounded to the nearest."""
    half_range = np.iinfo(dtype).max / 2
    return np.rint((np.clip(tensor.astype(np.float32), -1, 1) + 1) * half_range).astype(dtype)


def as_rgb8(colour: np.ndarray) -> np.ndarray:
    """(H, W, 1 or 3) uint8 or uint16 -> (H, W, 3) uint8, grey as equal colours."""
    if colour.dtype == np.uint16:
        colour = to_pixels(to_tensor(colour), np.dtype(np.uint8))
    return np.broadcast_to(colour, (*colour.shape[:2], 3))


def resize(
    pixels: np.ndarray, height: int, width: int, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> np.ndarray:
    """(H, W, 3) uint8 -> (height, width, 3) uint8 by Pillow, which reduces with antialiasing as MATLAB does."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), resample))


def format_of(path: Path) -> Format:
    """The format that a file name's ending stands for.

    Raises:
        SrganError: The ending is missing or unknown.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        accepted = " ".join(kind.suffixes[0] for kind in FORMATS)
        raise SrganError(
            f"{path}: pictures are not written as {path.suffix or 'a name without ending'!r}", f"use one of {accepted}"
        )
    return kind


def check_output(path: Path, header: Header, scale: int) -> None:
    """Find out before any computing whether the enlarged picture can be written to `path`.

    Raises:
        SrganError: The format cannot hold the size, the transparency or the bits.
    """
    kind = format_of(path)
    side = scale * max(header.width, header.height)
    if kind.longest_side and side > kind.longest_side:
        raise SrganError(
            f"{path}: {kind.name} holds at most {kind.longest_side:,} pixels a side, the result has {side:,}",
            "write a .png or .tif instead",
        )
    if header.transparent and not kind.alpha:
        raise SrganError(
            f"{path}: {kind.name} cannot hold the picture's transparency", "write a .png, .webp or .tif instead"
        )
    if header.sixteen_bits and not kind.sixteen_bits:
        raise SrganError(f"{path}: {kind.name} cannot hold the picture's 16 bits", "write a .png or .tif instead")


def read_header(path: Path, file: BinaryIO | None = None) -> Header:
    """Size and kind of the picture file at `path`, without decoding it.

    Args:
        path: The file; only its name in messages if `file` is given.
        file: What to read instead.

    Raises:
        SrganError: There is no picture that can be read.
    """
    with _open(path, file) as image:
        return _header(image)


def _header(image: Image.Image) -> Header:
    return Header(image.width, image.height, image.has_transparency_data, image.mode.startswith("I;16"))


def read_picture(path: Path, file: BinaryIO | None = None) -> Picture:
    """Decode a picture file and turn it upright.

    Args:
        path: The file; only its name in messages if `file` is given.
        file: What to read instead, such as a member of an archive.

    Raises:
        SrganError: The file is missing, damaged, not a picture, or of a kind that is not supported.
    """
    with _open(path, file) as image:
        return from_pil(image)


@contextmanager
def _open(path: Path, file: BinaryIO | None = None) -> Iterator[Image.Image]:
    """Open a picture; whatever goes wrong inside the `with` is reported as one sentence about this file."""
    try:
        with warnings.catch_warnings():
            # Pillow warns at 89 megapixels, which cameras make, and refuses at twice that.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file or path, formats=[kind.name for kind in FORMATS]) as image:
                _refuse_unsupported(image)
                yield image
    except SrganError as error:
        raise SrganError(f"{path}: {error.message}", error.hint) from error
    except FileNotFoundError:
        raise SrganError(f"{path}: there is no such file or folder", "check the spelling") from None
    except UnidentifiedImageError:
        names = ", ".join(kind.name for kind in FORMATS)
        raise SrganError(f"{path}: is not a picture, or it is damaged", f"pictures are {names} files") from None
    except Image.DecompressionBombError as error:
        raise SrganError(f"{path}: too large ({error})", "cut it into parts") from error
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them to
        raise SrganError(
            f"{path}: cannot be read ({reason(error)})", "it may be damaged; save or copy it again"
        ) from error


def _refuse_unsupported(image: Image.Image) -> None:
    # An MPO is a JPEG photograph with previews or a second view behind it: the photograph is its first frame.
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if frames > 1:
        raise SrganError(f"has {frames} frames or pages; only single pictures can be enlarged", "extract them first")
    if image.mode not in GREY_MODES + COLOUR_MODES:
        raise SrganError(f"has the colour mode {image.mode}, which is not supported", "convert it to RGB first")


def from_pil(image: Image.Image) -> Picture:
    """The pixels of a Pillow image, upright according to its EXIF orientation.

    Args:
        image: Mode 1, L, LA, P, PA, RGB, RGBA or I;16.

    Raises:
        SrganError: The mode is none of these.
    """
    _refuse_unsupported(image)
    icc_profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return Picture(np.asarray(image).astype(np.uint16)[..., None], None, icc_profile)
    transparent = image.has_transparency_data
    if image.mode in GREY_MODES:
        image = image.convert("LA" if transparent else "L")
    else:
        image = image.convert("RGBA" if transparent else "RGB")
    return replace(from_array(np.array(image)), icc_profile=icc_profile)


def from_array(array: np.ndarray) -> Picture:
    """The picture in an array.

    Args:
        array: (H, W) or (H, W, 1) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB or (H, W, 4) RGB and alpha; uint8 or
            uint16, full range.

    Raises:
        SrganError: Another shape or dtype, or no pixels.
    """
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
    """The picture as a Pillow image of mode L, LA, RGB, RGBA or I;16, with its colour profile."""
    pixels = to_array(picture)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    if picture.icc_profile:
        image.info["icc_profile"] = picture.icc_profile
    return image


def write_picture(picture: Picture, path: Path, quality: int | None = None) -> None:
    """Encode a picture in the format of the name's ending; nobody ever sees half a file under that name.

    Args:
        picture: What to write.
        path: Where to.
        quality: 1 to 100, for formats that lose something; None for the usual.

    Raises:
        SrganError: It cannot be written; whatever stood at `path` is still there.
    """
    kind = format_of(path)
    with replacing(path) as temporary, temporary.open("xb") as file:
        encode(picture, kind, cast(BinaryIO, _WithoutDescriptor(file)), quality)


class _WithoutDescriptor:
    """A file that encoders written in C cannot write to by themselves: they would not say that the disk is full."""

    def __init__(self, file: BinaryIO) -> None:
        self.write, self.seek, self.tell, self.flush = file.write, file.seek, file.tell, file.flush


def encode(picture: Picture, kind: Format, file: BinaryIO, quality: int | None = None) -> None:
    """Write a picture to an open file; see `write_picture`."""
    options = kind.options | ({"quality": quality} if quality and kind.lossy else {})
    to_pil(picture).save(file, kind.name, icc_profile=picture.icc_profile, **options)
