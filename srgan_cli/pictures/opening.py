"""Picture files -> opened Pillow images, or one sentence about what is wrong with them."""

import io
import math
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from PIL import ExifTags, Image, ImageFile, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from srgan_cli import MOST_MEGAPIXELS
from srgan_cli.errors import OutOfMemoryError, SrganError, reason
from srgan_cli.files import is_special
from srgan_cli.pictures import formats, modes
from srgan_cli.pictures.formats import FORMATS, PNG_SIGNATURE
from srgan_cli.pictures.pillow import LIMIT, readable_formats

LARGE_TILE = 2**24  # pixels; tiles are a thousandth of that
MOST_PIXELS = MOST_MEGAPIXELS * 10**6
REDUCED, MASK = 1, 4  # bits of NewSubfileType
BIG_ENDIAN_BIGTIFF = b"MM\0+"
TIFFS = (b"II*\0", b"MM\0*", b"II+\0")  # how they begin
PIXELS = (b"IDAT", b"fdAT", b"acTL", b"fcTL")  # a PNG's chunks of pixels, and of how they become frames
FRAME_CONTROL = 16  # bytes in a WebP's frame before its chunks
SCALED_BY = {"L;2": 85, "L;4": 17}
DAMAGED = "it may be damaged; save or copy it again"
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


@contextmanager
def open_picture(
    path: Path, file: BinaryIO | None = None, most_pixels: int = MOST_PIXELS, several: bool = False
) -> Iterator[ImageFile.ImageFile]:
    """Open a picture file, or `file` under the name of one.

    Args:
        path: The file; only its name in messages if `file` is given.
        file: What to read instead.
        most_pixels: A larger picture is refused by what its header says, before memory is taken for it.
        several: Whether it may have several frames or pages.

    Raises:
        SrganError: There is no picture that is supported, or something went wrong inside the `with`.
    """
    try:
        # By an open file, since what Pillow maps into memory by its name is not turned as EXIF says.
        with (
            LIMIT.raised_to(most_pixels),
            _content(path, file) as opened,
            Image.open(opened, formats=readable_formats()) as image,
        ):
            mend_png(image)
            if not several:
                refuse_several(image)
            modes.refuse_unsupported(image)
            refuse_absurd_tiles(image)
            _refuse_raw(image)
            yield image
    except MemoryError as error:
        raise OutOfMemoryError(path) from error
    except SrganError as error:
        raise SrganError(f"{path}: {error.message}", error.hint) from error
    except FileNotFoundError:
        if path.is_symlink():
            raise SrganError(f"{path}: is a link to a file that is not there", "mend or delete it") from None
        raise SrganError(f"{path}: there is no such file or folder", "check the spelling") from None
    except PermissionError as error:
        raise SrganError(f"{path}: cannot be read ({reason(error)})", "check the file's permissions") from error
    except UnidentifiedImageError:
        _explain(path, file)
        names = ", ".join(kind.name for kind in FORMATS)
        raise SrganError(f"{path}: is not a picture, or it is damaged", f"pictures are {names} files") from None
    except Image.DecompressionBombError as error:
        raise too_large(path, max(map(int, re.findall(r"\d+", str(error)))), most_pixels) from error
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them to
        raise SrganError(f"{path}: cannot be read ({reason(error)})", DAMAGED) from error


def _content(path: Path, file: BinaryIO | None) -> AbstractContextManager[BinaryIO]:
    if file:
        return nullcontext(file)
    if is_special(path):  # which would be waited for
        raise SrganError("is a pipe or device, not a file")
    return path.open("rb")


def too_large(path: Path, pixels: int, most: int) -> SrganError:
    """What is said of a picture of more pixels than the most that are accepted."""
    return SrganError(
        f"{path}: has {pixels:,} pixels, more than the limit of {most / 1e6:g} megapixels",
        f"srgan upscale takes it with --max-megapixels {math.ceil(pixels / 1e6)}; or cut it into parts",
    )


def refuse_absurd_tiles(image: Image.Image) -> None:
    """Refuse what would take much more memory than its size tells: a tile is decoded whole.

    Raises:
        SrganError: An opened TIFF, at its present page, is cut into tiles that are larger than it and large.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        width, height = (image.tag_v2.get(side, 0) for side in (TiffImagePlugin.TILEWIDTH, TiffImagePlugin.TILELENGTH))
        if width * height > max(LARGE_TILE, image.width * image.height):
            raise SrganError(f"is cut into tiles of {width:,}x{height:,} pixels", "it may be damaged")


def is_reduced(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Whether an opened TIFF's present page is called a smaller version, or a mask, of another."""
    return bool(image.tag_v2.get(ExifTags.Base.NewSubfileType, 0) & (REDUCED | MASK))


def _refuse_raw(image: ImageFile.ImageFile) -> None:
    """Refuse a camera's raw file: a TIFF of a preview, with the photograph in a directory below it, undeveloped."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile) or image.n_frames > 1:
        return
    if is_reduced(image) and ExifTags.Base.SubIFDs in image.tag_v2:
        raise SrganError("holds only a preview, as a camera's raw file does", "develop it first")


def mend_png(image: ImageFile.ImageFile) -> None:
    """Give the transparent grey of a PNG of few bits the value that Pillow gives the pixels."""
    if isinstance(image, PngImagePlugin.PngImageFile) and isinstance(image.info.get("transparency"), int):
        raw_mode = str(image.tile[0].args) if image.tile else ""
        image.info["transparency"] *= next((factor for mode, factor in SCALED_BY.items() if mode in raw_mode), 1)


def _explain(path: Path, file: BinaryIO | None) -> None:
    """Say why no format is recognised, where that can be told."""
    with nullcontext(file) if file else path.open("rb") as opened:
        opened.seek(0)
        start = opened.read(12)
    if not start:
        raise SrganError(f"{path}: is empty", "see whether what should have written it failed") from None
    if name := formats.foreign(start):
        raise SrganError(f"{path}: is a {name} picture, which is not supported", "convert it to PNG or TIFF") from None
    if start[:4] == BIG_ENDIAN_BIGTIFF:
        message = f"{path}: is a big-endian BigTIFF, which is not supported"
        raise SrganError(message, "save it as an ordinary TIFF") from None
    if start[:4] in TIFFS:
        message = f"{path}: cannot be read (a kind of TIFF that is not supported, or damaged)"
        raise SrganError(message, "save it as grey or RGB with 8 or 16 bits") from None
    if "HEIF" not in Image.OPEN and start[4:8] == b"ftyp" and start[8:] in HEIC_BRANDS:
        raise SrganError(f"{path}: is a HEIC picture, which takes a plug-in", 'pip install "srgan-cli[heic]"') from None


def without_pixels(image: Image.Image) -> Image.Image:
    """The picture to read metadata from: the opened one, but a PNG anew and without its pixels.

    Pillow would decode those first, since metadata may lie behind them. A damaged PNG is returned as it is.
    """
    if not isinstance(image, PngImagePlugin.PngImageFile) or not image.fp:
        return image
    try:
        return Image.open(io.BytesIO(_copy_without_pixels(image.fp)), formats=["PNG"])
    except Exception:  # noqa: BLE001 (what is wrong with it is found out when it is decoded)
        return image


def _copy_without_pixels(png: Any) -> bytes:
    """What is in an open PNG, which stays where it is, but for its pixels."""
    place = png.tell()
    png.seek(0)
    kept = [png.read(len(PNG_SIGNATURE))]
    while len(start := png.read(8)) == 8:
        length = 4 + int.from_bytes(start[:4])  # with the sum behind it
        if start[4:] in PIXELS:
            png.seek(length, os.SEEK_CUR)
        else:
            kept.append(start + png.read(length))
    png.seek(place)
    return b"".join(kept)


def is_lossless_webp(file: Any) -> bool:
    """Whether what an open file, which is a WebP and loses its place, has of pixels is stored without loss."""
    file.seek(4)
    end, found = 8 + int.from_bytes(file.read(4), "little"), set()
    file.seek(12)
    while file.tell() < end and len(start := file.read(8)) == 8:
        kind, length = start[:4], int.from_bytes(start[4:], "little")
        found.add(kind)
        file.seek(FRAME_CONTROL if kind == b"ANMF" else length + length % 2, os.SEEK_CUR)  # a frame's are behind that
    return b"VP8L" in found and b"VP8 " not in found


def count_frames(image: Image.Image) -> int:
    """How many frames or pages an opened picture has."""
    # An MPO is a JPEG photograph with previews or a second view behind it: the photograph is its first frame. A HEIC
    # file opens at its primary picture.
    return 1 if image.format in ("MPO", "HEIF") else getattr(image, "n_frames", 1)


def refuse_several(image: Image.Image) -> None:
    """Say that a file or image is not a single picture.

    Raises:
        SrganError: It has several frames.
    """
    frames = count_frames(image)
    if frames > 1:
        raise SrganError(f"has {frames} frames or pages; a single picture is needed", "extract one first")
