"""Every colour mode of Pillow becomes grey or RGB, or one sentence."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from srgan_cli.errors import SrganError
from srgan_cli.pictures import frames, images
from srgan_cli.pictures.metadata import Metadata
from srgan_cli.pictures.picture import Picture


def cmyk_profile() -> bytes:
    """A printer whose inks are not those of Pillow's plain conversion: full cyan is L* 80."""
    nodes = []
    for node in range(16):
        cyan, magenta, yellow, black = (node >> shift & 1 for shift in (3, 2, 1, 0))
        lightness = 255 * (1 - 0.2 * cyan) * (1 - 0.5 * magenta) * (1 - 0.1 * yellow) * (1 - black)
        ink = 1 - black
        nodes += [lightness, 128 + ink * (40 * magenta - 30 * cyan), 128 + ink * (60 * yellow - 30 * cyan)]
    straight = bytes(range(256))
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table = b"mft1\0\0\0\0\x04\x03\x02\0" + identity + 4 * straight + bytes(map(int, nodes)) + 3 * straight
    tags = {b"A2B0": table, b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)}
    index, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        index += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = (
        struct.pack(">I4sI", start + len(body), b"none", 0x02400000)
        + b"prtrCMYKLab "
        + struct.pack(">6H", 2024, *[1] * 5)
    )
    head += b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + index + body


def read(image: Image.Image, path: Path, **options: Any) -> Picture:
    image.save(path, **options)
    header, picture = frames.read_header(path), images.read_picture(path)
    assert header.transparent == (picture.alpha is not None)
    assert header.sixteen_bits == (picture.colour.dtype == np.uint16)
    return picture


def test_12_bits_become_16(photo: np.ndarray, tmp_path: Path) -> None:
    stored = photo[..., 0].astype(np.uint16) * 16 + photo[..., 1] // 16
    tifffile.imwrite(tmp_path / "p.tif", stored, bitspersample=12, photometric="minisblack", metadata=None)
    (frame,) = frames.read_frames(tmp_path / "p.tif")
    assert frames.read_header(tmp_path / "p.tif").sixteen_bits
    np.testing.assert_allclose(frame.picture.colour[..., 0], stored * (65535 / 4095), atol=1)


def test_16_bits_of_ink_are_said_to_become_8(photo: np.ndarray, tmp_path: Path) -> None:
    inks = np.concatenate([photo, photo[..., :1]], axis=-1)[:8, :8].astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "p.tif", inks, photometric="separated", metadata=None)
    assert images.read_picture(tmp_path / "p.tif").notes == (
        "CMYK converted to RGB without profile; 16 bits read as 8",
    )


def test_cmyk_goes_through_its_profile_which_is_not_attached(tmp_path: Path) -> None:
    cyan = Image.new("CMYK", (4, 4), (255, 0, 0, 0))
    for suffix in (".jpg", ".tif"):
        plain = read(cyan, tmp_path / f"plain{suffix}")
        assert plain.notes == ("CMYK converted to RGB without profile",)
        assert np.abs(plain.colour.astype(int) - (0, 255, 255)).max() <= 2
        managed = read(cyan, tmp_path / f"managed{suffix}", icc_profile=cmyk_profile())
        assert managed.notes == ("CMYK converted to sRGB through its profile",)
        assert managed.metadata.icc_profile is None
        lab = ImageCms.profileToProfile(
            Image.fromarray(managed.colour),
            ImageCms.createProfile("sRGB"),
            ImageCms.createProfile("LAB"),
            outputMode="LAB",
        )
        assert lab is not None
        assert np.asarray(lab)[0, 0, 0] == pytest.approx(0.8 * 255, abs=12)
        damaged = read(cyan, tmp_path / f"damaged{suffix}", icc_profile=b"no profile" * 20)
        assert damaged.notes == ("CMYK converted to RGB past a bad profile",)


def test_lab_becomes_srgb(photo: np.ndarray, tmp_path: Path) -> None:
    lab = ImageCms.profileToProfile(
        Image.fromarray(photo), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    assert np.abs(read(lab, tmp_path / "p.tif").colour.astype(int) - photo).mean() < 2


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_lab_may_be_icc_s(photo: np.ndarray, tmp_path: Path, compression: str | None) -> None:
    lab = ImageCms.profileToProfile(
        Image.fromarray(photo), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    signed = np.asarray(lab)
    from_minus_128 = np.dstack([signed[..., 0], signed[..., 1:].view(np.int8).astype(int) + 128]).astype(np.uint8)
    tifffile.imwrite(tmp_path / "p.tif", from_minus_128, photometric="icclab", compression=compression, metadata=None)
    assert np.abs(images.read_picture(tmp_path / "p.tif").colour.astype(int) - photo).mean() < 2


def test_ycbcr_becomes_rgb(photo: np.ndarray, tmp_path: Path) -> None:
    picture = read(Image.fromarray(photo).convert("YCbCr"), tmp_path / "p.tif")
    assert np.abs(picture.colour.astype(int) - photo).mean() < 2


@pytest.mark.parametrize("mode", ["RGBX", "HSV", "YCbCr", "RGBa", "La", "CMYK", "PA"])
def test_modes_that_few_files_have_work_from_python(photo: np.ndarray, mode: str) -> None:
    way = {"RGBa": "RGBA", "La": "LA", "PA": "P"}.get(mode, "RGB")
    picture = images.from_pil(Image.fromarray(photo[:8, :8]).convert(way).convert(mode))
    assert picture.colour.shape == (8, 8, 1 if mode == "La" else 3)
    assert (picture.alpha is not None) == (mode in ("RGBa", "La", "PA"))


def test_colours_multiplied_by_alpha_are_divided() -> None:
    image = Image.new("RGBA", (2, 2), (200, 100, 50, 128))
    picture = images.from_pil(image.convert("RGBa"))
    assert np.abs(picture.colour.astype(int) - (200, 100, 50)).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_a_palette_of_greys_in_use_is_grey(tmp_path: Path, suffix: str) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([255, 0, 0, 20, 20, 20, 200, 200, 200])
    image.putpixel((1, 1), 2)
    picture = read(image, tmp_path / f"p{suffix}")
    assert picture.colour.shape == (4, 4, 1)
    assert picture.colour[1, 1, 0] == 200
    image.putpixel((0, 0), 0)
    assert read(image, tmp_path / f"p{suffix}").colour.shape == (4, 4, 3)


def test_a_grey_palette_with_a_profile_for_rgb_stays_rgb(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4))
    image.putpalette([20, 20, 20])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read(image, tmp_path / "p.png", icc_profile=profile)
    assert picture.colour.shape == (4, 4, 3)
    assert picture.metadata == Metadata(icc_profile=profile)


def test_a_palette_with_a_damaged_profile_is_read(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4))
    image.putpalette([20, 30, 40])
    image.save(tmp_path / "p.png", icc_profile=b"profile")
    png = (tmp_path / "p.png").read_bytes()
    start = png.index(b"iCCP")
    end = start + 4 + struct.unpack_from(">I", png, start - 4)[0]
    spoiled = png[start : end - 8] + bytes(8)
    (tmp_path / "p.png").write_bytes(png[:start] + spoiled + struct.pack(">I", zlib.crc32(spoiled)) + png[end + 4 :])
    picture = images.read_picture(tmp_path / "p.png")
    assert picture.colour[0, 0].tolist() == [20, 30, 40]
    assert picture.metadata == Metadata()


@pytest.mark.parametrize("transparency", [0, bytes([0, 128, 255])])
def test_transparent_palettes_have_alpha(tmp_path: Path, transparency: int | bytes) -> None:
    image = Image.new("P", (4, 4), 2)
    image.putpalette([0, 0, 0, 99, 99, 99, 255, 255, 255])
    image.putpixel((1, 1), 0)
    image.putpixel((2, 2), 1)
    picture = read(image, tmp_path / "p.png", transparency=transparency)
    assert picture.colour.shape == (4, 4, 1)
    assert picture.colour[2, 2, 0] == 99
    assert picture.alpha is not None
    assert [picture.alpha[i, i, 0] for i in range(3)] == [255, 0, 255 if transparency == 0 else 128]


def test_two_values_stay_grey(tmp_path: Path) -> None:
    picture = read(Image.new("1", (9, 5), 1), tmp_path / "p.png")
    assert picture.colour.shape == (5, 9, 1)
    assert (picture.colour == 255).all()


@pytest.mark.parametrize("mode", ["F", "I"])
def test_modes_without_a_range_are_refused(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (4, 4)).save(tmp_path / "p.tif")
    for read_it in (images.read_picture, frames.read_header):
        with pytest.raises(SrganError, match=rf"p\.tif: has .* as pixels \(mode {mode}\)"):
            read_it(tmp_path / "p.tif")
