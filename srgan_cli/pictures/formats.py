"""The file formats: their names, what each can hold, and whether a result fits."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

from srgan_cli.errors import SrganError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
FOREIGN = {  # how the files of other kinds of pictures begin
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"8BPS": "Photoshop",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
}
USUAL = ("icc_profile", "exif", "xmp", "iptc", "dpi")  # what most can hold


@dataclass(frozen=True)
class Format:
    """A file format: Pillow's name, what it can hold, and how it is written.

    Attributes:
        name: Pillow's name.
        suffixes: File name endings, lower case; the first is the usual one.
        longest_side: Most pixels along a side, or None if the format sets no limit worth checking.
        alpha: Whether it keeps an alpha channel.
        sixteen_bits: Whether it keeps 16 bits a channel.
        grey: Whether it knows grey; else grey is written as equal colours.
        holds: The fields of `metadata.Metadata` that it can hold.
        options: Arguments of `PIL.Image.Image.save`.
        lossless: Those instead with which nothing is lost, if it has the choice.
        written: Whether pictures can be written in it.
        several: What it holds many pictures as: `frames` of one size that are shown after one another, `pages`, or,
            empty, not at all.
    """

    name: str
    suffixes: tuple[str, ...]
    longest_side: int | None = None
    alpha: bool = False
    sixteen_bits: bool = False
    grey: bool = True
    holds: tuple[str, ...] = USUAL
    options: dict[str, Any] = field(default_factory=dict)
    lossless: dict[str, Any] = field(default_factory=dict)
    written: bool = True
    several: Literal["", "frames", "pages"] = ""

    @property
    def lossy(self) -> bool:
        """Whether there is a quality to choose."""
        return "quality" in self.options

    def with_quality(self, quality: int | None, lossless: bool = False) -> Self:
        """The same, written in this quality (1 to 100) if it has one to choose.

        Args:
            quality: What was asked for; 100 loses nothing that is seen where that is possible.
            lossless: Whether the same goes for None.
        """
        if self.lossless and (quality == 100 or (lossless and not quality)):
            return replace(self, options=self.lossless)
        return replace(self, options=self.options | {"quality": quality}) if quality and self.lossy else self


WITHOUT_IPTC = ("icc_profile", "exif", "xmp", "dpi")  # WebP and AVIF have resolution as an EXIF tag only
FORMATS = (
    Format(
        "PNG",
        (".png", ".apng"),
        alpha=True,
        sixteen_bits=True,
        holds=(*USUAL, "texts", "colorimetry", "comment"),
        options={"compress_level": 4},  # half the time of the usual 6, for 0.7% more bytes (`bench/writing.py`)
        several="frames",
    ),
    # 65,535 fits the file format; libjpeg, which everybody uses, stops at 65,500.
    Format(
        "JPEG",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        65_500,
        holds=(*USUAL, "comment"),
        options={"quality": 95, "subsampling": "4:4:4"},
    ),
    Format(
        "WEBP",
        (".webp",),
        16_383,
        alpha=True,
        grey=False,
        holds=WITHOUT_IPTC,
        options={"quality": 95},
        lossless={"lossless": True},
        several="frames",
    ),
    Format("TIFF", (".tif", ".tiff"), alpha=True, sixteen_bits=True, several="pages"),
    Format("BMP", (".bmp", ".dib"), holds=("dpi",)),
    # 65,536 fits the file format; libavif, which nearly everybody uses, reads up to 32,768.
    Format(
        "AVIF",
        (".avif",),
        32_768,
        alpha=True,
        holds=WITHOUT_IPTC,
        options={"quality": 90, "subsampling": "4:4:4"},
        several="frames",
    ),
    Format("GIF", (".gif",), 65_535, alpha=True, holds=(), several="frames"),
    Format("HEIF", (".heic", ".heif", ".hif"), written=False),
)
SUFFIXES = {suffix: kind for kind in FORMATS for suffix in kind.suffixes}


@dataclass(frozen=True)
class Header:
    """What is known of a picture file before its pixels are decoded; sizes in pixels, upright.

    A palette may turn out to be grey.

    Attributes:
        width: Of the first picture in it.
        height: Likewise.
        transparent: Whether any has transparency.
        sixteen_bits: Whether any has 16 bits a channel.
        grey: Whether all are known to be grey.
        others: Widths and heights of the frames or pages behind the first.
        plays: How often an animation is shown; 0 for without end.
        lossless: Whether nothing was lost although the format has the choice.
    """

    width: int
    height: int
    transparent: bool
    sixteen_bits: bool
    grey: bool = False
    others: tuple[tuple[int, int], ...] = ()
    plays: int = 0
    lossless: bool = False

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Width and height of every frame or page."""
        return ((self.width, self.height), *self.others)

    @property
    def frames(self) -> int:
        """How many frames or pages there are."""
        return 1 + len(self.others)


def format_of(path: Path) -> Format:
    """The format to write that a file name's ending stands for.

    Raises:
        SrganError: The ending is missing or unknown, or pictures are only read in that format.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None or not kind.written:
        accepted = " ".join(kind.suffixes[0] for kind in FORMATS if kind.written)
        what = f"pictures are not written as {path.suffix!r}" if path.suffix else "has no ending that tells the format"
        raise SrganError(
            f"{path}: {what}",
            f"use one of {accepted} as the ending of the name behind -o; a folder's name ends with /",
        )
    return kind


def check_output(path: Path, header: Header, side: int) -> None:
    """Find out before any computing whether the enlarged picture can be written to `path`.

    Args:
        path: Where to.
        header: Of the picture.
        side: The longer one of the result, in pixels.

    Raises:
        SrganError: The format cannot hold the frames, the size or the transparency.
    """
    kind = format_of(path)
    _check_frames(path, kind, header)
    if kind.longest_side and side > kind.longest_side:
        raise SrganError(
            f"{path}: {kind.name} holds at most {kind.longest_side:,} pixels a side, the result has {side:,}",
            "write a .png or .tif instead",
        )
    if header.transparent and not kind.alpha:
        raise SrganError(
            f"{path}: {kind.name} cannot hold the picture's transparency",
            "add --background COLOR, or write a .png, .webp, .avif or .tif instead",
        )


def _check_frames(path: Path, kind: Format, header: Header) -> None:
    if header.frames > 1 and not kind.several:
        several = [kind.suffixes[0] for kind in FORMATS if kind.several]
        raise SrganError(
            f"{path}: {kind.name} holds one picture, not {header.frames} frames or pages",
            f"write a {', '.join(several[:-1])} or {several[-1]} instead",
        )
    if kind.several == "frames" and len(set(header.sizes)) > 1:
        raise SrganError(
            f"{path}: {kind.name} holds frames of one size, and the pages have several", "write a .tif instead"
        )


def foreign(start: bytes) -> str | None:
    """What kind of picture a file is that is not supported, by its first bytes."""
    return next((name for magic, name in FOREIGN.items() if start.startswith(magic)), None)
