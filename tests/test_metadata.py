"""What a file says beside its pixels is kept and made true of the result."""

import io
import json
import shutil
import struct
import subprocess
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from conftest import larger
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from srgan_cli.jobs.batch import run_jobs
from srgan_cli.jobs.naming import Destination
from srgan_cli.jobs.planning import plan_jobs
from srgan_cli.pictures import frames, images
from srgan_cli.pictures.alpha import flatten
from srgan_cli.pictures.encoding import encode
from srgan_cli.pictures.exif import PREFIX, corrected, parse, with_resolution
from srgan_cli.pictures.finish import Finish
from srgan_cli.pictures.formats import FORMATS, format_of
from srgan_cli.pictures.metadata import Metadata, iptc_resource
from srgan_cli.pictures.picture import Picture

WRITTEN = [kind for kind in FORMATS if kind.written]
SUFFIXES = [kind.suffixes[0] for kind in WRITTEN]
TELLING = [kind for kind in WRITTEN if "exif" in kind.holds]
MAKER_NOTE = b"what only the maker understands, where it was"
CAPTION = b"A flower"
IPTC = b"\x1c\x02\x78" + struct.pack(">H", len(CAPTION)) + CAPTION
XMP = b"""<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>
<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about=''
 xmlns:tiff='http://ns.adobe.com/tiff/1.0/' xmlns:exif='http://ns.adobe.com/exif/1.0/'
 xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmlns:dc='http://purl.org/dc/elements/1.1/'
 tiff:Orientation="6" exif:PixelXDimension='20' xmp:Rating='4'>
<exif:PixelYDimension>12</exif:PixelYDimension><dc:source>Order 6</dc:source>
<xmp:Thumbnails><rdf:Alt><rdf:li>stale</rdf:li></rdf:Alt></xmp:Thumbnails>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"""


def exif_block(order: str = "<") -> bytes:
    """A camera's EXIF: turned, with GPS, a maker's note, and a thumbnail in a second directory."""
    exif = Image.Exif()
    exif.endian = order
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Copyright] = "Kodak", "Ann"
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.ImageWidth], exif[ExifTags.Base.ImageLength] = 6, 20, 12
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {0xA002: 20, 0xA003: 12, 0x829A: 1 / 125, ExifTags.Base.MakerNote: MAKER_NOTE, 0x9003: "2024:05:06 07:08:09"}
    )
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 30.0, 15.0), 3: "E", 4: (13.0, 24.0, 0.0)})
    block = bytearray(exif.tobytes().removeprefix(b"Exif\0\0"))
    thumbnail = io.BytesIO()
    Image.new("RGB", (16, 12), "red").save(thumbnail, "JPEG")
    second = len(block)
    entries = ((0x0103, 3, 6), (0x0201, 4, second + 2 + 3 * 12 + 4), (0x0202, 4, thumbnail.tell()))
    block += struct.pack(order + "H", 3)
    for tag, kind, value in entries:
        block += struct.pack(order + ("HHIHH" if kind == 3 else "HHII"), tag, kind, 1, value, *[0] * (kind == 3))
    block += struct.pack(order + "I", 0) + thumbnail.getvalue()
    (count,) = struct.unpack_from(order + "H", block, 8)
    struct.pack_into(order + "I", block, 10 + 12 * count, second)
    return bytes(block)


@cache
def profile() -> bytes:
    """A colour profile that only its bytes tell from others."""
    standard = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return struct.pack(">I", len(standard) + 4) + standard[4:] + b"mine"


def everything() -> Metadata:
    return Metadata(profile(), exif_block(), XMP, IPTC, (300.0, 150.0), (("Title", "Flower"),))


@pytest.fixture(params=TELLING, ids=lambda kind: kind.name)
def source(request: pytest.FixtureRequest, photo: np.ndarray, tmp_path: Path) -> Path:
    """A 20x12 picture lying on its side, 12x20 when seen, with all that its format can say."""
    kind = request.param
    path = tmp_path / f"in{kind.suffixes[0]}"
    with path.open("wb") as file:
        encode(photo[:12, :20], everything().fitted(kind, grey=False)[0], kind, file)
    return path


@cache
def linear_grey() -> bytes:
    """A profile for grey whose codes are proportional to light."""
    text = b"desc\0\0\0\0\0\0\0\2x\0".ljust(92, b"\0")
    white, curve = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061), b"curv" + bytes(8)
    index, body = struct.pack(">I", 3), b""
    for name, content in ((b"desc", text), (b"wtpt", white), (b"kTRC", curve)):
        index += name + struct.pack(">II", 128 + 4 + 36 + len(body), len(content))
        body += content
    head = struct.pack(">I4sI12s", 128 + len(index) + len(body), b"none", 0x02100000, b"mntrGRAYXYZ ") + bytes(12)
    return (head + b"acsp").ljust(68, b"\0") + white[8:] + bytes(48) + index + body


def to_srgb(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def enlarged(source: Path, target: Path, strip: bool = False) -> tuple[str, ...]:
    """Enlarge by repetition; what the target cannot hold."""
    picture = images.read_picture(source)
    said = picture.metadata.stripped() if strip else picture.metadata
    return images.write_picture(Picture(larger(picture.colour), metadata=said), target)


def exiftool(path: Path) -> dict[str, Any]:
    """What a program that we did not write reads in a file."""
    if not shutil.which("exiftool"):
        pytest.skip("needs exiftool")
    output = subprocess.check_output(["exiftool", "-json", "-G1", "-n", "-a", "-struct", path])
    (tags,) = json.loads(output)
    return tags


def test_a_profile_for_grey_is_not_kept_beside_colours(tmp_path: Path) -> None:
    profile = b"\0" * 16 + b"GRAY" + b"\0" * 108
    pictures = [Image.new("L", (6, 4), value) for value in (0, 255)]
    pictures[0].save(tmp_path / "in.png", save_all=True, append_images=pictures[1:], icc_profile=profile)
    (job,) = plan_jobs([str(tmp_path / "in.png")], Destination(str(tmp_path / "out.png"))).jobs
    (outcome,) = run_jobs(lambda picture, _: picture, [job])
    assert outcome.notes == ("grey read as sRGB past a bad profile",)
    with Image.open(tmp_path / "out.png") as image:
        assert (image.mode, image.info.get("icc_profile")) == ("RGB", None)
    grey = Picture(np.zeros((4, 6, 1), np.uint8), np.zeros((4, 6, 1), np.uint8), metadata=Metadata(profile))
    for background, lost in (((9, 9, 9), ()), ((255, 0, 0), ("colour profile",))):
        assert images.write_picture(flatten(grey, background), tmp_path / "flat.png") == lost


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_grey_keeps_its_brightness_where_its_profile_cannot_be_kept(tmp_path: Path, suffix: str, dtype: Any) -> None:
    codes = np.arange(256, dtype=dtype)[None, :, None].repeat(8, 0) * dtype(np.iinfo(dtype).max // 255)
    images.write_picture(Picture(codes, metadata=Metadata(linear_grey())), tmp_path / "in.png")
    destination = Destination(str(tmp_path / f"out{suffix}"), quality=100 if suffix in (".webp", ".avif") else None)
    (job,) = plan_jobs([str(tmp_path / "in.png")], destination).jobs
    (outcome,) = run_jobs(lambda picture, _: picture, [job])
    result = images.read_picture(tmp_path / f"out{suffix}")
    shown = result.colour.mean(axis=(0, 2)) / np.iinfo(result.colour.dtype).max
    note = "grey converted to sRGB through its profile"
    if suffix in (".webp", ".bmp", ".gif"):
        assert note in outcome.notes
        assert result.metadata.icc_profile is None
        np.testing.assert_allclose(shown, to_srgb(np.arange(256) / 255), atol=2.5 / 255)
    else:
        assert note not in outcome.notes
        assert result.metadata.icc_profile == linear_grey()
        np.testing.assert_allclose(shown, np.arange(256) / 255, atol=1.5 / 255)


def test_grey_of_a_profile_keeps_its_brightness_on_a_colour_and_in_frames(tmp_path: Path) -> None:
    codes, alpha = np.full((6, 8, 1), 5000, np.uint16), np.full((6, 8, 1), 65535, np.uint16)
    alpha[:3] = 0
    images.write_picture(Picture(codes, alpha, Metadata(linear_grey())), tmp_path / "in.png")
    seen = float(to_srgb(np.array(5000 / 65535)) * 65535)
    for background, expected in (((255, 128, 0), [seen] * 3), ((9, 9, 9), [5000])):
        destination = Destination(str(tmp_path / "out.png"), finish=Finish(background))
        (job,) = plan_jobs([str(tmp_path / "in.png")], destination, "overwrite").jobs
        (outcome,) = run_jobs(lambda picture, _: picture, [job])
        result = images.read_picture(tmp_path / "out.png")
        np.testing.assert_allclose(result.colour[4, 4], expected, atol=1)
        np.testing.assert_array_equal(result.colour[0, 0], [257 * value for value in background[: len(expected)]])
        assert bool(result.metadata.icc_profile) == (len(expected) == 1)
        assert outcome.notes == (() if len(expected) == 1 else ("grey converted to sRGB through its profile",))
    first = Image.new("L", (6, 4), 20)
    first.save(
        tmp_path / "in.tif", save_all=True, append_images=[Image.new("L", (6, 4), 99)], icc_profile=linear_grey()
    )
    for name, expected in (("out.png", [79, 167]), ("out.tif", [20, 99])):
        (job,) = plan_jobs([str(tmp_path / "in.tif")], Destination(str(tmp_path / name)), "overwrite").jobs
        (outcome,) = run_jobs(lambda picture, _: picture, [job])
        shown = [frame.picture for frame in frames.read_frames(tmp_path / name)]
        assert [picture.colour[0, 0, 0] for picture in shown] == expected
        assert [bool(picture.metadata.icc_profile) for picture in shown] == [name == "out.tif"] * 2


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_everything_is_kept_and_right(source: Path, tmp_path: Path, suffix: str) -> None:
    lost = enlarged(source, tmp_path / f"out{suffix}")
    kind, came_from = format_of(tmp_path / f"out{suffix}"), format_of(source)
    said = images.read_picture(tmp_path / f"out{suffix}").metadata
    assert set(lost) == set(images.read_picture(source).metadata.fitted(kind, grey=False)[1])
    with Image.open(tmp_path / f"out{suffix}") as result:
        assert result.size == (48, 80)
        result.load()
        exif = result.getexif()
        assert exif.get(ExifTags.Base.Orientation, 1) == 1
        if "icc_profile" in kind.holds:
            assert result.info["icc_profile"] == profile()
        if "exif" in kind.holds:
            assert exif[ExifTags.Base.Make] == "Kodak"
            assert (exif.get(ExifTags.Base.ImageWidth, 48), exif.get(ExifTags.Base.ImageLength, 80)) == (48, 80)
            assert exif.get_ifd(ExifTags.IFD.GPSInfo)[2] == (52.0, 30.0, 15.0)
            inner = exif.get_ifd(ExifTags.IFD.Exif)
            assert (inner[0xA002], inner[0xA003]) == (48, 80)
            assert MAKER_NOTE in (said.exif or b"")
            assert not exif.get_ifd(ExifTags.IFD.IFD1)
    if "xmp" in kind.holds:
        assert said.xmp is not None
        assert b'Orientation="6"' not in said.xmp
        assert b"exif:PixelXDimension='48'" in said.xmp
        assert b"<exif:PixelYDimension>80<" in said.xmp
        assert b"Order 6" in said.xmp
        assert b"stale" not in said.xmp
    if "iptc" in kind.holds and "iptc" in came_from.holds:
        assert said.iptc == IPTC
    assert lost or said.dpi == pytest.approx((150, 300), abs=0.01)  # turned, too


@pytest.mark.parametrize("suffix", [kind.suffixes[0] for kind in TELLING])
def test_exiftool_agrees(source: Path, tmp_path: Path, suffix: str) -> None:
    enlarged(source, tmp_path / f"out{suffix}")
    tags = exiftool(tmp_path / f"out{suffix}")
    assert not {key: value for key, value in tags.items() if "Warning" in key or "Error" in key}
    assert tags.get("IFD0:Orientation", 1) == 1
    assert "IFD1" not in {key.split(":")[0] for key in tags}
    assert tags["IFD0:Make"] == "Kodak"
    assert tags["IFD0:Copyright"] == "Ann"
    assert (tags["ExifIFD:ExifImageWidth"], tags["ExifIFD:ExifImageHeight"]) == (48, 80)
    assert tags["ExifIFD:DateTimeOriginal"] == "2024:05:06 07:08:09"
    assert tags["ExifIFD:ExposureTime"] == pytest.approx(1 / 125)
    assert tags["GPS:GPSLatitude"] == pytest.approx(52.504, abs=1e-3)
    assert tags.get("XMP-tiff:Orientation", 1) == 1
    assert tags["XMP-xmp:Rating"] == 4
    resolution = {
        ".png": "PNG-pHYs:PixelsPerUnitX",
        ".jpg": "JFIF:XResolution",
    }.get(suffix, "IFD0:XResolution")
    assert tags[resolution] == (5906 if suffix == ".png" else 150)
    if {suffix, source.suffix} <= {".png", ".jpg", ".tif"}:
        assert tags["IPTC:Caption-Abstract"] == "A flower"


@pytest.mark.parametrize("suffix", [kind.suffixes[0] for kind in TELLING])
def test_strip_leaves_only_the_profile(source: Path, tmp_path: Path, suffix: str) -> None:
    enlarged(source, tmp_path / f"out{suffix}", strip=True)
    assert images.read_picture(tmp_path / f"out{suffix}").metadata == Metadata(icc_profile=profile())
    groups = {key.split(":")[0] for key in exiftool(tmp_path / f"out{suffix}")} - (
        {"IFD0"} if suffix == ".tif" else set()
    )
    assert not groups & {"IFD0", "ExifIFD", "GPS", "IPTC", "XMP-tiff", "XMP-xmp"}


@pytest.mark.parametrize("order", ["<", ">"])
def test_only_what_became_untrue_changes_in_an_exif_block(order: str) -> None:
    before = exif_block(order)
    after = corrected(before, 48, 80)
    assert after is not None
    assert len(after) < len(before)
    assert b"\xff\xd8\xff" in before
    assert b"\xff\xd8\xff" not in after
    assert after.index(MAKER_NOTE) == before.index(MAKER_NOTE)
    assert sum(a != b for a, b in zip(before, after, strict=False)) < 20
    assert corrected(after, 48, 80) == after


@pytest.mark.parametrize("size", range(0, 400, 7))
def test_a_damaged_exif_block_is_left_out_or_harmless(size: int) -> None:
    cut = corrected(exif_block()[:size], 4, 4)
    assert cut is None or len(cut) <= size
    assert corrected(b"II*\0" + bytes([255]) * size, 4, 4) is None


def test_what_is_too_long_for_jpeg_is_left_out_and_said(photo: np.ndarray, tmp_path: Path) -> None:
    said = Metadata(xmp=XMP + b" " * 70_000, iptc=IPTC * 10_000, texts=(("Title", "Flower"),), comment=b"long" * 20_000)
    lost = images.write_picture(Picture(photo, metadata=said), tmp_path / "p.jpg")
    assert sorted(lost) == ["IPTC", "XMP", "comment", "texts"]
    assert images.write_picture(Picture(photo, metadata=said), tmp_path / "p.tif") == ("texts", "comment")
    assert images.read_picture(tmp_path / "p.tif").metadata.iptc == IPTC * 10_000


@pytest.mark.parametrize(("name", "longest"), [("exif", 65_527), ("xmp", 65_504), ("comment", 65_533)])
def test_jpeg_holds_as_much_as_a_segment(photo: np.ndarray, tmp_path: Path, name: str, longest: int) -> None:
    block = exif_block() if name == "exif" else b"<x/>"
    for extra, lost in ((0, 0), (1, 1)):
        said = Metadata(**{name: block.ljust(longest + extra)})  # type: ignore[arg-type]
        assert len(images.write_picture(Picture(photo[:8, :8], metadata=said), tmp_path / "p.jpg")) == lost
        assert bool(getattr(images.read_picture(tmp_path / "p.jpg").metadata, name)) != bool(lost)


def test_comments_go_from_jpeg_to_jpeg_and_png_and_back(photo: np.ndarray, tmp_path: Path) -> None:
    said = "made in Zürich".encode()
    Image.fromarray(photo[:8, :8]).save(tmp_path / "a.jpg", comment=said)
    for one, other in (("a.jpg", "b.jpg"), ("b.jpg", "c.png"), ("c.png", "d.png"), ("d.png", "e.jpg")):
        assert enlarged(tmp_path / one, tmp_path / other) == ()
        with Image.open(tmp_path / other) as image:
            assert image.info.get("comment", image.info.get("Comment")) in (said, said.decode())
    assert enlarged(tmp_path / "a.jpg", tmp_path / "b.webp") == ("comment",)


def test_texts_go_from_png_to_png(photo: np.ndarray, tmp_path: Path) -> None:
    images.write_picture(Picture(photo, metadata=everything()), tmp_path / "p.png")
    assert images.read_picture(tmp_path / "p.png").metadata.texts == (("Title", "Flower"),)


LINEAR = ((b"gAMA", struct.pack(">I", 100_000)), (b"cHRM", struct.pack(">8I", *range(31_000, 31_008))))


@pytest.mark.parametrize("deep", [False, True])
def test_gamma_and_primaries_go_from_png_to_png(photo: np.ndarray, tmp_path: Path, deep: bool) -> None:
    pixels = photo.astype(np.uint16) * 257 if deep else photo
    images.write_picture(Picture(pixels, metadata=Metadata(colorimetry=LINEAR)), tmp_path / "in.png")
    with Image.open(tmp_path / "in.png") as image:
        assert image.info["gamma"] == 1
        assert image.info["chromaticity"] == pytest.approx([0.31 + 1e-5 * index for index in range(8)])
    assert enlarged(tmp_path / "in.png", tmp_path / "out.png", strip=True) == ()
    assert images.read_picture(tmp_path / "out.png").metadata == Metadata(colorimetry=LINEAR)
    assert enlarged(tmp_path / "in.png", tmp_path / "out.tif") == ("gamma and primaries",)


PQ, SRGB = (b"cICP", bytes([9, 16, 0, 1])), (b"cICP", bytes([1, 13, 0, 1]))


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("beside", [{"colorimetry": (PQ, *LINEAR)}, {"colorimetry": (PQ,), "icc_profile": b"p" * 200}])
def test_what_outweighs_a_profile_goes_from_png_to_png(
    photo: np.ndarray, tmp_path: Path, deep: bool, beside: dict[str, Any]
) -> None:
    pixels = photo.astype(np.uint16) * 257 if deep else photo
    images.write_picture(Picture(pixels, metadata=Metadata(**beside)), tmp_path / "in.png")
    assert PQ[0] + PQ[1] in (tmp_path / "in.png").read_bytes()
    assert enlarged(tmp_path / "in.png", tmp_path / "out.png", strip=True) == ()
    assert images.read_picture(tmp_path / "out.png").metadata == Metadata(**beside)
    assert enlarged(tmp_path / "in.png", tmp_path / "out.tif") == ("gamma and primaries",)


@pytest.mark.parametrize(("chunks", "lost"), [((SRGB, *LINEAR), False), ((PQ, (b"sRGB", b"\0")), True)])
def test_cicp_may_say_srgb(
    photo: np.ndarray, tmp_path: Path, chunks: tuple[tuple[bytes, bytes], ...], lost: bool
) -> None:
    images.write_picture(Picture(photo, metadata=Metadata(colorimetry=chunks)), tmp_path / "in.png")
    assert enlarged(tmp_path / "in.png", tmp_path / "out.jpg") == (("gamma and primaries",) if lost else ())


@pytest.mark.parametrize("name", ["icc_profile", "dpi", "gamma", "chromaticity", "srgb", "cicp", "xmp", "exif"])
def test_a_text_takes_no_other_s_place(photo: np.ndarray, tmp_path: Path, name: str) -> None:
    chunks, exif = PngImagePlugin.PngInfo(), Image.Exif()
    standard = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = b"" if name in ("gamma", "chromaticity", "srgb") else standard
    for kind, content in ((b"gAMA", struct.pack(">I", 50000)), (b"cHRM", struct.pack(">8I", *range(1, 9)))):
        chunks.add(kind, content)
    chunks.add(b"sRGB", b"\1")
    chunks.add(b"cICP", bytes([12, 13, 0, 1]))
    chunks.add_itxt("XML:com.adobe.xmp", XMP.decode())
    exif[ExifTags.Base.Make] = "Kodak"
    said: dict[str, Any] = {"pnginfo": chunks, "icc_profile": profile, "dpi": (300, 300), "exif": exif}
    Image.fromarray(photo[:8, :8]).save(tmp_path / "without.png", **said)
    for text in (b"72", b"Display P3"):
        chunks.add(b"tEXt", name.encode() + b"\0" + text, after_idat=True)
    Image.fromarray(photo[:8, :8]).save(tmp_path / "with.png", **said)
    without, with_text = (images.read_picture(tmp_path / f"{file}.png").metadata for file in ("without", "with"))
    assert without.xmp == XMP
    assert without.dpi == (300, 300)
    assert without.exif
    assert replace(with_text, texts=()) == without
    assert dict(with_text.texts)[name] == "Display P3"


def test_a_text_of_that_name_is_no_gamma(photo: np.ndarray, tmp_path: Path) -> None:
    texts = (("gamma", "2.2"), ("chromaticity", "(1, 2)"), ("srgb", "yes"), ("cicp", "four"))
    images.write_picture(Picture(photo, metadata=Metadata(texts=texts)), tmp_path / "in.png")
    assert images.read_picture(tmp_path / "in.png").metadata == Metadata(texts=texts)


def test_srgb_goes_without_saying(photo: np.ndarray, tmp_path: Path) -> None:
    for chunks in (((b"gAMA", struct.pack(">I", 45455)),), (*LINEAR, (b"sRGB", b"\1"))):
        images.write_picture(Picture(photo, metadata=Metadata(colorimetry=chunks)), tmp_path / "in.png")
        assert images.read_picture(tmp_path / "in.png").metadata.colorimetry == chunks
        assert enlarged(tmp_path / "in.png", tmp_path / "out.jpg") == ()
    said = Metadata(icc_profile=profile(), colorimetry=LINEAR)  # which the profile outweighs
    images.write_picture(Picture(photo, metadata=said), tmp_path / "in.png")
    assert images.read_picture(tmp_path / "in.png").metadata == Metadata(icc_profile=profile())


@pytest.mark.parametrize(
    "block", [b"", b"nonsense", b"II*\0" + bytes(200), exif_block()[:30], exif_block()[:90]], ids=len
)
def test_a_picture_with_damaged_exif_is_still_a_picture(photo: np.ndarray, tmp_path: Path, block: bytes) -> None:
    for suffix in (".jpg", ".png", ".webp"):
        Image.fromarray(photo).save(tmp_path / f"in{suffix}", exif=b"Exif\0\0" + block, lossless=True)
        picture = images.read_picture(tmp_path / f"in{suffix}")
        for out in SUFFIXES:
            images.write_picture(picture, tmp_path / f"out{out}")
            assert images.read_picture(tmp_path / f"out{out}").colour.shape == photo.shape


DESCRIBING: dict[int, str | int | bytes] = {
    0x010E: "A flower", 0x010F: "Kodak", 0x0110: "DC 4", 0x0131: "Editor", 0x0132: "2024:05:06 07:08:09",
    0x013B: "Ann", 0x013C: "host", 0x8298: "Ann, 2024", 0x4746: 4, 0x4749: 75,
    0x9C9B: b"T\0", 0x9C9C: b"C\0", 0x9C9D: b"A\0", 0x9C9E: b"K\0", 0x9C9F: b"S\0",
}  # fmt: skip
TYPES = {str: ("s", 0), int: ("H", 1), bytes: ("B", 2)}  # tifffile's names, and how many


@pytest.mark.parametrize("ending", ["tif", "jpg"])
def test_what_a_tiff_says_of_its_picture_is_kept(photo: np.ndarray, tmp_path: Path, ending: str) -> None:
    tags = [(tag, *TYPES[type(value)], value, True) for tag, value in DESCRIBING.items()]
    tifffile.imwrite(tmp_path / "in.tif", photo, photometric="rgb", metadata=None, software=False, extratags=tags)
    assert enlarged(tmp_path / "in.tif", tmp_path / f"out.{ending}") == ()
    with Image.open(tmp_path / f"out.{ending}") as image:
        kept = dict(image.getexif())
    assert {tag: kept.get(tag) for tag in DESCRIBING} == DESCRIBING


def test_how_a_camera_is_to_be_understood_goes_into_a_tiff(photo: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.IFD.Interop] = {1: "R98"}
    Image.fromarray(photo[:8, :8]).save(tmp_path / "in.jpg", exif=exif)
    for one, other in (("in.jpg", "out.tif"), ("out.tif", "out.webp")):
        enlarged(tmp_path / one, tmp_path / other)
        with Image.open(tmp_path / other) as image:
            assert image.getexif().get_ifd(ExifTags.IFD.Interop) == {1: "R98"}


@pytest.mark.parametrize(("unit", "dpi"), [(2, 100), (3, 254), (1, None)])
def test_resolution_may_be_told_in_centimetres(photo: np.ndarray, tmp_path: Path, unit: int, dpi: int | None) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.XResolution] = exif[ExifTags.Base.YResolution] = 100.0
    exif[ExifTags.Base.ResolutionUnit] = unit
    Image.fromarray(photo[:8, :8]).save(tmp_path / "in.webp", exif=exif)
    assert images.read_picture(tmp_path / "in.webp").metadata.dpi == (dpi and (dpi, dpi))


def test_what_lies_behind_a_thumbnail_stays_where_it_is() -> None:
    whole = exif_block()
    thumbnail = whole[whole.index(b"\xff\xd8\xff") :]
    after = corrected(whole + MAKER_NOTE[::-1], 48, 80)
    assert after is not None
    assert after.index(MAKER_NOTE[::-1]) == len(whole)
    assert not any(after[len(whole) - len(thumbnail) : len(whole)])
    assert after[: len(whole) - len(thumbnail)] == corrected(whole, 48, 80)


@pytest.mark.parametrize(("place", "size"), [(0, 10), (8, 20), (0, 5000), (200, 5000)])
def test_a_thumbnail_that_is_said_to_be_elsewhere_takes_nothing_with_it(place: int, size: int) -> None:
    block = bytearray(exif_block())
    entry = block.index(struct.pack("<HH", ExifTags.Base.JpegIFOffset, 4))
    struct.pack_into("<I", block, entry + 8, place)
    struct.pack_into("<I", block, entry + 12 + 8, size)
    after = corrected(bytes(block), 48, 80)
    assert after is not None
    tags = parse(after)
    assert tags[ExifTags.Base.Make] == "Kodak"
    assert tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] == MAKER_NOTE
    assert len(after) == len(block)


GAIN_MAP = (
    b'<rdf:Description hdrgm:Version="1.0" dc:source="x"><Container:Directory><rdf:Seq><rdf:li><Container:Item'
    b' Item:Semantic="GainMap" Item:Length="814"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description>'
)
VIDEO = (
    b"<rdf:Description GCamera:MotionPhoto='1' GCamera:MotionPhotoVersion='1' dc:source=\"x\">"
    b"<GCamera:MicroVideoOffset>99</GCamera:MicroVideoOffset></rdf:Description>"
)


@pytest.mark.parametrize(("xmp", "note"), [(GAIN_MAP, "without its gain map"), (VIDEO, "without its video")])
def test_what_phones_append_is_not_promised_any_more(photo: np.ndarray, tmp_path: Path, xmp: bytes, note: str) -> None:
    Image.fromarray(photo[:8, :8]).save(tmp_path / "in.jpg", xmp=xmp)
    picture = images.read_picture(tmp_path / "in.jpg")
    assert picture.notes == (note,)
    assert picture.metadata.corrected(32, 32).xmp == b'<rdf:Description dc:source="x"></rdf:Description>'
    assert Metadata(xmp=b"<rdf:Description GCamera:MotionPhoto='0'/>").appended() == []


def test_what_lies_between_elements_stays() -> None:
    thumbnails = b"<xmp:Thumbnails a='b'>1</xmp:Thumbnails>"
    for before in (b"<xmp:ThumbnailsX>1</xmp:ThumbnailsX>", b"<xmp:Thumbnails/>", b"<xmp:Thumbnails c='d'/>"):
        for title in (b"<dc:title>T</dc:title>", b""):
            assert Metadata(xmp=before + title + thumbnails + title).corrected(4, 4).xmp == before + 2 * title
    assert Metadata(xmp=b"</xmp:Thumbnails>").corrected(4, 4).xmp == b"</xmp:Thumbnails>"


@pytest.mark.parametrize(
    "piece", [b"<Container:Directory ", b"<xmp:Thumbnails>", b"<mwg-rs:Regions>", b" hdrgm:a='", b" "]
)
def test_a_hostile_packet_takes_no_time(piece: bytes) -> None:
    xmp = piece * (2**22 // len(piece))
    started = time.process_time()
    Metadata(xmp=xmp).turned().corrected(4, 4)
    assert time.process_time() - started < 10


def directory(order: str, *entries: tuple[int, int, int, int]) -> bytes:
    """EXIF entries (tag, type, count, value) without a link to the next directory."""
    packed = [struct.pack(order + ("HHIHH" if kind == 3 else "HHII"), *entry, *([0] if kind == 3 else []))
              for entry in entries for kind in entry[1:2]]  # fmt: skip
    return struct.pack(order + "H", len(entries)) + b"".join(packed)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_directory_without_a_link_may_have_something_in_its_place(order: str) -> None:
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    outer = directory(order, (ExifTags.IFD.Exif, 4, 1, 8 + 2 + 12 + 4)) + bytes(4)
    behind = 8 + len(outer) + 2 + 2 * 12
    inner = directory(order, (0x9214, 4, 1, 9), (0xA434, 2, 12, behind))
    after = corrected(start + outer + inner + b"LENS ABCDEF\0", 48, 80)
    assert after
    assert dict(parse(after).get_ifd(ExifTags.IFD.Exif)) == {0xA434: "LENS ABCDEF"}


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tag_that_is_there_twice_is_put_right(order: str) -> None:
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    turned = (ExifTags.Base.Orientation, 3, 1, 6)
    block = start + directory(order, turned, turned, (ExifTags.Base.ImageWidth, 4, 1, 9)) + bytes(4)
    after = corrected(block, 48, 80)
    assert after
    for exif in (after, with_resolution(after, (300, 300)), with_resolution(block, (300, 300))):
        tags = parse(exif)
        assert len(tags) == (2 if exif == after else 5)
        assert tags[ExifTags.Base.Orientation] == (6 if tags[ExifTags.Base.ImageWidth] == 9 else 1)


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_counts_the_old_pixels_is_left_out(order: str) -> None:
    exif, inner = Image.Exif(), {0x9214: (10, 10, 5, 5), 0xA214: (20, 10), 0xA20E: 3000.0, 0xA20F: 3000.0, 0xA210: 3}
    exif.endian = order
    kept = {0x9003: "2024:05:06 07:08:09", ExifTags.Base.MakerNote: MAKER_NOTE, 0xA405: 35}
    exif.get_ifd(ExifTags.IFD.Exif).update(inner | kept)
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    after = corrected(block, 48, 80)
    assert after
    assert dict(parse(after).get_ifd(ExifTags.IFD.Exif)) == kept
    assert after.index(MAKER_NOTE) == block.index(MAKER_NOTE)


def test_a_tiff_has_the_types_that_exif_asks_for(photo: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif).update({0x9101: b"\1\2\3\0", 0x9286: b"ASCII\0\0\0hello", 0xA300: b"\3"})
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({0: b"\2\3\0\0", 27: b"ASCII\0\0\0GPS"})
    Image.fromarray(photo[:8, :8]).save(tmp_path / "in.jpg", exif=exif)
    enlarged(tmp_path / "in.jpg", tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
        file, tags = tiff.filehandle, tiff.pages.first.tags
        for directory, types in ((0x8769, {0x9101: 7, 0x9286: 7, 0xA300: 7}), (0x8825, {0: 1, 27: 7})):
            file.seek(tags[directory].offset + 8)
            file.seek(struct.unpack("<I", file.read(4))[0])
            (count,) = struct.unpack("<H", file.read(2))
            assert dict(struct.unpack("<HH", file.read(12)[:4]) for _ in range(count)) == types


def test_sizes_in_xmp_are_put_right_by_their_names() -> None:
    xmp = b'<rdf:Description tiff:ImageWidth="20" tiff:ImageLength="12" mytiff:ImageWidth="7">'
    said = Metadata(xmp=xmp).corrected(48, 80).xmp
    assert said == b'<rdf:Description tiff:ImageWidth="48" tiff:ImageLength="80" mytiff:ImageWidth="7">'


@pytest.mark.parametrize("name", ["in.jpg", "in.tif"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_where_faces_are_is_not_kept_of_a_picture_that_was_turned(
    photo: np.ndarray, tmp_path: Path, orientation: int, name: str
) -> None:
    regions = b"<mwg-rs:Regions rdf:parseType='Resource'><mwg-rs:Name>Ann</mwg-rs:Name></mwg-rs:Regions>"
    xmp, exif = XMP.replace(b"<dc:source>", regions + b"<dc:source>"), Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    said: dict[str, Any] = (
        {"exif": exif, "xmp": xmp} if name == "in.jpg" else {"tiffinfo": {274: orientation, 700: xmp}}
    )
    Image.fromarray(photo[:8, :12]).save(tmp_path / name, **said)
    picture = images.read_picture(tmp_path / name)
    expected = xmp if orientation == 1 else XMP
    if name == "in.tif" and orientation == 6:  # Pillow, which turns TIFFs, takes it out
        expected = expected.replace(b'tiff:Orientation="6"', b"")
    assert picture.metadata.xmp == expected
    assert picture.notes == (() if orientation == 1 else ("without XMP's regions, since the picture was turned",))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif"])
def test_resolution_turns_with_the_picture(photo: np.ndarray, tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution], exif[ExifTags.Base.ResolutionUnit] = (
        204.0,
        98.0,
        2,
    )
    xmp = b'<rdf:Description tiff:Orientation="%d" tiff:XResolution="204/1"><tiff:YResolution>98/1</tiff:YResolution>'
    told = Metadata(exif=exif.tobytes().removeprefix(PREFIX), xmp=xmp % orientation, dpi=(204, 98))
    with (tmp_path / f"in{suffix}").open("wb") as file:
        encode(photo[:8, :12], told, format_of(tmp_path / f"in{suffix}"), file)
    said = images.read_picture(tmp_path / f"in{suffix}").metadata
    assert said.dpi == ((98, 204) if orientation >= 5 else (204, 98))
    enlarged(tmp_path / f"in{suffix}", tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as result:
        assert tuple(map(round, result.info["dpi"])) == said.dpi
        tags = dict(result.getexif())
        in_exif = tags.get(ExifTags.Base.XResolution), tags.get(ExifTags.Base.YResolution)
        assert in_exif == ((None, None) if suffix == ".tif" else said.dpi)  # there it is the picture's own
        x, y = map(b"%d/1".__mod__, said.dpi)
        assert b'tiff:XResolution="%s"' % x in result.info["xmp"] or b"<tiff:XResolution>%s<" % x in result.info["xmp"]
        assert b'tiff:YResolution="%s"' % y in result.info["xmp"] or b"<tiff:YResolution>%s<" % y in result.info["xmp"]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_page_s_resolution_turns_with_it(photo: np.ndarray, tmp_path: Path, bits: int, orientation: int) -> None:
    pixels = photo[:8, :12].astype(np.uint16) * 257 if bits == 16 else photo[:8, :12]
    with tifffile.TiffWriter(tmp_path / "p.tif") as tiff:
        for turn in (1, orientation):
            tags = [(274, "H", 1, turn, True)]
            tiff.write(pixels, photometric="rgb", resolution=(204, 98), resolutionunit=2, metadata=None, extratags=tags)
    first, second = (frame.picture for frame in frames.read_frames(tmp_path / "p.tif"))
    assert first.metadata.dpi == (204, 98)
    assert second.metadata.dpi == ((98, 204) if orientation == 6 else (204, 98))
    assert second.colour.shape[:2] == ((12, 8) if orientation == 6 else (8, 12))


OME = '<?xml version="1.0"?><!-- of Bio-Formats --><OME xmlns="x"><Pixels SizeX="16" PhysicalSizeX="0.5"/></OME>'


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ('{"shape": [2, 16, 12]}', None),
        (OME, None),
        (OME[OME.index("<OME") :], None),
        ("ImageJ=1.53t\nimages=2\nunit=micron\nspacing=2.0\nyunit=cm\nmin=3", "ImageJ=1.53t\nimages=2\nmin=3"),
        ("a unit=cm, {} and <OME", "a unit=cm, {} and <OME"),
        ("<p>a harbour</p>", "<p>a harbour</p>"),
    ],
)
def test_descriptions_of_arrays_do_not_outlive_them(tmp_path: Path, description: str, expected: str | None) -> None:
    pixels = np.full((16, 12), 1000, np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", pixels, metadata=None, software="x", description=description)
    exif = images.read_picture(tmp_path / "in.tif").metadata.exif
    assert exif
    assert parse(exif).get(ExifTags.Base.ImageDescription) == expected
    assert parse(exif)[ExifTags.Base.Software] == "x"


@pytest.mark.parametrize("order", ["<", ">"])
def test_iptc_may_be_called_numbers_of_32_bits(photo: np.ndarray, tmp_path: Path, order: Any) -> None:
    said = IPTC.ljust(16, b"\0")
    words = [(33723, "I", 4, struct.unpack(order + "4I", said), True)]
    tifffile.imwrite(tmp_path / "p.tif", photo, byteorder=order, photometric="rgb", metadata=None, extratags=words)
    assert images.read_picture(tmp_path / "p.tif").metadata.iptc == said


@pytest.mark.parametrize("iptc", [b"odd", b"even"])
def test_photoshop_counts_in_twos(iptc: bytes) -> None:
    resource = iptc_resource(iptc)
    assert len(resource) % 2 == 0
    assert resource[:12] + iptc == b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + resource[12 : 12 + len(iptc)]


@pytest.mark.parametrize("suffix", [kind.suffixes[0] for kind in TELLING])
@pytest.mark.parametrize("source", ["in.jpg", "in.tif"])
def test_names_need_not_be_of_ascii(photo: np.ndarray, tmp_path: Path, source: str, suffix: str) -> None:
    exif, name = Image.Exif(), "J\u00fcrgen \u2603".encode()
    exif[ExifTags.Base.Artist] = name
    Image.fromarray(photo[:8, :8]).save(tmp_path / "in.jpg", exif=exif, dpi=(72, 72))
    enlarged(tmp_path / "in.jpg", tmp_path / "in.tif")
    enlarged(tmp_path / source, tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as image:
        assert image.getexif()[ExifTags.Base.Artist].encode("latin-1") == name


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dpi", [None, (300, 254.5)])
@pytest.mark.parametrize("suffix", [".avif", ".webp"])
def test_a_maker_s_notes_stay_where_they_were(
    photo: np.ndarray, tmp_path: Path, suffix: str, dpi: tuple[float, float] | None, order: str
) -> None:
    block = exif_block(order)
    picture = Picture(photo[:12, :20], metadata=Metadata(exif=block, dpi=dpi))
    images.write_picture(picture, tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as image:
        assert (ExifTags.Base.Orientation in image.getexif()) == (suffix == ".webp")
        assert image.getexif().get(ExifTags.Base.YResolution) == (dpi and dpi[1])
        assert image.getexif()[ExifTags.Base.Make] == "Kodak"
        assert image.getexif().get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
        assert image.info["exif"].removeprefix(b"Exif\0\0").index(MAKER_NOTE) == block.index(MAKER_NOTE)


def test_imagemagick_s_xmp_is_kept(photo: np.ndarray, tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Raw profile type xmp", f"\nxmp\n{len(XMP):8d}\n{XMP.hex()}\n", zip=True)
    Image.fromarray(photo[:8, :8]).save(tmp_path / "in.png", pnginfo=texts)
    assert images.read_picture(tmp_path / "in.png").metadata == Metadata(xmp=XMP)


def test_a_comment_may_be_older_than_utf_8(photo: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(photo[:8, :8]).save(tmp_path / "in.jpg", comment="Köln".encode("latin-1"))
    enlarged(tmp_path / "in.jpg", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert image.info["Comment"] == "Köln"


@pytest.mark.parametrize(("unit", "dpi"), [(None, None), (1, None), (2, (100, 100)), (3, (254, 254))])
def test_no_resolution_is_made_up(
    photo: np.ndarray, tmp_path: Path, unit: int | None, dpi: tuple[int, int] | None
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Kodak"
    if unit:
        exif[ExifTags.Base.XResolution] = exif[ExifTags.Base.YResolution] = 100.0
        exif[ExifTags.Base.ResolutionUnit] = unit
    Image.fromarray(photo[:8, :8]).save(tmp_path / "in.jpg", exif=exif)
    assert images.read_picture(tmp_path / "in.jpg").metadata.dpi == dpi
    Image.fromarray(photo[:8, :8]).save(tmp_path / "in.jpg", exif=exif, dpi=(300, 200))
    assert images.read_picture(tmp_path / "in.jpg").metadata.dpi == (300, 200)


def test_a_jpeg_may_tell_dots_per_centimetre(photo: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(photo[:8, :8]).save(tmp_path / "in.jpg", dpi=(300, 200))
    content = bytearray((tmp_path / "in.jpg").read_bytes())
    assert content[6:14] == b"JFIF\0\1\1\1"
    content[13:18] = struct.pack(">B2H", 2, 100, 50)
    (tmp_path / "in.jpg").write_bytes(content)
    assert images.read_picture(tmp_path / "in.jpg").metadata.dpi == (254, 127)


def test_a_block_that_tells_a_resolution_stays_as_it_is() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.XResolution] = exif[ExifTags.Base.YResolution] = 72.0
    block = exif.tobytes().removeprefix(PREFIX) + b"what lies behind"
    assert with_resolution(block, (300, 300)) == block


def test_a_profile_of_more_than_a_megabyte_is_kept(photo: np.ndarray, tmp_path: Path) -> None:
    large = np.random.default_rng(0).bytes(1_200_000)
    Image.fromarray(photo[:8, :8]).save(tmp_path / "in.png", icc_profile=large)
    assert images.read_picture(tmp_path / "in.png").metadata.icc_profile == large


def test_values_of_wrong_types_are_left_out(photo: np.ndarray, tmp_path: Path) -> None:
    numbers = [(tag, 4, 1, 7, True) for tag in (33723, 34675)]
    tifffile.imwrite(tmp_path / "p.tif", photo, photometric="rgb", metadata=None, software=False, extratags=numbers)
    assert images.read_picture(tmp_path / "p.tif").metadata == Metadata()
