"""EXIF blocks: changed in place, so that what this program does not know, such as a maker's notes, stays as it was.

A block is a TIFF structure: byte order, then directories (IFDs) of 12-byte entries (tag, type, count, value or offset).
"""

import re
import struct
from collections.abc import Mapping, Set
from contextlib import suppress
from fractions import Fraction
from typing import Any

from PIL import ExifTags, Image, TiffImagePlugin, TiffTags
from PIL.ExifTags import Base

PREFIX = b"Exif\0\0"
JPEG_START = b"\xff\xd8"
ORIENTATION = Base.Orientation
SUBJECT_AREA = 0x9214
EMPTY = b"II*\0\x08\0\0\0" + bytes(6)  # a block of no entries
RESOLUTION = (Base.XResolution, Base.YResolution, Base.ResolutionUnit)
INCH, CENTIMETRE = 2, 3
FINEST_DPI = 10_000  # parts of one
# Where the subject is, and how many pixels there are on the sensor.
IN_OLD_PIXELS = frozenset(
    (
        *(SUBJECT_AREA, Base.SubjectLocation),
        *(Base.FocalPlaneXResolution, Base.FocalPlaneYResolution, Base.FocalPlaneResolutionUnit),
    )
)
# Tags of bytes that are no numbers, by directory.
UNDEFINED: dict[int, set[int]] = {
    ExifTags.IFD.Exif: {
        *(Base.OECF, Base.ComponentsConfiguration, Base.MakerNote, Base.UserComment, Base.SpatialFrequencyResponse),
        *(Base.FileSource, Base.SceneType, Base.CFAPattern, Base.DeviceSettingDescription),
    },
    ExifTags.IFD.GPSInfo: {ExifTags.GPS.GPSProcessingMethod, ExifTags.GPS.GPSAreaInformation},
}
# What Pillow raises at damaged blocks.
UNREADABLE = (SyntaxError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, OSError, struct.error)
# The tags of a picture's first directory that describe the picture rather than how the file stores it.
DESCRIPTIVE = frozenset(
    (
        *(Base.DocumentName, Base.ImageDescription, Base.Make, Base.Model, Base.XResolution, Base.YResolution),
        *(Base.PageName, Base.ResolutionUnit, Base.Software, Base.DateTime, Base.Artist, Base.HostComputer),
        *(Base.Rating, Base.RatingPercent, Base.Copyright, Base.XPTitle, Base.XPComment, Base.XPAuthor),
        *(Base.XPKeywords, Base.XPSubject, Base.PrintImageMatching),
    )
)
# How microscopes' programs begin what they write into a description, of arrays' shapes and of the sizes of pixels.
OF_ARRAYS = re.compile(r"\{\"shape\"|\s*(<[^\0]*)?<OME\b")  # tifffile, Bio-Formats
OF_PIXELS_IN_IMAGEJ = re.compile(r"^([yz]?unit|spacing|[xyz]origin)=.*\n?", re.MULTILINE)
SUB_DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)


def corrected(exif: bytes, width: int, height: int) -> bytes | None:
    """The block of an upright picture of this size, without a thumbnail; None if the block is damaged.

    Args:
        exif: The block, from its byte order on.
        width: Pixels of the picture that it is to describe.
        height: Likewise.
    """
    block = bytearray(exif)
    try:
        order, first = _first_directory(block)
        _remove(block, order, first, frozenset())  # what is there twice
        entries = _entries(block, order, first)
        _set(block, order, entries, {ORIENTATION: 1, Base.ImageWidth: width, Base.ImageLength: height})
        if ExifTags.IFD.Exif in entries:
            (inner,) = struct.unpack_from(order + "I", block, entries[ExifTags.IFD.Exif] + 8)
            _remove(block, order, inner, IN_OLD_PIXELS)
            _set(
                block, order, _entries(block, order, inner), {Base.ExifImageWidth: width, Base.ExifImageHeight: height}
            )
        _drop_thumbnail(block, order, first + 2 + 12 * len(entries))
    except (KeyError, struct.error):
        return None
    return bytes(block)


def _first_directory(block: bytearray) -> tuple[str, int]:
    """Byte order, and where the directory is in the block.

    Raises:
        KeyError: The block is damaged.
        struct.error: Likewise.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}[bytes(block[:4])]
    return order, struct.unpack_from(order + "I", block, 4)[0]


def _entries(block: bytearray, order: str, offset: int) -> dict[int, int]:
    """Tag -> where its entry is in the block."""
    (count,) = struct.unpack_from(order + "H", block, offset)
    places = range(offset + 2, offset + 2 + 12 * count, 12)
    return {struct.unpack_from(order + "H", block, place)[0]: place for place in places}


def _set(block: bytearray, order: str, entries: Mapping[int, int], values: Mapping[int, int]) -> None:
    """Give the tags that are there new values."""
    for tag in entries.keys() & values.keys():
        if tag == ORIENTATION:
            struct.pack_into(order + "HHIHH", block, entries[tag], tag, TiffTags.SHORT, 1, values[tag], 0)
        else:
            struct.pack_into(order + "HHII", block, entries[tag], tag, TiffTags.LONG, 1, values[tag])


def _drop_thumbnail(block: bytearray, order: str, link: int) -> None:
    """Cut the link to the second directory, which is the thumbnail's, and the thumbnail's bytes."""
    (second,) = struct.unpack_from(order + "I", block, link)
    struct.pack_into(order + "I", block, link, 0)
    if not 0 < second < len(block):
        return
    entries = _entries(block, order, second)
    if not {Base.JpegIFOffset, Base.JpegIFByteCount} <= entries.keys():
        return
    start, size = (
        struct.unpack_from(order + "I", block, entries[tag] + 8)[0] for tag in (Base.JpegIFOffset, Base.JpegIFByteCount)
    )
    if block[start : start + len(JPEG_START)] != JPEG_START:  # a damaged place, where something else may be
        return
    end = min(start + size, len(block))
    block[start:end] = b"" if not any(block[end:]) else bytes(end - start)


def mark_undefined(directory: bytearray, start: int) -> None:
    """Give bytes that are no numbers the type that EXIF asks for; Pillow writes all bytes as numbers.

    Args:
        directory: A little-endian TIFF directory with those below it; changed in place.
        start: Where it is in its file.
    """
    outer = _entries(directory, "<", 0)
    for below in UNDEFINED.keys() & outer.keys():
        (inner,) = struct.unpack_from("<I", directory, outer[below] + 8)
        entries = _entries(directory, "<", inner - start)
        for tag in UNDEFINED[below] & entries.keys():
            if struct.unpack_from("<H", directory, entries[tag] + 2)[0] == TiffTags.BYTE:
                struct.pack_into("<H", directory, entries[tag] + 2, TiffTags.UNDEFINED)


def sideways(exif: bytes) -> bytes:
    """A whole block with horizontal and vertical resolution exchanged."""
    block = bytearray(exif)
    entries = _entries(block, *_first_directory(block))
    if {Base.XResolution, Base.YResolution} <= entries.keys():
        x, y = (slice(entries[tag] + 2, entries[tag] + 12) for tag in (Base.XResolution, Base.YResolution))
        block[x], block[y] = block[y], block[x]
    return bytes(block)


def without_orientation(exif: bytes) -> bytes:
    """A whole block without that tag, and all else where it was.

    Pillow takes it out of what it writes as AVIF, by writing the block anew, where a maker's notes lose their way.
    """
    block = bytearray(exif)
    order, first = _first_directory(block)
    _remove(block, order, first, {ORIENTATION})
    return bytes(block)


def _remove(block: bytearray, order: str, start: int, tags: Set[int]) -> None:
    """Take tags, and all but the last of each, out of the directory that begins at `start`.

    All else stays where it was.
    """
    (count,) = struct.unpack_from(order + "H", block, start)
    end = start + 2 + 12 * count
    kept = [block[place : place + 12] for tag, place in _entries(block, order, start).items() if tag not in tags]
    if len(kept) < count:
        link = block[end : end + 4]  # to the next directory; in some there is none, and something else here
        directory = struct.pack(order + "H", len(kept)) + b"".join(kept) + link
        block[start:end] = directory.ljust(end - start, b"\0")


def orientation(image: Image.Image) -> int:
    """How an opened picture is to be turned, 1 to 8; 1, upright, if its EXIF is damaged."""
    try:
        turn = int(Image.Image.getexif(image).get(ORIENTATION, 1))  # PNG's own decodes the pixels first
    except UNREADABLE:
        return 1
    return turn if 1 <= turn <= 8 else 1


def from_image(image: Image.Image) -> bytes | None:
    """The EXIF block of an opened picture, from its byte order on; None if there is none, or it is damaged."""
    if block := image.info.get("exif"):
        block = bytes(block).removeprefix(PREFIX)
        return block if corrected(block, 1, 1) else None
    if image.format != "TIFF" and "Raw profile type exif" not in image.info:
        return None
    try:
        tags = to_tags(Image.Image.getexif(image))  # as above
    except UNREADABLE:
        return None
    if image.format == "TIFF":  # the resolution is the picture's own
        description = _still_true(tags.pop(Base.ImageDescription, None))
        tags = {tag: value for tag, value in tags.items() if tag not in RESOLUTION}
        tags |= {Base.ImageDescription: description} if description else {}
    return _to_bytes(tags) if tags else None


def _still_true(description: object) -> object:
    """A TIFF's description without what is not true of larger pictures."""
    if not isinstance(description, str):
        return description
    if description.startswith("ImageJ="):
        return OF_PIXELS_IN_IMAGEJ.sub("", description)
    return None if OF_ARRAYS.match(description) else description


def to_tags(exif: Image.Exif) -> dict[int, object]:
    """The descriptive tags and whole sub-directories, as a TIFF file's first directory takes them."""
    tags = {tag: value for tag, value in _values(exif).items() if tag in DESCRIPTIVE and _is_writable(tag, value)}
    for number in SUB_DIRECTORIES:
        directory = _values(_directory(exif, number))
        if ExifTags.IFD.Interop in directory:
            directory[ExifTags.IFD.Interop] = _directory(exif, ExifTags.IFD.Interop)
        if directory := {tag: value for tag, value in directory.items() if _is_writable(tag, value, number)}:
            tags[number] = directory
    return tags


def _directory(exif: Image.Exif, number: int) -> dict[int, Any]:
    try:
        return dict(exif.get_ifd(number))
    except UNREADABLE:
        return {}


def _values(directory: Mapping[int, Any]) -> dict[int, object]:
    """The tags whose values, which Pillow decodes when asked, are not damaged."""
    values: dict[int, object] = {}
    for tag in directory:
        with suppress(*UNREADABLE):
            values[tag] = directory[tag]
    return values


def _is_writable(tag: int, value: object, group: int | None = None) -> bool:
    """Whether Pillow can write a value that it read, which may be of a type or size that the tag does not have."""
    directory = TiffImagePlugin.ImageFileDirectory_v2(group=group)
    try:
        directory[tag] = value
        directory.tobytes()
    except UNREADABLE:
        return False
    return True


def parse(exif: bytes) -> Image.Exif:
    """The block as Pillow's object."""
    parsed = Image.Exif()
    parsed.load(PREFIX + exif)
    return parsed


def resolution(exif: bytes | None) -> tuple[float, float] | tuple[()]:
    """Pixels per inch, horizontal and vertical, if the block says them."""
    tags = parse(exif) if exif else {}
    unit = {INCH: 1.0, CENTIMETRE: 2.54}.get(tags.get(Base.ResolutionUnit, INCH))
    x, y = tags.get(Base.XResolution), tags.get(Base.YResolution)
    return (x * unit, y * unit) if x and y and unit else ()


def with_resolution(exif: bytes | None, dpi: tuple[float, float]) -> bytes:
    """The block with pixels per inch added, if it has none yet.

    The first directory is written anew behind the rest, where there is room for more; nothing else moves.
    """
    block = bytearray(exif or EMPTY)
    order, first = _first_directory(block)
    if Base.XResolution in _entries(block, order, first):
        return bytes(block)
    _remove(block, order, first, frozenset(RESOLUTION))
    entries = _entries(block, order, first)
    kept = {tag: bytes(block[place : place + 12]) for tag, place in entries.items()}
    link = block[first + 2 + 12 * len(entries) :][:4]
    block += bytes(len(block) % 2)
    values = len(block) + 2 + 12 * (len(kept) + len(RESOLUTION)) + len(link)
    for number, tag in enumerate(RESOLUTION[:2]):
        kept[tag] = struct.pack(order + "HHII", tag, TiffTags.RATIONAL, 1, values + 8 * number)
    kept[Base.ResolutionUnit] = struct.pack(order + "HHIHH", Base.ResolutionUnit, TiffTags.SHORT, 1, INCH, 0)
    struct.pack_into(order + "I", block, 4, len(block))
    block += struct.pack(order + "H", len(kept)) + b"".join(kept[tag] for tag in sorted(kept)) + link
    for ratio in (Fraction(value).limit_denominator(FINEST_DPI) for value in dpi):
        block += struct.pack(order + "II", ratio.numerator, ratio.denominator)
    return bytes(block)


def _to_bytes(tags: Mapping[int, object]) -> bytes:
    exif = Image.Exif()
    for tag, value in tags.items():
        if isinstance(value, dict):
            exif.get_ifd(tag).update(value)
        else:
            exif[tag] = value
    return exif.tobytes().removeprefix(PREFIX)
