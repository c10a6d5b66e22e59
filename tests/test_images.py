"""Files <-> pixels."""

import errno
import io
import os
import struct
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, JpegImagePlugin, PngImagePlugin

from srgan_cli.errors import SrganError
from srgan_cli.jobs.planning import plan_jobs
from srgan_cli.pictures import encoding, formats, frames, images
from srgan_cli.pictures.formats import FORMATS, Header
from srgan_cli.pictures.metadata import Metadata
from srgan_cli.pictures.picture import Picture, as_rgb8, from_array, to_array, to_pixels, to_tensor

OPAQUE = Header(10, 10, transparent=False, sixteen_bits=False)


def test_pixels_survive_the_way_through_tensors() -> None:
    for dtype in (np.uint8, np.uint16):
        values = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
        tensor = to_tensor(values)
        assert tensor.dtype == np.float32
        assert tensor[0] == -1
        assert tensor[-1] == 1
        np.testing.assert_array_equal(to_pixels(tensor, values.dtype), values)


def test_to_pixels_rounds_and_clips() -> None:
    tensor = np.array([-2, -1 + 0.51 / 127.5, -1 + 0.49 / 127.5, 2])
    np.testing.assert_array_equal(to_pixels(tensor, np.dtype(np.uint8)), [0, 1, 0, 255])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp", ".avif"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_every_format_is_written_and_read(photo: np.ndarray, tmp_path: Path, suffix: str, mode: str) -> None:
    colour = np.asarray(Image.fromarray(photo).convert(mode)).reshape(*photo.shape[:2], -1)
    path = tmp_path / f"p{suffix}"
    images.write_picture(Picture(colour), path)
    read = images.read_picture(path)
    assert read.alpha is None
    expected = photo.shape if suffix == ".webp" else colour.shape  # WebP has no grey
    assert read.colour.shape == expected
    assert np.abs(read.colour.astype(int) - colour).mean() < (0 if suffix in (".png", ".tif", ".bmp") else 4) + 1e-9
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".avif"])
@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_is_kept(photo: np.ndarray, tmp_path: Path, suffix: str, channels: int) -> None:
    alpha = np.linspace(0, 255, photo.shape[0] * photo.shape[1]).astype(np.uint8).reshape(*photo.shape[:2], 1)
    images.write_picture(Picture(photo[..., : channels - 1], alpha), tmp_path / f"p{suffix}")
    read = images.read_picture(tmp_path / f"p{suffix}")
    assert read.alpha is not None
    assert np.abs(read.alpha.astype(int) - alpha).max() <= (suffix == ".avif")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_stays_16_bits_and_dark(tmp_path: Path, suffix: str) -> None:
    dark = np.arange(200, dtype=np.uint16).reshape(10, 20)
    Image.fromarray(dark).save(tmp_path / f"in{suffix}")
    picture = images.read_picture(tmp_path / f"in{suffix}")
    assert picture.colour.dtype == np.uint16
    images.write_picture(picture, tmp_path / f"out{suffix}")
    np.testing.assert_array_equal(images.read_picture(tmp_path / f"out{suffix}").colour[..., 0], dark)


@pytest.mark.parametrize(
    ("mode", "colours", "transparent"),
    [("1", 1, False), ("L", 1, False), ("LA", 1, True), ("P", 3, False), ("RGB", 3, False), ("RGBA", 3, True)],
)
def test_modes(photo: np.ndarray, tmp_path: Path, mode: str, colours: int, transparent: bool) -> None:
    Image.fromarray(photo).convert(mode).save(tmp_path / "p.png")
    picture = images.read_picture(tmp_path / "p.png")
    assert picture.colour.shape == (*photo.shape[:2], colours)
    assert (picture.alpha is not None) == transparent
    assert frames.read_header(tmp_path / "p.png").transparent == transparent


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour_becomes_alpha(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGB", (4, 4), (200, 200, 200))
    image.putpixel((1, 2), (0, 0, 0))
    image = image.convert(mode)
    image.save(tmp_path / "p.png", transparency=image.getpixel((1, 2)))
    alpha = images.read_picture(tmp_path / "p.png").alpha
    assert alpha is not None
    assert alpha[2, 1, 0] == 0
    assert alpha.sum() == 15 * 255


@pytest.mark.parametrize(("depth", "key"), [(1, 1), (2, 2), (4, 15), (8, 200)])
def test_a_transparent_grey_of_few_bits_becomes_alpha(tmp_path: Path, depth: int, key: int) -> None:
    per_byte = 8 // depth
    half = sum(key << depth * place for place in range(per_byte))  # a byte of the transparent grey
    rows = b"".join(b"\0" + bytes([half]) + b"\0" for _ in range(8))
    chunks = (
        (b"IHDR", struct.pack(">2I5B", 2 * per_byte, 8, depth, 0, 0, 0, 0)),
        (b"tRNS", struct.pack(">H", key)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    (tmp_path / "p.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    )
    alpha = images.read_picture(tmp_path / "p.png").alpha
    assert alpha is not None
    assert (alpha[:, :per_byte] == 0).all()
    assert (alpha[:, per_byte:] == 255).all()


@pytest.mark.parametrize(
    "name",
    ["transparency", "interlace", "loop", "bbox", "duration", "blend", "gamma", "exif", "dpi", "xmp", "icc_profile"],
)
def test_texts_may_be_called_as_one_likes(photo: np.ndarray, tmp_path: Path, name: str) -> None:
    for mode in ("RGB", "L", "P"):
        image, texts = Image.fromarray(photo[:8, :8]).convert(mode), PngImagePlugin.PngInfo()
        texts.add_text(name, "abc")
        texts.add(b"tEXt", f"{name}\0abc".encode(), after_idat=True)
        image.save(tmp_path / "p.png", pnginfo=texts)
        assert not frames.read_header(tmp_path / "p.png").transparent
        (frame,) = frames.read_frames(tmp_path / "p.png")
        assert (name, "abc") in frame.picture.metadata.texts
        np.testing.assert_array_equal(as_rgb8(frame.picture.colour), np.asarray(image.convert("RGB")))


def test_a_text_does_not_silently_hide_what_the_file_says(photo: np.ndarray, tmp_path: Path) -> None:
    frame, path = Image.fromarray(photo[:8, :8]), tmp_path / "p.png"
    frame.save(path, save_all=True, append_images=[frame.rotate(90)], loop=3)
    before, pixels = path.read_bytes().split(b"fcTL", 1)
    text = b"tEXtloop\0abc"
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    path.write_bytes(before[:-4] + chunk + before[-4:] + b"fcTL" + pixels)
    _, second = frames.read_frames(path)
    np.testing.assert_array_equal(second.picture.colour, np.rot90(photo[:8, :8]))
    assert frames.read_header(path).plays == 3
    behind = PngImagePlugin.PngInfo()
    behind.add(b"tEXt", b"transparency\0abc", after_idat=True)
    frame.save(path, pnginfo=behind, transparency=tuple(map(int, photo[2, 1])))
    alpha = images.read_picture(path).alpha
    assert alpha is not None
    assert alpha[2, 1] == 0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_orientation_is_applied(photo: np.ndarray, tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(photo).save(tmp_path / f"p{suffix}", exif=exif, lossless=True)
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}[orientation]
    upright = np.rot90(photo, turns)
    if orientation in (2, 4, 5, 7):
        upright = upright[:, ::-1]
    np.testing.assert_array_equal(images.read_picture(tmp_path / f"p{suffix}").colour, upright)


def test_a_pillow_image_of_16_bits_is_rounded_and_keeps_its_profile() -> None:
    deep = from_array(np.array([[[0, 129, 65_535], [257 * 7, 257 * 8 - 129, 257 * 9 + 129]]], np.uint16))
    image = images.to_pil(replace(deep, metadata=Metadata(icc_profile=b"profile")))
    assert (image.mode, image.info["icc_profile"]) == ("RGB", b"profile")
    np.testing.assert_array_equal(np.asarray(image), [[[0, 1, 255], [7, 7, 10]]])


def test_jpeg_keeps_the_colour_of_every_pixel(photo: np.ndarray, tmp_path: Path) -> None:
    images.write_picture(Picture(photo), tmp_path / "p.jpg")
    with Image.open(tmp_path / "p.jpg") as image:
        assert JpegImagePlugin.get_sampling(image) == 0  # 4:4:4


def test_a_tiff_over_4_gib_is_refused_and_leaves_no_file(
    photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "LARGEST_TIFF", 10_000)
    with pytest.raises(SrganError, match=r"p.tif: a TIFF holds at most 4 GiB"):
        images.write_picture(Picture(photo), tmp_path / "p.tif")
    assert not list(tmp_path.iterdir())


def test_directories_of_a_tiff_begin_at_even_places() -> None:
    file = io.BytesIO()
    encoding.write_tiff([(np.full((1, side, 3), side, np.uint8), Metadata()) for side in range(1, 9)], file)
    content, places = file.getvalue(), []
    (place,) = struct.unpack_from("<I", content, 4)
    while place:
        places.append(place)
        (count,) = struct.unpack_from("<H", content, place)
        (place,) = struct.unpack_from("<I", content, place + 2 + 12 * count)
    assert len(places) == 8
    assert not any(place % 2 for place in places)


def test_heic_is_read(photo: np.ndarray, tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Apple"
    image = Image.fromarray(photo)
    pillow_heif.from_pillow(image).save(tmp_path / "p.heic", quality=95, exif=exif.tobytes(), xmp=b"packet")
    picture = images.read_picture(tmp_path / "p.heic")
    assert np.abs(picture.colour.astype(int) - np.rot90(photo, 3)).mean() < 4
    assert picture.metadata.xmp == b"packet"
    assert b"Apple" in (picture.metadata.exif or b"")
    with pytest.raises(SrganError, match=r"not written as '\.heic'"):
        formats.format_of(tmp_path / "p.heic")
    (job,) = plan_jobs([str(tmp_path / "p.heic")]).jobs
    assert job.target == tmp_path / "p_x4.jpg"


def test_heic_without_the_plug_in_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    (tmp_path / "p.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(SrganError, match="is a HEIC picture") as caught:
        frames.read_header(tmp_path / "p.heic")
    assert "srgan-cli[heic]" in caught.value.hint


def test_the_colour_profile_is_kept(photo: np.ndarray, tmp_path: Path) -> None:
    profile = b"not a real profile, but kept to the byte" * 10
    Image.fromarray(photo).save(tmp_path / "in.jpg", icc_profile=profile)
    images.write_picture(images.read_picture(tmp_path / "in.jpg"), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as written:
        assert written.info["icc_profile"] == profile


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_what_is_no_picture_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.png").write_bytes(content)
    with pytest.raises(SrganError, match=r"p\.png"):
        images.read_picture(tmp_path / "p.png")


@pytest.mark.parametrize("name", [kind.name for kind in FORMATS])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_one_sentence(photo: np.ndarray, tmp_path: Path, name: str, keep: float) -> None:
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, name)
    (tmp_path / "p").write_bytes(buffer.getvalue()[: int(keep * buffer.tell())])
    with pytest.raises(SrganError, match=r"p: (cannot be read|is not a picture)"):
        images.read_picture(tmp_path / "p")


def test_a_file_that_one_may_not_read_is_not_called_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(SrganError, match=r"cannot be read \(Permission denied\)") as caught:
        images.read_picture(Path("a.png"))
    assert "damaged" not in caught.value.hint


def test_missing_files_folders_and_frames_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SrganError, match="no such file"):
        frames.read_header(tmp_path / "p.png")
    with pytest.raises(SrganError, match="cannot be read"):
        frames.read_header(tmp_path)
    pages = [Image.new("L", (4, 4), shade) for shade in (0, 9)]
    pages[0].save(tmp_path / "p.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(SrganError, match="2 frames or pages"):
        images.read_picture(tmp_path / "p.tif")


@pytest.mark.parametrize(
    ("name", "header", "reason"),
    [
        ("p.jpg", Header(16_376, 8, transparent=False, sixteen_bits=False), "65,500"),
        ("p.webp", Header(8, 4_096, transparent=False, sixteen_bits=False), "16,383"),
        ("p.avif", Header(8, 10_000, transparent=False, sixteen_bits=False), "32,768"),
        ("p.jpg", Header(8, 8, transparent=True, sixteen_bits=False), "transparency"),
        ("p.bmp", Header(8, 8, transparent=True, sixteen_bits=False), "transparency"),
        ("p.ico", OPAQUE, "'.ico'"),
        ("p", OPAQUE, "has no ending"),
    ],
)
def test_what_cannot_be_written_is_found_out_first(tmp_path: Path, name: str, header: Header, reason: str) -> None:
    with pytest.raises(SrganError, match=reason):
        formats.check_output(tmp_path / name, header, 4 * max(header.width, header.height))


def test_what_can_be_written_passes(tmp_path: Path) -> None:
    formats.check_output(tmp_path / "p.jpg", Header(16_375, 8, transparent=False, sixteen_bits=False), 65_500)
    formats.check_output(tmp_path / "p.WEBP", Header(4_095, 8, transparent=True, sixteen_bits=True), 16_380)


@pytest.mark.parametrize("name", ["JPEG", "WEBP"])
def test_the_stated_limits_are_those_of_the_encoders(name: str) -> None:
    (kind,) = (kind for kind in FORMATS if kind.name == name)
    assert kind.longest_side
    Image.new("L", (kind.longest_side, 1)).save(io.BytesIO(), name)
    with pytest.raises((OSError, ValueError)):
        Image.new("L", (kind.longest_side + 1, 1)).save(io.BytesIO(), name)


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1), (3, 4, 2), (3, 4, 3), (3, 4, 4)])
def test_arrays_go_in_and_out(shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    np.testing.assert_array_equal(to_array(from_array(array)).reshape(shape), array)


def test_the_byte_order_of_arrays_is_theirs() -> None:
    array = np.arange(60, dtype=np.uint16).reshape(4, 5, 3) * 999
    for order in "<>":
        picture = from_array(array.astype(f"{order}u2"))
        assert picture.colour.dtype == np.uint16
        np.testing.assert_array_equal(picture.colour, array)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2, 5), np.uint8), np.zeros((2, 2, 3)), np.zeros((0, 2), np.uint8), np.zeros(4, np.uint8)]
)
def test_arrays_that_are_no_pictures_are_refused(array: np.ndarray) -> None:
    with pytest.raises(SrganError, match="not a picture"):
        from_array(array)


def test_a_grey_tiff_on_its_side_is_turned_whole(tmp_path: Path, photo: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo[..., 0]).save(tmp_path / "sideways.tif", exif=exif)  # uncompressed, which Pillow would map
    upright = images.read_picture(tmp_path / "sideways.tif").colour[..., 0]
    np.testing.assert_array_equal(upright, np.rot90(photo[..., 0], -1))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pillow_image_is_turned_upright(photo: np.ndarray, orientation: int) -> None:
    image = Image.fromarray(photo[:6, :4])
    image.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(images.from_pil(image).colour, np.asarray(ImageOps.exif_transpose(image)))
