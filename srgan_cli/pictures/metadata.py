"""What a picture file says beside its pixels, and how it is made true of an upright, enlarged picture."""

import re
import struct
from dataclasses import dataclass, fields, replace
from typing import Any

from PIL import Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from srgan_cli.pictures import exif as exif_blocks
from srgan_cli.pictures.formats import Format

IPTC_IN_PNG, XMP_IN_PNG = "Raw profile type iptc", "Raw profile type xmp"  # ImageMagick's, which exiftool follows
IPTC_RESOURCE = 0x0404
IPTC_START = b"\x1c"  # of each record
COMMENT = "Comment"  # a PNG's text that other formats have, too
NAMES = {
    "icc_profile": "colour profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "iptc": "IPTC",
    "dpi": "DPI",
    "texts": "texts",
    "colorimetry": "gamma and primaries",
    "comment": "comment",
}
# What PNG files say who mean sRGB, as the other formats do without a word.
SRGB = {
    b"cICP": bytes([1, 13, 0, 1]),
    b"gAMA": struct.pack(">I", 45455),
    b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
}
# A segment, less what stands before.
LONGEST_IN_JPEG = {"exif": 65_533 - 6, "xmp": 65_533 - 29, "iptc": 65_533 - 28, "comment": 65_533}
REGIONS = b"mwg-rs:Regions"
UNTRUE = (b"xmp:Thumbnails", b"xap:Thumbnails", b"Container:Directory")  # the last lists what is appended
# What phones append to a photograph, and how its XMP tells of that.
APPENDED = {
    "gain map": re.compile(rb"hdrgm:Version"),
    "video": re.compile(rb"Camera:(MotionPhoto|MicroVideo)\s*(=\s*[\"']|>\s*)1"),
}
OF_APPENDED = re.compile(
    rb"<(?P<name>hdrgm:\w+|G?Camera:(MotionPhoto|MicroVideo)\w*)>[^<]*</(?P=name)>"
    rb"|\s(hdrgm:\w+|G?Camera:(MotionPhoto|MicroVideo)\w*)\s*=\s*(\"[^\"]*\"|'[^']*')"
)
RESOLUTION_IN_XMP = re.compile(rb"(?<![\w:])(tiff:|exif:FocalPlane)([XY])(?=Resolution\b)")
OTHER_AXIS = {b"X": b"Y", b"Y": b"X"}
XMP_VALUE = rb"""(?<![\w:])%s(\s*=\s*["']|\s*>\s*)\d+"""


@dataclass(frozen=True)
class Metadata:
    """What is kept of a picture file beside its pixels.

    Attributes:
        icc_profile: The colour profile's bytes, which the pixels are to be read with.
        exif: The EXIF block, from its byte order on.
        xmp: The XMP packet.
        iptc: IPTC's records (IIM).
        dpi: Pixels per inch, horizontal and vertical.
        texts: PNG's texts but for the comment: key, value.
        colorimetry: PNG's chunk cICP and, where there is no profile, gAMA, cHRM and sRGB: type, data.
        comment: JPEG's, and PNG's text of that name; in UTF-8 or whatever its writer meant.
    """

    icc_profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None
    texts: tuple[tuple[str, str], ...] = ()
    colorimetry: tuple[tuple[bytes, bytes], ...] = ()
    comment: bytes | None = None

    def stripped(self) -> "Metadata":
        """Only what says how the colours are meant, since they would change without it."""
        return Metadata(icc_profile=self.icc_profile, colorimetry=self.colorimetry)

    def corrected(self, width: int, height: int) -> "Metadata":
        """The same of an upright picture of `width` x `height` pixels; a damaged EXIF block is left out."""
        exif = self.exif and exif_blocks.corrected(self.exif, width, height)
        return replace(self, exif=exif or None, xmp=self.xmp and _corrected_xmp(self.xmp, width, height))

    def turned(self) -> "Metadata":
        """The same of a picture that was turned: without XMP's regions, such as faces, which lie elsewhere now."""
        return replace(self, xmp=self.xmp and _without(REGIONS, self.xmp))

    def sideways(self) -> "Metadata":
        """The same of a picture whose rows have become columns: horizontal and vertical resolution are exchanged."""
        xmp = self.xmp and RESOLUTION_IN_XMP.sub(lambda match: match[1] + OTHER_AXIS[match[2]], self.xmp)
        return replace(
            self, exif=self.exif and exif_blocks.sideways(self.exif), xmp=xmp, dpi=self.dpi and self.dpi[::-1]
        )

    def appended(self) -> list[str]:
        """What is said to lie behind the picture, and does not behind its result."""
        return [what for what, sign in APPENDED.items() if sign.search(self.xmp or b"")]

    def loses_grey_profile(self, kind: Format, grey: bool) -> bool:
        """Whether a profile for grey says how the codes are meant that a format cannot hold beside such pixels."""
        profile = self.icc_profile or b""
        is_meant = profile[16:20] == b"GRAY" and not self.colorimetry  # which outweighs it
        return is_meant and not _is_held(kind, grey, "icc_profile", profile)

    def fitted(self, kind: Format, grey: bool) -> tuple["Metadata", tuple[str, ...]]:
        """What a format can hold beside grey or coloured pixels, and the names of the rest."""
        lost = [
            field.name
            for field in fields(self)
            if (value := getattr(self, field.name)) and not _is_held(kind, grey, field.name, value)
        ]
        nothing = Metadata()
        without: dict[str, Any] = {name: getattr(nothing, name) for name in lost}
        return replace(self, **without), tuple(NAMES[name] for name in lost if not self._goes_without_saying(name))

    def _goes_without_saying(self, name: str) -> bool:
        chunks = dict(self.colorimetry)
        if b"cICP" in chunks:  # which outweighs the others
            chunks = {b"cICP": chunks[b"cICP"]}
        return name == "colorimetry" and (b"sRGB" in chunks or chunks.items() <= SRGB.items())


def _is_held(kind: Format, grey: bool, name: str, value: Any) -> bool:
    if name == "icc_profile" and value[16:20] == b"GRAY" and not (grey and kind.grey):
        return False
    if kind.name == "JPEG" and name in LONGEST_IN_JPEG and len(value) > LONGEST_IN_JPEG[name]:
        return False
    return name in kind.holds


def _corrected_xmp(xmp: bytes, width: int, height: int) -> bytes:
    """The packet with orientation 1, this size, no thumbnails and nothing of what lies behind the picture."""
    values = {
        b"tiff:Orientation": 1,
        b"tiff:ImageWidth": width,
        b"tiff:ImageLength": height,
        b"exif:PixelXDimension": width,
        b"exif:PixelYDimension": height,
    }
    for name, value in values.items():
        xmp = re.sub(XMP_VALUE % name, lambda match, n=name, v=value: n + match[1] + b"%d" % v, xmp)  # type: ignore[misc]
    for element in UNTRUE:
        xmp = _without(element, xmp)
    return OF_APPENDED.sub(b"", xmp)


def _without(element: bytes, xmp: bytes) -> bytes:
    """The packet without elements of a name; one regular expression would take for ever over hostile ones."""
    start, end = re.compile(rb"<%s(\s[^<>]*)?(?<!/)>" % element), b"</" + element + b">"
    *pieces, rest = xmp.split(end)
    kept = (piece[: match.start()] if (match := start.search(piece)) else piece + end for piece in pieces)
    return b"".join(kept) + rest


def read(image: Image.Image) -> Metadata:
    """What an opened picture says: a PNG without its pixels, or with them loaded, since it may say it behind them."""
    exif = exif_blocks.from_image(image)
    xmp = image.info.get("xmp") or _from_hexadecimal(image.info.get(XMP_IN_PNG, ""))
    texts = _texts(image)
    comment: Any = texts.pop(COMMENT, "").encode(errors="replace")
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        comment = image.info.get("comment")
    return Metadata(
        icc_profile=_bytes(image.info.get("icc_profile")),
        exif=exif,
        xmp=_bytes(xmp.encode() if isinstance(xmp, str) else xmp),
        iptc=_bytes(_iptc(image)),
        dpi=_dpi(image, exif),
        texts=tuple(texts.items()),
        colorimetry=_colorimetry(image),
        comment=_bytes(comment),
    )


def _bytes(value: Any) -> bytes | None:
    """The value if it is of the type that it should be, which in a damaged file it may not."""
    return value if isinstance(value, bytes) and value else None


def _colorimetry(image: Image.Image) -> tuple[tuple[bytes, bytes], ...]:
    """The chunks as they were, of Pillow's numbers."""
    if not isinstance(image, PngImagePlugin.PngImageFile):
        return ()
    cicp, gamma, primaries, intent = (image.info.get(name) for name in ("cicp", "gamma", "chromaticity", "srgb"))
    chunks = []
    if isinstance(cicp, bytes) and len(cicp) == 4:
        chunks.append((b"cICP", cicp))
    if _bytes(image.info.get("icc_profile")):  # which outweighs the rest
        return tuple(chunks)
    if isinstance(gamma, float):  # it may be a text that is called so
        chunks.append(_numbers(b"gAMA", gamma))
    if isinstance(primaries, tuple):
        chunks.append(_numbers(b"cHRM", *primaries))
    if isinstance(intent, int):
        chunks.append((b"sRGB", bytes([intent])))
    return tuple(chunks)


def _numbers(kind: bytes, *values: float) -> tuple[bytes, bytes]:
    return kind, struct.pack(f">{len(values)}I", *(round(100_000 * value) for value in values))


def _iptc(image: Image.Image) -> Any:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # As Pillow's own IptcImagePlugin does: Photoshop calls the bytes numbers, of which Pillow gives the first.
        value = image.tag_v2._tagdata.get(TiffImagePlugin.IPTC_NAA_CHUNK, b"")
        return value if value.startswith(IPTC_START) else None
    if isinstance(image, PngImagePlugin.PngImageFile):
        return _iptc_of(_from_hexadecimal(image.info.get(IPTC_IN_PNG, "")))
    resources = image.info.get("photoshop")
    return resources.get(IPTC_RESOURCE) if isinstance(resources, dict) else None


def _from_hexadecimal(text: str) -> bytes | None:
    """What ImageMagick's text holds: behind a name and a length, hexadecimal digits."""
    try:
        return bytes.fromhex("".join(text.split()[2:]))
    except ValueError:
        return None


def _iptc_of(data: bytes | None) -> bytes | None:
    """The records among Photoshop resources, or by themselves."""
    if not data:
        return None
    start = data.find(b"8BIM\x04\x04\0\0")
    if start < 0:
        return data
    (size,) = struct.unpack_from(">I", data.ljust(start + 12, b"\0"), start + 8)
    return data[start + 12 : start + 12 + size]


def iptc_resource(iptc: bytes) -> bytes:
    """The records as a Photoshop resource, which is how JPEG and PNG hold them."""
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)


def _dpi(image: Image.Image, exif: bytes | None) -> tuple[float, float] | None:
    told = image.info.get("dpi")
    if isinstance(image, JpegImagePlugin.JpegImageFile) and image.info.get("jfif_unit") not in (1, 2):
        told = None  # Pillow's, from EXIF, or from nowhere
    try:
        x, y = (_whole(float(value)) for value in told or exif_blocks.resolution(exif))
    except exif_blocks.UNREADABLE:
        return None
    # Pillow calls a TIFF without a unit 1 dpi; JPEG holds 16 bits.
    return (x, y) if 1 < x < 65_536 and 1 < y < 65_536 else None


def _whole(dpi: float) -> float:
    """The whole number that a PNG, which counts whole pixels per metre, meant."""
    return round(dpi) if abs(dpi - round(dpi)) < 0.5 * 0.0254 else dpi


def _texts(image: Image.Image) -> dict[str, str]:
    if not isinstance(image, PngImagePlugin.PngImageFile):
        return {}
    texts = image.png.im_text if image.png else image.text  # the latter when its pixels have been loaded
    return {
        key: str(value)
        for key, value in texts.items()
        if not key.startswith("Raw profile type ") and key != "XML:com.adobe.xmp"
    }
