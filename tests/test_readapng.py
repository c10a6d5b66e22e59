"""Animated PNGs are shown as the specification says, which is how browsers show them."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import putchunk

from srgan_cli.errors import SrganError
from srgan_cli.pictures import frames, images
from srgan_cli.pictures.encoding import with_alpha, with_colours
from srgan_cli.pictures.formats import PNG_SIGNATURE
from srgan_cli.pictures.frames import Frame
from srgan_cli.pictures.picture import to_array

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # colour types
KEEP, BACKGROUND, PREVIOUS = 0, 1, 2
SOURCE, OVER = 0, 1
RED, GREEN, BLUE, NOTHING = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)
HALF_RED, HALF_BLUE = (255, 0, 0, 128), (0, 0, 255, 128)
COLOURS = (b"PLTE", bytes([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]))
Part = tuple[int, Any, int, int]  # left, the pixels of one row, dispose_op and blend_op


def apng(
    kind: int, parts: list[Part], *extra: tuple[bytes, bytes], bits: int = 8, default: Any = None, **said: Any
) -> bytes:
    """An animation of one row; `default` stands in where animations are not known.

    Args:
        kind: The colour type.
        parts: The frames; the first is as wide as the picture.
        extra: Chunks in front of the pixels.
        bits: A channel.
        default: A row that is not part of the animation.
        said: `delays` of the frames, as fractions, `plays`, and `count`, the number of frames that is told.
    """
    file, number = io.BytesIO(), 0

    def data(row: Any) -> bytes:
        return zlib.compress(b"\0" + np.asarray(row, ">u2" if bits == 16 else np.uint8).tobytes())

    file.write(PNG_SIGNATURE)
    putchunk(file, b"IHDR", struct.pack(">2I5B", len(parts[0][1]), 1, bits, kind, 0, 0, 0))
    putchunk(file, b"acTL", struct.pack(">2I", said.get("count", len(parts)), said.get("plays", 0)))
    for name, content in extra:
        putchunk(file, name, content)
    if default is not None:
        putchunk(file, b"IDAT", data(default))
    for place, (left, row, disposal, blend) in enumerate(parts):
        delay = said.get("delays", [(7, 100)] * len(parts))[place]
        putchunk(file, b"fcTL", struct.pack(">5I2H2B", number, len(row), 1, left, 0, *delay, disposal, blend))
        number += 1
        if place == 0 and default is None:
            putchunk(file, b"IDAT", data(row))
        else:
            putchunk(file, b"fdAT", struct.pack(">I", number), data(row))
            number += 1
    putchunk(file, b"IEND")
    return file.getvalue()


def read(content: bytes) -> list[Frame]:
    return list(frames.read_frames(Path("a.png"), io.BytesIO(content)))


def shown(frame: Frame) -> list[tuple[int, ...]]:
    """The pixels of the one row."""
    return [tuple(pixel) for pixel in with_alpha(with_colours(to_array(frame.picture)))[0].tolist()]


def grey(*shades: int) -> list[tuple[int, ...]]:
    return [(shade, shade, shade, 255) for shade in shades]


SHOWN: dict[str, tuple[bytes, list[list[tuple[int, ...]]]]] = {
    "half over opaque": (
        apng(RGBA, [(0, [GREEN] * 3, KEEP, SOURCE), (1, [HALF_RED], KEEP, OVER)]),
        [[GREEN] * 3, [GREEN, (128, 127, 0, 255), GREEN]],
    ),
    "half over nothing and over half": (
        apng(
            RGBA,
            [
                (0, [NOTHING] * 4, KEEP, SOURCE),
                (0, [HALF_RED] * 2, KEEP, OVER),
                (1, [HALF_BLUE] * 2, KEEP, OVER),
            ],
        ),
        [
            [NOTHING] * 4,
            [HALF_RED, HALF_RED, NOTHING, NOTHING],
            [HALF_RED, (85, 0, 170, 192), HALF_BLUE, NOTHING],
        ],
    ),
    "half instead of opaque": (
        apng(RGBA, [(0, [GREEN] * 2, KEEP, SOURCE), (1, [HALF_RED], KEEP, SOURCE)]),
        [[GREEN] * 2, [GREEN, HALF_RED]],
    ),
    "half grey over nothing and over opaque": (
        apng(GREY_ALPHA, [(0, [(0, 0), (50, 255)], KEEP, SOURCE), (0, [(200, 128)] * 2, KEEP, OVER)]),
        [[NOTHING, *grey(50)], [(200, 200, 200, 128), *grey(125)]],
    ),
    "the first goes back to nothing": (
        apng(RGBA, [(0, [GREEN] * 3, PREVIOUS, SOURCE), (1, [RED], PREVIOUS, OVER), (0, [BLUE], KEEP, OVER)]),
        [[GREEN] * 3, [NOTHING, RED, NOTHING], [BLUE, NOTHING, NOTHING]],
    ),
    "a later one goes back": (
        apng(RGBA, [(0, [GREEN] * 3, KEEP, SOURCE), (1, [RED], PREVIOUS, OVER), (0, [BLUE], KEEP, OVER)]),
        [[GREEN] * 3, [GREEN, RED, GREEN], [BLUE, GREEN, GREEN]],
    ),
    "cleared without an alpha channel": (
        apng(
            RGB,
            [
                (0, [GREEN[:3]] * 3, KEEP, SOURCE),
                (1, [RED[:3]] * 2, BACKGROUND, SOURCE),
                (0, [BLUE[:3]] * 2, KEEP, SOURCE),
            ],
        ),
        [[GREEN] * 3, [GREEN, RED, RED], [BLUE, BLUE, NOTHING]],
    ),
    "cleared grey": (
        apng(GREY, [(0, [200] * 3, KEEP, SOURCE), (1, [90] * 2, BACKGROUND, SOURCE), (0, [30] * 2, KEEP, SOURCE)]),
        [grey(200, 200, 200), grey(200, 90, 90), [*grey(30, 30), NOTHING]],
    ),
    "a cleared palette": (
        apng(PALETTE, [(0, [2, 2], KEEP, SOURCE), (1, [3], BACKGROUND, SOURCE), (0, [1], KEEP, OVER)], COLOURS),
        [[GREEN] * 2, [GREEN, BLUE], [RED, NOTHING]],
    ),
    "a half transparent palette": (
        apng(PALETTE, [(0, [2] * 3, KEEP, SOURCE), (1, [1, 0], KEEP, OVER)], COLOURS, (b"tRNS", bytes([0, 128]))),
        [[GREEN] * 3, [GREEN, (128, 127, 0, 255), GREEN]],
    ),
    "a transparent grey": (
        apng(GREY, [(0, [200] * 3, KEEP, SOURCE), (1, [50, 7], KEEP, OVER)], (b"tRNS", b"\0\7")),
        [grey(200, 200, 200), grey(200, 50, 200)],
    ),
    "a transparent grey of two bits": (
        apng(GREY, [(0, [0b11011000], KEEP, SOURCE)] * 2, (b"tRNS", b"\0\2"), bits=2),  # of which one is shown
        [grey(255)] * 2,
    ),
    "a transparent colour": (
        apng(
            RGB,
            [(0, [GREEN[:3]] * 3, KEEP, SOURCE), (1, [(7, 7, 7), RED[:3]], KEEP, OVER)],
            (b"tRNS", b"\0\7" * 3),
        ),
        [[GREEN] * 3, [GREEN, GREEN, RED]],
    ),
    "a transparent colour instead of another": (
        apng(RGB, [(0, [GREEN[:3]], KEEP, SOURCE), (0, [(7, 7, 7)], KEEP, SOURCE)], (b"tRNS", b"\0\7" * 3)),
        [[GREEN], [(7, 7, 7, 0)]],
    ),
    "sixteen bits": (
        apng(
            RGBA,
            [(0, [(0, 1000, 0, 65_535)], KEEP, SOURCE), (0, [(60_001, 0, 3, 32_768)], KEEP, OVER)],
            bits=16,
        ),
        [[(0, 1000, 0, 65_535)], [(30_001, 500, 2, 65_535)]],
    ),
    "sixteen bits of grey": (
        apng(GREY, [(0, [300, 301], KEEP, SOURCE), (1, [7], KEEP, OVER)], (b"tRNS", b"\0\7"), bits=16),
        [[(300, 300, 300, 65_535), (301, 301, 301, 65_535)]] * 2,
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_frames_are_drawn_as_the_specification_says(name: str) -> None:
    content, expected = SHOWN[name]
    assert [shown(frame) for frame in read(content)] == expected


@pytest.mark.parametrize("name", SHOWN)
def test_the_header_agrees(name: str) -> None:
    content, _ = SHOWN[name]
    header = frames.read_header(Path("a.png"), io.BytesIO(content))
    pictures = [frame.picture for frame in read(content)]
    assert header.sizes == tuple(picture.colour.shape[1::-1] for picture in pictures)
    assert header.sixteen_bits == (pictures[0].colour.dtype == np.uint16) == name.startswith("sixteen")
    assert header.transparent or all(picture.alpha is None for picture in pictures)
    if all(picture.alpha is None for picture in pictures):  # then only what the pixels are may have it called so
        assert header.transparent == (b"tRNS" in content or content[25] in (GREY_ALPHA, RGBA))


def test_opaque_frames_that_cover_what_was_cleared_are_not_called_transparent() -> None:
    parts = [(0, [colour[:3]] * 2, BACKGROUND, SOURCE) for colour in (RED, GREEN, BLUE)]
    assert not frames.read_header(Path("a.png"), io.BytesIO(apng(RGB, parts))).transparent
    parts[2] = (0, [BLUE[:3]], KEEP, SOURCE)
    assert frames.read_header(Path("a.png"), io.BytesIO(apng(RGB, parts))).transparent


def test_durations_and_loops() -> None:
    parts = [(0, [shade], KEEP, SOURCE) for shade in range(4)]
    content = apng(GREY, parts, delays=[(1, 3), (7, 0), (5, 1000), (0, 100)], plays=5)
    assert [frame.milliseconds for frame in read(content)] == pytest.approx([1000 / 3, 70, 5, 0])
    assert frames.read_header(Path("a.png"), io.BytesIO(content)).plays == 5


def test_what_stands_in_for_the_animation_is_no_frame() -> None:
    parts: list[Part] = [(0, [5, 6], KEEP, SOURCE), (1, [7], KEEP, SOURCE)]
    content = apng(GREY, parts, default=[1, 2])
    assert [shown(frame) for frame in read(content)] == [grey(5, 6), grey(5, 7)]
    (alone,) = read(apng(GREY, parts[:1], default=[1, 2]))
    assert shown(alone) == grey(5, 6)
    (still,) = read(apng(GREY, parts[:1]))
    assert shown(still) == grey(5, 6)


def test_more_frames_than_are_told_are_passed_over() -> None:
    parts = [(0, [shade], KEEP, SOURCE) for shade in range(4)]
    assert len(read(apng(GREY, parts, count=2))) == 2
    assert [shown(frame) for frame in read(apng(GREY, parts, count=0))] == [grey(0)]  # a still picture


def test_grey_stays_grey_and_colour_colour() -> None:
    parts: list[Part] = [(0, [0, 1], KEEP, SOURCE), (1, [0], KEEP, SOURCE)]
    palette = (b"PLTE", bytes([9, 9, 9, 90, 90, 90]))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    rgb = [(left, [(shade,) * 3 for shade in row], *rest) for left, row, *rest in parts]
    contents = [
        apng(GREY, parts),
        apng(PALETTE, parts, palette),
        apng(PALETTE, parts, palette, (b"iCCP", b"sRGB\0\0" + zlib.compress(profile))),
        apng(RGB, rgb),  # type: ignore[arg-type]
    ]
    assert [[frame.picture.colour.shape[-1] for frame in read(content)] for content in contents] == [
        [1, 1], [1, 1], [3, 3], [3, 3],
    ]  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_a_frame_can_be_written_as_it_is(name: str, tmp_path: Path) -> None:
    """Also one of a single pixel: NumPy calls any part of an array of those contiguous, imagecodecs does not."""
    for frame in read(SHOWN[name][0]):
        images.write_picture(frame.picture, tmp_path / "out.png")
        np.testing.assert_array_equal(to_array(images.read_picture(tmp_path / "out.png")), to_array(frame.picture))


WHOLE = apng(GREY, [(0, [1, 2, 3], KEEP, SOURCE), (1, [4, 5], KEEP, SOURCE), (2, [6], KEEP, SOURCE)])
PLACES = [place for place in range(len(WHOLE)) if WHOLE[place : place + 4] in (b"fcTL", b"fdAT")]
CONTROL, PIXELS = PLACES[3], PLACES[4]  # of the third frame


def changed(place: int, content: bytes, is_summed: bool = True) -> bytes:
    """Other bytes in the third frame, with the right sums behind its chunks."""
    data = bytearray(WHOLE)
    data[place : place + len(content)] = content
    for start in (CONTROL, PIXELS) if is_summed else ():
        end = start + 4 + int.from_bytes(WHOLE[start - 4 : start])
        data[end : end + 4] = zlib.crc32(data[start:end]).to_bytes(4)
    return bytes(data)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (WHOLE[: CONTROL - 4], "the file ends in front of it"),
        (WHOLE[: CONTROL + 10], "its chunk fcTL is cut off or damaged"),
        (WHOLE[: PIXELS - 4], "it has no pixels"),
        (WHOLE[: PIXELS + 12], "its chunk fdAT is cut off or damaged"),
        (changed(CONTROL + 30, b"\xff", is_summed=False), "its chunk fcTL is cut off or damaged"),
        (changed(PIXELS + 9, b"\xff", is_summed=False), "its chunk fdAT is cut off or damaged"),
        (changed(CONTROL + 7, b"\x09"), "its chunk fcTL is out of order"),
        (changed(PIXELS + 7, b"\x09"), "its chunk fdAT is out of order"),
        (changed(CONTROL + 8, struct.pack(">2I", 0, 1)), "it does not lie within the picture"),
        (changed(CONTROL + 8, struct.pack(">2I", 2, 1)), "it does not lie within the picture"),
        (changed(CONTROL + 16, struct.pack(">2I", 2, 1)), "it does not lie within the picture"),
        (changed(CONTROL + 8, struct.pack(">4I", *[2**32 - 1] * 4)), "it does not lie within the picture"),
        (changed(PIXELS + 8, b"\0\0"), "broken data stream when reading image file"),
    ],
)
def test_damage_is_one_sentence_behind_the_frames_in_front_of_it(content: bytes, what: str) -> None:
    assert len(read(WHOLE)) == 3
    assert frames.read_header(Path("a.png"), io.BytesIO(content)).frames == 3
    reading = frames.read_frames(Path("a.png"), io.BytesIO(content))
    assert [shown(next(reading)) for _ in range(2)] == [grey(1, 2, 3), grey(1, 4, 5)]
    with pytest.raises(SrganError) as error:
        next(reading)
    assert error.value.message == f"a.png: frame 3 cannot be read ({what})"
    assert error.value.hint == "it may be damaged; save or copy it again"


@pytest.mark.parametrize("refuse", [frames.read_header, lambda *given: list(frames.read_frames(*given))])
def test_a_large_animation_is_refused_by_its_header(refuse: Callable[..., object]) -> None:
    content = bytearray(WHOLE)
    content[16:24] = struct.pack(">2I", 40_000, 40_000)
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4)
    with pytest.raises(SrganError, match=r"a\.png: has 1,600,000,000 pixels, more than the limit of 1 megapixels"):
        refuse(Path("a.png"), io.BytesIO(content), 10**6)


def test_rows_of_a_frame_may_be_stored_interlaced(photo: np.ndarray, tmp_path: Path) -> None:
    """By Adam7, of which a single pixel is the first pass."""
    content = bytearray(apng(RGB, [(0, [photo[0, 0]], KEEP, SOURCE), (0, [photo[9, 9]], KEEP, SOURCE)]))
    content[28] = 1
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4)
    (tmp_path / "a.png").write_bytes(content)
    assert [frame.picture.colour[0, 0].tolist() for frame in frames.read_frames(tmp_path / "a.png")] == [
        photo[0, 0].tolist(), photo[9, 9].tolist(),
    ]  # fmt: skip


@pytest.mark.parametrize("blend", [SOURCE, OVER])
def test_what_pillow_writes_is_read(photo: np.ndarray, tmp_path: Path, blend: int) -> None:
    opaque = np.full((20, 30, 1), 255, np.uint8)
    whole = [np.concatenate([photo[top : top + 20, :30], opaque], axis=-1) for top in (0, 9, 40)]
    for pixels in whole:
        pixels[2:5, 4:9] = whole[0][2:5, 4:9]
    pictures = [Image.fromarray(pixels) for pixels in whole]
    pictures[0].save(tmp_path / "a.png", save_all=True, append_images=pictures[1:], blend=blend, duration=[40, 50, 60])
    read = list(frames.read_frames(tmp_path / "a.png"))
    assert [frame.milliseconds for frame in read] == [40, 50, 60]
    for frame, pixels in zip(read, whole, strict=True):
        np.testing.assert_array_equal(with_alpha(to_array(frame.picture)), pixels)
