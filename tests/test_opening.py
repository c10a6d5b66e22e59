"""What may be opened: a limit found in the header, and files made to exhaust memory."""

import io
import re
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, TiffImagePlugin
from test_cli import in_process

from srgan_cli.errors import SrganError
from srgan_cli.jobs.planning import Limits, plan_jobs
from srgan_cli.pictures import frames, images

PILLOWS_LIMIT = Image.MAX_IMAGE_PIXELS
BOMB = zlib.compress(bytes(400_000_000), 9)
PIXELS = zlib.compress(bytes(8 * (1 + 3 * 8)))


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file with a header of 8-bit RGB and these chunks (type, content)."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, content in ((b"IHDR", header), *chunks, (b"IEND", b"")):
        parts += [struct.pack(">I", len(content)), kind, content, struct.pack(">I", zlib.crc32(kind + content))]
    return b"".join(parts)


@pytest.mark.parametrize(("width", "height"), [(14_204, 10_652), (20_000, 10_000)])
def test_the_largest_cameras_and_scans_pass(width: int, height: int) -> None:
    header = frames.read_header(Path("p.png"), io.BytesIO(png(width, height, (b"IDAT", PIXELS))))
    assert (header.width, header.height) == (width, height)


@pytest.mark.parametrize(
    ("width", "height", "said"), [(20_001, 10_000, "200,010,000"), (90_000, 90_000, "8,100,000,0")]
)
def test_a_larger_picture_is_refused_and_told_the_option(width: int, height: int, said: str) -> None:
    for read in (frames.read_header, images.read_picture):
        with pytest.raises(SrganError, match=f"p.png: has {said}.* more than the limit of 200 megapixels") as caught:
            read(Path("p.png"), io.BytesIO(png(width, height, (b"IDAT", PIXELS))))
        assert "--max-megapixels" in caught.value.hint


def test_the_option_raises_and_lowers_the_limit(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(png(30_000, 20_000, (b"IDAT", PIXELS)))
    (tmp_path / "small.png").write_bytes(png(1_001, 1_000, (b"IDAT", PIXELS)))
    code, stdout, stderr = in_process("upscale", tmp_path, "--dry-run")
    assert code == 1
    assert "small_x4.png 4004x4000" in stdout
    assert "error: " in stderr
    assert "large.png: has 600,000,000 pixels, more than the limit of 200 megapixels" in stderr
    assert "hint: srgan upscale takes it with --max-megapixels 600; or cut it into parts" in stderr
    jobs = plan_jobs([str(tmp_path)], limits=Limits(600_000_000)).jobs
    assert [job.source.name for job in jobs] == ["large.png", "small.png"]
    assert in_process("upscale", tmp_path, "--max-megapixels", 1, "--dry-run")[:2] == (1, "")


def test_pillow_has_its_own_limit_back_whatever_happened() -> None:
    with pytest.raises(SrganError):
        frames.read_header(Path("p.png"), io.BytesIO(b"no picture"))
    content = png(8, 8, (b"IDAT", PIXELS))
    with ThreadPoolExecutor(4) as pool:
        limits = [10**6 * (1 + number % 5) for number in range(200)]
        list(pool.map(lambda most: list(frames.read_frames(Path("p.png"), io.BytesIO(content), most)), limits))
    assert PILLOWS_LIMIT == Image.MAX_IMAGE_PIXELS


def tiff(**tags: int) -> bytes:
    """8x8 uncompressed RGB without sense in its pixels."""
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    rgb = {"ImageWidth": 8, "ImageLength": 8, "PhotometricInterpretation": 2, "SamplesPerPixel": 3}
    for name, value in {**rgb, "BitsPerSample": (8, 8, 8), "Compression": 8, **tags}.items():
        directory[getattr(TiffImagePlugin, name.upper(), None) or tifffile.TIFF.TAGS[name]] = value
    file = io.BytesIO()
    directory.save(file)
    return file.getvalue() + bytes(1000)


@pytest.mark.parametrize("side", [16_000, 2**31 - 16])
def test_absurd_tiles_are_refused(side: int) -> None:
    content = tiff(TileWidth=side, TileLength=side - 16, TileOffsets=8, TileByteCounts=400)
    with pytest.raises(SrganError, match=r"p\.tif: is cut into tiles of"):
        frames.read_header(Path("p.tif"), io.BytesIO(content))


BOMBS = {
    "profile": png(8, 8, (b"iCCP", b"x\0\0" + BOMB), (b"IDAT", PIXELS)),
    "text": png(8, 8, (b"zTXt", b"x\0\0" + BOMB), (b"IDAT", PIXELS)),
    "international text": png(8, 8, (b"iTXt", b"x\0\1\0\0\0" + BOMB), (b"IDAT", PIXELS)),
    "text behind": png(8, 8, (b"IDAT", PIXELS), (b"zTXt", b"x\0\0" + BOMB)),
    "many texts": png(
        8, 8, *[(b"zTXt", b"%d\0\0" % n + zlib.compress(bytes(10**6))) for n in range(100)], (b"IDAT", PIXELS)
    ),
    "pixels": png(8, 8, (b"IDAT", BOMB)),
    "EXIF": png(8, 8, (b"eXIf", b"MM\0*\0\0\0\x08\xff\xff" + bytes(100)), (b"IDAT", PIXELS)),
    "strips": tiff(RowsPerStrip=2**31 - 1, StripOffsets=8, StripByteCounts=2**31 - 1),
    "canvas": b"RIFF\x64\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\xff\xff\0\xff\xff\0" + bytes(80),
}


def highest_memory() -> int:
    """The most resident memory so far, in KiB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process")
def test_bombs_take_no_memory(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest so far, which another test may have made
    before = highest_memory()
    for read in (frames.read_header, images.read_picture):
        try:
            read(Path("p"), io.BytesIO(BOMBS[name]))
        except SrganError as error:
            assert error.message.startswith("p: ")  # noqa: PT017 (some are read, without what is too large)
    grown = highest_memory() - before
    assert grown < 150 * 1024  # KiB; Pillow lets texts take 64 MB
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("kind", ["eXIf", "text", "XMP"])
def test_a_png_s_orientation_is_found_without_decoding_it(place: str, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    block = exif.tobytes()
    chunk = {
        "eXIf": (b"eXIf", block.removeprefix(b"Exif\0\0")),
        "text": (b"tEXt", b"Raw profile type exif\0\nexif\n%8d\n%s\n" % (len(block), block.hex().encode())),
        "XMP": (b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta tiff:Orientation="6"/>'),
    }[kind]

    def content(pixels: bytes) -> io.BytesIO:
        chunks = (chunk, (b"IDAT", pixels))
        return io.BytesIO(png(9, 8, *(chunks if place == "before" else chunks[::-1])))

    header = frames.read_header(Path("p.png"), content(b"not deflated"))
    assert (header.width, header.height) == (8, 9)
    picture = images.read_picture(Path("p.png"), content(zlib.compress(bytes(8 * (1 + 3 * 9)))))
    assert picture.colour.shape == (9, 8, 3)


def test_a_tiff_turned_by_its_xmp_is_as_large_as_planned(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    pixels = np.zeros((5, 8, 3), np.uint8)
    tifffile.imwrite(
        tmp_path / "p.tif", pixels, photometric="rgb", metadata=None, extratags=[(700, 1, len(xmp), xmp, True)]
    )
    header, picture = frames.read_header(tmp_path / "p.tif"), images.read_picture(tmp_path / "p.tif")
    assert (header.height, header.width) == picture.colour.shape[:2]


def test_a_kind_of_tiff_that_is_not_supported_is_called_so(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "p.tif", np.zeros((5, 8, 3), np.float32), photometric="rgb", metadata=None)
    with pytest.raises(SrganError, match="a kind of TIFF that is not supported, or damaged") as caught:
        images.read_picture(tmp_path / "p.tif")
    assert "8 or 16 bits" in caught.value.hint
    tifffile.imwrite(tmp_path / "p.tif", np.zeros((5, 8, 3), np.uint8), photometric="rgb", bigtiff=True, byteorder=">")
    with pytest.raises(SrganError, match="is a big-endian BigTIFF"):
        images.read_picture(tmp_path / "p.tif")


def test_a_tiff_on_its_side_is_known_to_be(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (9, 8)).save(tmp_path / "p.tif", exif=exif)
    header = frames.read_header(tmp_path / "p.tif")
    assert (header.width, header.height) == (8, 9)
    assert images.read_picture(tmp_path / "p.tif").colour.shape == (9, 8, 3)


@pytest.mark.parametrize("number", [0, 9, 32774])
def test_an_orientation_that_does_not_exist_is_upright(tmp_path: Path, number: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = number
    Image.new("RGB", (9, 8)).save(tmp_path / "p.png", exif=exif)
    assert frames.read_header(tmp_path / "p.png").width == 9
    assert images.read_picture(tmp_path / "p.png").colour.shape == (8, 9, 3)
