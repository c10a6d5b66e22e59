"""16 bits a channel stay 16 bits, told by the file's type and never by its values."""

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from conftest import upscaler_of
from PIL import Image

from srgan_cli.errors import SrganError
from srgan_cli.pictures import frames, images
from srgan_cli.pictures.frames import read_header
from srgan_cli.pictures.metadata import Metadata
from srgan_cli.pictures.picture import Picture, from_array, to_array
from srgan_cli.released import released
from srgan_cli.upscaling.sizes import Size
from srgan_cli.upscaling.upscaler import Options, Upscaler


def dark(channels: int, height: int = 12, width: int = 20) -> np.ndarray:
    """(height, width, channels) uint16, every value under 256."""
    return np.arange(height * width * channels, dtype=np.uint16).reshape(height, width, channels) % 251


def check(path: Path, expected: np.ndarray, tolerance: int = 0) -> None:
    header, picture = frames.read_header(path), images.read_picture(path)
    assert header.sixteen_bits
    assert header.transparent == (expected.shape[-1] in (2, 4))
    pixels = to_array(picture)
    assert pixels.dtype == np.uint16
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_what_is_written_is_read(tmp_path: Path, suffix: str, channels: int) -> None:
    path, pixels = tmp_path / f"p{suffix}", dark(channels)
    said = Metadata(icc_profile=b"profile" * 100, xmp=b"packet", dpi=(300, 300))
    picture = Picture(from_array(pixels).colour, from_array(pixels).alpha, said)
    assert images.write_picture(picture, path) == ()
    check(path, pixels)
    assert images.read_picture(path).metadata == said
    decode = imagecodecs.png_decode if suffix == ".png" else imagecodecs.tiff_decode
    np.testing.assert_array_equal(decode(path.read_bytes()).reshape(pixels.shape), pixels)


@pytest.mark.parametrize(("name", "channels"), [("p.jpg", 1), ("p.jpg", 3), ("p.bmp", 3), ("p.webp", 4), ("p.avif", 2)])
def test_formats_of_8_bits_get_them_rounded_and_that_is_said(tmp_path: Path, name: str, channels: int) -> None:
    ramp = np.linspace(9_999, 65_535, 32 * 64 * channels).astype(np.uint16)  # not down to what alpha would hide
    picture = from_array(ramp.reshape(32, 64, channels))
    assert images.write_picture(picture, tmp_path / name) == ("8 of the 16 bits",)
    dark = from_array(ramp.reshape(32, 64, channels) // 16)
    (said,) = images.write_picture(dark, tmp_path / f"dark-{name}")
    assert said == "8 of the 16 bits (of which it fills 12, so it is dark)"
    for most, filled in ((2**14, ""), (2**14 - 1, " (of which it fills 14, so it is dark)"), (0, "")):
        grey = Picture(np.full((4, 4, 1), most, np.uint16), np.full((4, 4, 1), 40_000, np.uint16))
        (said,) = images.write_picture(grey, tmp_path / "grey.webp")
        assert said == f"8 of the 16 bits{filled}"
    pixels = to_array(images.read_picture(tmp_path / name))
    assert pixels.dtype == np.uint8
    expected = np.rint(to_array(picture) / 257)
    if channels == 2:  # AVIF knows no grey
        expected = expected[..., [0, 0, 0, 1]]
    assert np.abs(pixels[..., : expected.shape[-1]] - expected).max() <= (0 if name == "p.bmp" else 6)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "options",
    [
        {"byteorder": ">"},
        {"compression": "lzw", "predictor": True},
        {"compression": "zlib", "tile": (16, 16)},
        {"planarconfig": "separate"},
        {"compression": "deflate", "rowsperstrip": 5, "bigtiff": True},
    ],
    ids=str,
)
def test_tiffs_of_other_programs_are_read(tmp_path: Path, channels: int, options: dict[str, Any]) -> None:
    pixels = dark(channels)
    separate = options.get("planarconfig") == "separate"
    if separate and channels == 1:
        pytest.skip("nothing to separate")
    stored = np.moveaxis(pixels, -1, 0) if separate else pixels.squeeze()
    photometric = "rgb" if channels > 2 else "minisblack"
    extra = ["unassalpha"] if channels in (2, 4) else None
    options = {"planarconfig": "contig" if channels > 1 else None, **options}
    tifffile.imwrite(tmp_path / "p.tif", stored, photometric=photometric, extrasamples=extra, metadata=None, **options)
    check(tmp_path / "p.tif", pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("others", [1, 2])
def test_saved_selections_are_passed_over(tmp_path: Path, channels: int, others: int) -> None:
    pixels = dark(channels + others)
    extra = ["unassalpha"] * (channels in (2, 4)) + ["unspecified"] * others
    photometric = "rgb" if channels > 2 else "minisblack"
    tifffile.imwrite(
        tmp_path / "p.tif", pixels, photometric=photometric, planarconfig="contig", extrasamples=extra, metadata=None
    )
    check(tmp_path / "p.tif", pixels[..., :channels])


def test_saved_selections_behind_multiplied_alpha_are_passed_over(tmp_path: Path) -> None:
    pixels = dark(5)
    pixels[..., 3] = 65535
    extra = ["assocalpha", "unspecified"]
    tifffile.imwrite(
        tmp_path / "p.tif", pixels, photometric="rgb", planarconfig="contig", extrasamples=extra, metadata=None
    )
    check(tmp_path / "p.tif", pixels[..., :4])


def test_white_can_be_zero(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "p.tif", dark(1)[..., 0], photometric="miniswhite", metadata=None)
    check(tmp_path / "p.tif", 65535 - dark(1))
    with Image.open(tmp_path / "p.tif") as image:
        np.testing.assert_array_equal(images.from_pil(image).colour, 65535 - dark(1))


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha", "unspecified"])
def test_white_can_be_zero_beside_alpha(tmp_path: Path, dtype: Any, extra: str, compression: str | None) -> None:
    full = int(np.iinfo(dtype).max)
    ink, alpha = np.arange(12, dtype=dtype)[None, :, None].repeat(8, 0), np.full((8, 12, 1), full, dtype)
    alpha[:4] = full // 5
    stored = ink // 5 if extra == "assocalpha" else ink
    stored = np.where(alpha == full, ink, stored).astype(dtype)
    file = np.concatenate([stored, alpha], axis=-1)
    tifffile.imwrite(
        tmp_path / "p.tif", file, photometric="miniswhite", extrasamples=[extra], compression=compression, metadata=None
    )
    ink = np.where(alpha == full, ink, ink // 5 * 5) if extra == "assocalpha" else ink
    expected = (full - ink).astype(dtype)
    read, header = images.read_picture(tmp_path / "p.tif"), read_header(tmp_path / "p.tif")
    assert (header.transparent, header.sixteen_bits, header.grey) == (extra != "unspecified", dtype == np.uint16, True)
    np.testing.assert_array_equal(read.colour, expected)
    assert (read.alpha is not None) == header.transparent
    assert read.alpha is None or np.array_equal(read.alpha, alpha)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_12_bits_may_be_of_white_or_of_black(tmp_path: Path, photometric: int, order: str) -> None:
    codes = np.arange(0, 4096, 64, dtype=np.uint16).reshape(8, 8)
    first, second = codes.ravel()[::2], codes.ravel()[1::2]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1).astype(np.uint8).tobytes()
    entries = ((256, 8), (257, 8), (258, 12), (259, 1), (262, photometric), (273, 200), (277, 1), (278, 8), (279, 96))
    directory = struct.pack(order + "H", len(entries))
    directory += b"".join(struct.pack(order + "HHIHH", tag, 3, 1, value, 0) for tag, value in entries) + bytes(4)
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    (tmp_path / "p.tif").write_bytes((start + directory).ljust(200, b"\0") + packed)
    expected = (codes << 4 | codes >> 8)[..., None]
    check(tmp_path / "p.tif", expected if photometric else 65535 - expected)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("turn", [1, 6])
def test_colours_in_planes_may_be_multiplied_by_alpha(tmp_path: Path, channels: int, turn: int) -> None:
    colour = np.arange(96, dtype=np.uint8).reshape(8, 12)[None].repeat(channels - 1, 0)
    alpha = np.where(np.arange(12) < 6, 255, 51).astype(np.uint8)[None].repeat(8, 0)
    stored = np.concatenate([np.rint(colour * (alpha / 255)).astype(np.uint8), alpha[None]])
    tifffile.imwrite(
        tmp_path / "p.tif",
        stored,
        photometric="rgb" if channels == 4 else "minisblack",
        planarconfig="separate",
        extrasamples=["assocalpha"],
        metadata=None,
        extratags=[(274, "H", 1, turn, True)],
    )
    picture = images.read_picture(tmp_path / "p.tif")
    expected = np.moveaxis(np.concatenate([colour, alpha[None]]), 0, -1)
    expected = np.rot90(expected, -1) if turn == 6 else expected
    difference = to_array(picture).astype(int) - expected
    assert np.abs(difference[expected[..., -1] == 255]).max() == 0
    assert np.abs(difference).max() <= 2
    header = read_header(tmp_path / "p.tif")
    assert (header.height, header.width, header.sixteen_bits) == (*picture.colour.shape[:2], False)


def test_colours_multiplied_by_alpha_are_divided(tmp_path: Path) -> None:
    pixels = dark(4) * 200
    pixels[..., 3] = np.arange(1, 241).reshape(12, 20) * 273
    premultiplied = pixels.copy()
    premultiplied[..., :3] = np.rint(pixels[..., :3] * (pixels[..., 3:] / 65535))
    tifffile.imwrite(tmp_path / "p.tif", premultiplied, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    read = to_array(images.read_picture(tmp_path / "p.tif"))
    solid = pixels[..., 3] > 30_000
    assert np.abs(read[solid].astype(int) - pixels[solid]).max() <= 2


def test_divided_colours_end_at_white_and_are_rounded(tmp_path: Path) -> None:
    stored = np.array([[[9, 9, 9, 0], [50, 99, 100, 100], [200, 0, 1, 3]]], np.uint16)
    tifffile.imwrite(tmp_path / "p.tif", stored, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    read = to_array(images.read_picture(tmp_path / "p.tif"))[0]
    assert read[1:].tolist() == [[32768, 64880, 65535, 100], [65535, 0, 21845, 3]]
    assert read[0, 3] == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_becomes_alpha(tmp_path: Path, channels: int) -> None:
    pixels = np.full((4, 4, channels), 300, np.uint16)
    pixels[1, 2] = 7
    png = imagecodecs.png_encode(pixels.squeeze())
    key = b"tRNS" + struct.pack(">H", 7) * channels
    chunk = struct.pack(">I", len(key) - 4) + key + struct.pack(">I", zlib.crc32(key))
    (tmp_path / "p.png").write_bytes(png[:33] + chunk + png[33:])
    alpha = np.full((4, 4, 1), 65535, np.uint16)
    alpha[1, 2] = 0
    check(tmp_path / "p.png", np.concatenate([pixels, alpha], axis=-1))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_damaged_files_are_one_sentence(tmp_path: Path, suffix: str, channels: int) -> None:
    picture = from_array(np.random.default_rng(0).integers(0, 65535, (40, 40, channels), np.uint16))
    images.write_picture(picture, tmp_path / f"p{suffix}")
    whole = (tmp_path / f"p{suffix}").read_bytes()
    for size in (20, 60, len(whole) // 2, len(whole) - 40):
        (tmp_path / f"p{suffix}").write_bytes(whole[:size])
        with pytest.raises(SrganError, match=rf"p\{suffix}: (cannot be read|is not a picture)"):
            images.read_picture(tmp_path / f"p{suffix}")


def test_signed_numbers_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "p.tif", dark(1)[..., 0].astype(np.int16), metadata=None)
    with pytest.raises(SrganError, match=r"p\.tif: has signed 16-bit integers as pixels"):
        images.read_picture(tmp_path / "p.tif")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_dark_picture_comes_out_dark_with_16_bits(tmp_path: Path, photo: np.ndarray, channels: int) -> None:
    dark = (photo[:80, :100, :channels] // 3 + 40).astype(np.uint16)
    darkest, colour = dark * 2, dark * 8
    images.write_picture(Picture(colour), tmp_path / "in.png")
    upscaler = upscaler_of()
    images.write_picture(upscaler.upscale(images.read_picture(tmp_path / "in.png")), tmp_path / "out.png")
    sr = images.read_picture(tmp_path / "out.png").colour
    with Image.open(tmp_path / "out.png") as written:
        assert written.mode == ("I;16" if channels == 1 else "RGB")
    assert sr.dtype == np.uint16
    assert abs(sr.mean() - colour.mean()) < 4
    assert len(np.unique(sr)) > 256
    assert abs(upscaler.upscale(Picture(darkest)).colour.mean() - darkest.mean()) < 1


@pytest.mark.parametrize("model", released())
def test_a_scan_of_fewer_bits_is_enlarged_as_if_it_had_all(photo: np.ndarray, model: str) -> None:
    upscaler = upscaler_of(model)
    full = photo[:48, :48].astype(np.uint16) * 257
    sr = upscaler.upscale(Picture(full)).colour
    for bits in (8, 10, 12, 14):
        scan = upscaler.upscale(Picture(full >> (16 - bits))).colour
        assert 2 ** (bits - 1) <= scan.max() < 2**bits
        assert np.abs(scan - sr / 2 ** (16 - bits)).mean() < 2**bits / 256


def test_what_8_bits_hold_is_enlarged_alike_in_16(photo: np.ndarray) -> None:
    upscaler = upscaler_of()
    assert photo[:48, :48].max() >= 128
    sixteen = upscaler.upscale(Picture(photo[:48, :48].astype(np.uint16))).colour
    np.testing.assert_allclose(sixteen, upscaler.upscale(Picture(photo[:48, :48])).colour, atol=1)


@pytest.mark.parametrize("model", released())
@pytest.mark.parametrize("black", [0, 33_000, 64_000])
def test_a_narrow_range_is_enlarged_like_any(photo: np.ndarray, model: str, black: int) -> None:
    """As of tissue in a scan, in the precision that a CPU has: 511 codes."""
    upscaler = upscaler_of(model, "bfloat16")
    tissue = photo[:48, :48].astype(np.uint16) * 2
    shown = upscaler.upscale(Picture(tissue)).colour.astype(int)
    scan = upscaler.upscale(Picture(tissue + np.uint16(black))).colour
    assert np.abs(scan - (shown + black)).mean() < 3


def test_a_hot_pixel_spoils_nothing_around_it(photo: np.ndarray) -> None:
    upscaler, scan = upscaler_of(), photo[:48, :48, :1].astype(np.uint16) + np.uint16(1000)
    expected = upscaler.upscale(Picture(scan)).colour.astype(int)
    scan[20, 30] = 65535
    difference = np.abs(upscaler.upscale(Picture(scan)).colour - expected)
    assert (difference[80:84, 120:124] > 64_000).all()
    difference[76:88, 116:128] = 0
    assert difference.max() < 64
    assert difference[:60].max() <= 1


def test_windows_of_a_scan_agree(photo: np.ndarray) -> None:
    """Some of them are much darker than the others."""
    scan = photo[:48].astype(np.uint16) * 4
    scan[:, :120] //= 16
    upscaler = Upscaler(Options(precision="float32", tile=192, halo=52))
    sr = upscaler.upscale(Picture(scan)).colour
    upscaler.colour.tile, upscaler.colour._window_budget = 64, 1
    np.testing.assert_allclose(upscaler.upscale(Picture(scan)).colour, sr, atol=1)


def test_a_scan_stays_within_its_bits_at_any_size(photo: np.ndarray) -> None:
    scan = np.where(photo[:24, :24] > 100, 4095, 0).astype(np.uint16)
    upscaler, size = upscaler_of(), Size(scale=2.5)
    sr = upscaler.upscale(Picture(scan), size=size).colour
    assert sr.max() == 4095
    full = upscaler.upscale(Picture(scan * np.uint16(16) + scan // np.uint16(256)), size=size).colour
    assert np.abs(sr - full / 16).mean() < 4  # a thousandth: it is shown to the network as bright


def test_what_transparency_hides_is_no_light(photo: np.ndarray) -> None:
    scan, alpha = photo[:24, :24].astype(np.uint16) * 2, np.full((24, 24, 1), 65535, np.uint16)
    alpha[:, 12:] = 0
    upscaler = upscaler_of()
    dark = upscaler.upscale(Picture(scan, alpha)).colour
    scan[:, 12:] = 65535
    np.testing.assert_array_equal(upscaler.upscale(Picture(scan, alpha)).colour, dark)
