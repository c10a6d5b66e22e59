"""Pixels and metadata -> a file's bytes, in each format."""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin, TiffTags

from srgan_cli.errors import SrganError, reason
from srgan_cli.pictures import exif as exif_blocks
from srgan_cli.pictures.formats import PNG_SIGNATURE, SUFFIXES, Format
from srgan_cli.pictures.metadata import COMMENT, IPTC_IN_PNG, Metadata, iptc_resource
from srgan_cli.pictures.picture import from_array, to_8_bits
from srgan_cli.pictures.writegif import write_gif

PNG = SUFFIXES[".png"]
LARGEST_TIFF = 2**32 - 2**20  # bytes; offsets have 32 bits, and the directory needs some room
STRIP_BYTES = 2**18
TIFF_LEVEL = 5  # of zlib's 1 to 9, of which 6 is usual; see PNG's
HALF_OF_THE_BITS = "8 of the 16 bits"
DARK_BITS = 14  # or fewer of 16: what is white among them is dark grey in 8


class EncodingError(SrganError):
    """An encoder does not take a picture."""


@contextmanager
def encoders_errors() -> Iterator[None]:
    """Around encoders, which raise whatever does not suit them.

    Raises:
        EncodingError: For that; what is about files, memory or our own passes.
    """
    try:
        yield
    except (OSError, RuntimeError, MemoryError, SrganError):
        raise
    except Exception as error:
        raise EncodingError(f"cannot be written ({reason(error)})", "write another format, such as .png") from error


def encode(pixels: np.ndarray, metadata: Metadata, kind: Format, file: BinaryIO) -> tuple[str, ...]:
    """Write a picture.

    Args:
        pixels: (H, W, 1 to 4) uint8 or uint16: grey or RGB, then alpha; rounded to 8 bits where a format holds no more.
        metadata: Nothing that the format cannot hold (`Metadata.fitted`).
        kind: The format.
        file: What to write to.

    Returns:
        What of the pixels the format cannot hold, by name.

    Raises:
        EncodingError: The picture is too large for a TIFF.
        Exception: Whatever the encoders raise.
    """
    if pixels.dtype == np.uint16 and not kind.sixteen_bits:
        filled = int(from_array(pixels).colour.max()).bit_length()
        dark = f" (of which it fills {filled}, so it is dark)" if 0 < filled <= DARK_BITS else ""
        return (HALF_OF_THE_BITS + dark, *encode(to_8_bits(pixels), metadata, kind, file))
    if kind.name == "GIF":
        return write_gif([(with_colours(pixels), 0)], 1, file)
    if kind.name == "TIFF":
        write_tiff([(pixels, metadata)], file)
    elif kind.name == "PNG" and pixels.dtype == np.uint16 and pixels.shape[-1] > 1:
        _write_deep_png(pixels, metadata, file)
    else:
        grey = pixels.shape[-1] == 1
        # Told how to subsample colours, Pillow would write some even for grey.
        options = {key: value for key, value in kind.options.items() if not grey or key != "subsampling"}
        image = Image.fromarray(pixels[..., 0] if grey else pixels)
        image.save(file, kind.name, **options, **arguments(metadata, kind.name))
    return ()


def with_colours(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 1 to 4) -> (H, W, 3 or 4): grey as equal colours."""
    if pixels.shape[-1] > 2:
        return pixels
    return np.concatenate([pixels[..., :1]] * 3 + [pixels[..., 1:]], axis=-1)


def with_alpha(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3 or 4) -> (H, W, 4): opaque unless it has an alpha channel."""
    if pixels.shape[-1] > 3:
        return pixels
    opaque = np.full((*pixels.shape[:2], 1), np.iinfo(pixels.dtype).max, pixels.dtype)
    return np.concatenate([pixels, opaque], axis=-1)


def arguments(metadata: Metadata, name: str) -> dict[str, Any]:
    """The metadata as arguments of `PIL.Image.Image.save`."""
    exif = metadata.exif
    if metadata.dpi and name in ("WEBP", "AVIF"):
        exif = exif_blocks.with_resolution(exif, metadata.dpi)
    if exif and name == "AVIF":
        exif = exif_blocks.without_orientation(exif)
    found: dict[str, Any] = {"icc_profile": metadata.icc_profile, "dpi": metadata.dpi, "xmp": metadata.xmp}
    found["exif"] = exif_blocks.PREFIX + exif if exif and name == "JPEG" else exif
    if name == "PNG":
        found["pnginfo"] = _png_chunks(metadata)
    if name == "JPEG":
        found["comment"] = metadata.comment
        if metadata.iptc:
            content = b"Photoshop 3.0\0" + iptc_resource(metadata.iptc)
            found["extra"] = b"\xff\xed" + struct.pack(">H", 2 + len(content)) + content
    return {key: value for key, value in found.items() if value}


def _png_chunks(metadata: Metadata) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    for kind, data in metadata.colorimetry:
        chunks.add(kind, data)
    for key, value in metadata.texts:
        chunks.add_text(key, value)
    if metadata.comment:
        chunks.add_text(COMMENT, _text_of(metadata.comment))
    if metadata.xmp:
        chunks.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode(errors="replace"))
    if metadata.iptc:
        resource = iptc_resource(metadata.iptc)
        digits = "\n".join(resource[start : start + 36].hex() for start in range(0, len(resource), 36))
        chunks.add_text(IPTC_IN_PNG, f"\niptc\n{len(resource):8d}\n{digits}\n", zip=True)
    return chunks


def _text_of(comment: bytes) -> str:
    """A comment is in UTF-8, or in what came before that."""
    try:
        return comment.decode()
    except UnicodeDecodeError:
        return comment.decode("latin-1")


def _write_deep_png(pixels: np.ndarray, metadata: Metadata, file: BinaryIO) -> None:
    """16-bit pixels by imagecodecs, between the metadata that Pillow writes around a stand-in."""
    import imagecodecs

    stand_in = io.BytesIO()
    Image.new("RGB", (1, 1)).save(stand_in, "PNG", **arguments(metadata, "PNG"))
    beside = [chunk for kind, chunk in chunks(stand_in.getvalue()) if kind not in (b"IHDR", b"IDAT", b"IEND")]
    picture = [chunk for _, chunk in chunks(imagecodecs.png_encode(np.ascontiguousarray(pixels)))]
    file.write(b"".join([PNG_SIGNATURE, picture[0], *beside, *picture[1:]]))


def chunks(png: bytes | bytearray) -> Iterator[tuple[bytes, bytes]]:
    """(type, whole chunk) of each chunk of a PNG file."""
    start = len(PNG_SIGNATURE)
    while start < len(png):
        end = start + 12 + struct.unpack_from(">I", png, start)[0]
        yield bytes(png[start + 4 : start + 8]), bytes(png[start:end])
        start = end


def write_tiff(pages: Iterable[tuple[np.ndarray, Metadata]], file: BinaryIO) -> None:
    """Write a page behind the other, each when it comes.

    Little-endian, in deflated strips of differences. Pillow's own writer has no 16-bit colour and loses EXIF, which
    tifffile does not write at all.

    Args:
        pages: Pixels as `encode` takes them, and what is said of them.
        file: What to write to, from its start.

    Raises:
        EncodingError: They are too large.
    """
    file.write(b"II*\0" + bytes(4))
    link = 4  # where the place of the next directory goes
    for pixels, metadata in pages:
        rows = max(1, STRIP_BYTES // pixels[0].nbytes)
        strips = [_deflated_differences(pixels[top : top + rows]) for top in range(0, len(pixels), rows)]
        sizes = [len(strip) for strip in strips]
        tags = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
        _set_structure(tags, pixels, rows)
        _set_metadata(tags, metadata)
        tags[TiffImagePlugin.STRIPBYTECOUNTS] = tuple(sizes)
        # Pillow adds where the directory ends.
        tags[TiffImagePlugin.STRIPOFFSETS] = tuple(
            int(end) - size for end, size in zip(np.cumsum(sizes), sizes, strict=True)
        )
        for code in (TiffImagePlugin.STRIPBYTECOUNTS, TiffImagePlugin.STRIPOFFSETS):
            tags.tagtype[code] = TiffTags.LONG
        file.write(bytes(file.tell() % 2))
        start = file.tell()
        if start + sum(sizes) > LARGEST_TIFF:
            raise EncodingError("a TIFF holds at most 4 GiB", "write a .png instead")
        file.seek(link)
        file.write(struct.pack("<I", start))
        file.seek(start)
        directory = bytearray(tags.tobytes(start))
        exif_blocks.mark_undefined(directory, start)
        file.write(directory)
        file.writelines(strips)
        link = start + 2 + 12 * struct.unpack_from("<H", directory)[0]


def _deflated_differences(strip: np.ndarray) -> bytes:
    """The strip's rows as differences between neighbours (TIFF's predictor 2), deflated."""
    differences = strip.copy()
    differences[:, 1:] -= strip[:, :-1]
    return zlib.compress(differences.astype(differences.dtype.newbyteorder("<"), copy=False).tobytes(), TIFF_LEVEL)


def _set_structure(tags: TiffImagePlugin.ImageFileDirectory_v2, pixels: np.ndarray, rows: int) -> None:
    height, width, channels = pixels.shape
    tags[TiffImagePlugin.IMAGEWIDTH] = width
    tags[TiffImagePlugin.IMAGELENGTH] = height
    tags[TiffImagePlugin.BITSPERSAMPLE] = (8 * pixels.itemsize,) * channels
    tags[TiffImagePlugin.COMPRESSION] = 8  # deflate
    tags[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION] = 2 if channels > 2 else 1
    tags[TiffImagePlugin.SAMPLESPERPIXEL] = channels
    tags[TiffImagePlugin.ROWSPERSTRIP] = rows
    tags[TiffImagePlugin.PREDICTOR] = 2
    if channels in (2, 4):
        tags[TiffImagePlugin.EXTRASAMPLES] = (2,)  # alpha that the colours are not multiplied by


def _set_metadata(tags: TiffImagePlugin.ImageFileDirectory_v2, metadata: Metadata) -> None:
    if metadata.exif:
        for code, value in exif_blocks.to_tags(exif_blocks.parse(metadata.exif)).items():
            tags[code] = value
    if metadata.dpi:
        tags[TiffImagePlugin.X_RESOLUTION], tags[TiffImagePlugin.Y_RESOLUTION] = metadata.dpi
        tags[TiffImagePlugin.RESOLUTION_UNIT] = 2
    for code, kind, content in (
        (TiffImagePlugin.ICCPROFILE, TiffTags.UNDEFINED, metadata.icc_profile),
        (TiffImagePlugin.IPTC_NAA_CHUNK, TiffTags.UNDEFINED, metadata.iptc),
        (TiffImagePlugin.XMP, TiffTags.BYTE, metadata.xmp),
    ):
        if content:
            tags.tagtype[code] = kind
            tags[code] = content
