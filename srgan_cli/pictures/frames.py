"""Files of several frames or pages <-> pictures, one after the other: they are never all in memory."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from PIL import ImageFile, PngImagePlugin, TiffImagePlugin

from srgan_cli.errors import SrganError, reason
from srgan_cli.pictures import canvas, images, metadata, modes, readapng, readgif
from srgan_cli.pictures.animation import write_animation
from srgan_cli.pictures.canvas import Part
from srgan_cli.pictures.encoding import HALF_OF_THE_BITS, encoders_errors, with_alpha, with_colours, write_tiff
from srgan_cli.pictures.exif import orientation
from srgan_cli.pictures.formats import Format, Header
from srgan_cli.pictures.metadata import Metadata
from srgan_cli.pictures.neighbours import is_grey
from srgan_cli.pictures.opening import (
    DAMAGED,
    MOST_PIXELS,
    count_frames,
    is_reduced,
    open_picture,
    refuse_absurd_tiles,
    too_large,
    without_pixels,
)
from srgan_cli.pictures.picture import Picture, to_8_bits, to_16_bits, to_array

MOST_FRAMES = 100_000  # an hour; damaged files say billions


@dataclass(frozen=True)
class Frame:
    """A frame of an animation, as it is shown, or a page; a single picture is a file's only one.

    Attributes:
        picture: The whole of it.
        milliseconds: How long it is shown; 0 for pages and single pictures.
    """

    picture: Picture
    milliseconds: float = 0


def read_header(path: Path, file: BinaryIO | None = None, most_pixels: int = MOST_PIXELS) -> Header:
    """Sizes and kind of the frames or pages of a file, without decoding them.

    Args:
        path: The file; only its name in messages if `file` is given.
        file: What to read instead.
        most_pixels: A file with a larger frame or page is refused.

    Raises:
        SrganError: There is no picture that can be read.
    """
    with open_picture(path, file, most_pixels, several=True) as image:
        header = _header_of_gif(image) if image.format == "GIF" else _header_of(image)
    largest = max(width * height for width, height in header.sizes)
    if largest > most_pixels:
        raise too_large(path, largest, most_pixels)
    return header


def _header_of(image: ImageFile.ImageFile) -> Header:
    numbers = _numbers(image)
    if image.format != "TIFF":
        header = images.header_of(image)
        others = ((header.width, header.height),) * (len(numbers) - 1)
        plays, transparent = int(image.info.get("loop", 0)), header.transparent or _becomes_transparent(image)
        return replace(header, transparent=transparent, grey=header.grey and not others, others=others, plays=plays)
    pages = []
    for number in numbers:
        _seek(image, number)
        pages.append(images.header_of(image))
    return replace(
        pages[0],
        transparent=any(page.transparent for page in pages),
        sixteen_bits=any(page.sixteen_bits for page in pages),
        grey=all(page.grey for page in pages),
        others=tuple((page.width, page.height) for page in pages[1:]),
    )


def _becomes_transparent(image: ImageFile.ImageFile) -> bool:
    """Whether an animation of opaque frames may show what is behind them."""
    with suppress(ValueError):  # of a damaged frame, which is said when it is read
        return _is_animated_png(image) and canvas.is_transparent(_parts_of_png(image), *image.size)
    return False


def _header_of_gif(image: ImageFile.ImageFile) -> Header:
    assert image.fp is not None
    parts = [replace(part, file=b"") for part in readgif.read_parts(cast(BinaryIO, image.fp))]
    loop = image.info.get("loop")  # counts repetitions
    plays = 1 if loop is None else loop and loop + 1
    transparent = canvas.is_transparent(parts, *image.size)
    return Header(*image.size, transparent, False, others=(image.size,) * (len(parts) - 1), plays=plays)


def read_frames(
    path: Path, file: BinaryIO | None = None, most_pixels: int = MOST_PIXELS
) -> Generator[Frame, None, None]:
    """Decode frame after frame, or page after page.

    Args:
        path: The file; only its name in messages if `file` is given.
        file: What to read instead.
        most_pixels: A larger frame or page is refused before it is decoded.

    Yields:
        Each as it is shown: what is left of earlier frames belongs to it.

    Raises:
        SrganError: The file is missing, not a picture, of a kind that is not supported, or damaged, and then where.
    """
    with open_picture(path, file, most_pixels, several=True) as image:
        frames = _shown(image)
        for place in count(1):
            try:
                frame = next(frames, None)
            except MemoryError:
                raise
            except Exception as error:
                what = getattr(error, "message", f"cannot be read ({reason(error)})")
                if count_frames(image) > 1:
                    what = f"{'page' if image.format == 'TIFF' else 'frame'} {place} {what}"
                raise SrganError(what, getattr(error, "hint", DAMAGED)) from error
            if frame is None:
                return
            yield frame


def is_opaque(path: Path, file: BinaryIO | None = None, most_pixels: int = MOST_PIXELS) -> bool:
    """Whether nothing shows through the one picture in a file, which is decoded; see `read_frames`."""
    (frame,) = read_frames(path, file, most_pixels)
    alpha = frame.picture.alpha
    return alpha is None or bool((alpha == np.iinfo(alpha.dtype).max).all())


def _shown(image: ImageFile.ImageFile) -> Iterator[Frame]:
    if image.format == "GIF":
        yield from _shown_by_gif(image)
    elif _is_animated_png(image):
        yield from _shown_by_png(image)
    else:
        for number in _numbers(image):
            _seek(image, number)
            yield Frame(images.decode(image), image.info.get("duration", 0))


def _shown_by_gif(image: ImageFile.ImageFile) -> Iterator[Frame]:
    assert image.fp is not None
    parts = readgif.read_parts(cast(BinaryIO, image.fp))
    for pixels, milliseconds in canvas.show(parts, readgif.decode, *image.size):
        yield Frame(_picture(pixels), milliseconds)


def _shown_by_png(image: ImageFile.ImageFile) -> Iterator[Frame]:
    source = without_pixels(image)
    turn, said, may_be_grey = orientation(source), metadata.read(source), modes.may_be_grey(image)
    for pixels, milliseconds in canvas.show(_parts_of_png(image), readapng.decode, *image.size):
        yield Frame(images.upright(_picture(pixels, may_be_grey), turn, said), milliseconds)


def _is_animated_png(image: ImageFile.ImageFile) -> bool:
    return isinstance(image, PngImagePlugin.PngImageFile) and image.is_animated


def _parts_of_png(image: ImageFile.ImageFile) -> Iterator[Part]:
    assert image.fp is not None
    return readapng.read_parts(cast(BinaryIO, image.fp), len(_numbers(image)), *image.size)


def _picture(pixels: np.ndarray, may_be_grey: bool = True) -> Picture:
    """The picture in RGB and alpha, without what is not needed of them, in arrays of its own."""
    colour, alpha = pixels[..., :3], pixels[..., 3:]
    becomes_grey = may_be_grey and is_grey(colour).all()
    is_opaque = alpha.min() == np.iinfo(alpha.dtype).max
    return Picture((colour[..., :1] if becomes_grey else colour).copy(), None if is_opaque else alpha.copy())


def _seek(image: ImageFile.ImageFile, number: int) -> None:
    if image.format == "TIFF" and number != image.tell():
        image.info.clear()  # or what a page does not say would be that of the one before
    image.seek(number)
    refuse_absurd_tiles(image)


def _numbers(image: ImageFile.ImageFile) -> Sequence[int]:
    """Which of Pillow's frames are meant."""
    total = count_frames(image)
    if total > MOST_FRAMES:
        raise SrganError(f"has {total:,} frames or pages, more than the limit of {MOST_FRAMES:,}", DAMAGED)
    if total == 1:
        return [image.tell()]  # which is not the first of a HEIC file's if another is its primary one
    if isinstance(image, PngImagePlugin.PngImageFile) and image.default_image:
        return range(1, total)  # the first stands in where animations are not known
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return range(total)
    sizes = {}  # of the pages that are no thumbnails
    for number in range(total):
        _seek(image, number)
        if number == 0 or not is_reduced(image):
            sizes[number] = image.width * image.height
    _seek(image, 0)
    if is_reduced(image) and sizes[0] < max(sizes.values()):
        del sizes[0]
    return list(sizes)


def encode_frames(frames: Iterable[Frame], header: Header, kind: Format, file: BinaryIO) -> tuple[str, ...]:
    """Write frames or pages to an open file, each when it comes.

    Args:
        frames: At least one; for an animation all of one size. The first one's metadata is the animation's.
        header: How many there are, and of what kinds.
        kind: A format that holds several.
        file: What to write to.

    Returns:
        What the format cannot hold of them, by name.

    Raises:
        EncodingError: The encoder does not take them.
        SrganError: Whatever `frames` raises.
        OSError: The file cannot be written to.
    """
    lost: dict[str, None] = {}
    iterator = iter(frames)
    with encoders_errors():
        if kind.several == "pages":
            write_tiff(_pages(iterator, kind, lost), file)
        else:
            first = next(iterator)
            metadata = _fitted(first.picture, kind, lost, grey=False)
            if header.sixteen_bits and not kind.sixteen_bits:
                lost[HALF_OF_THE_BITS] = None
            shown = ((_uniform(f.picture, header, kind), f.milliseconds) for f in chain([first], iterator))
            lost.update(dict.fromkeys(write_animation(shown, header, metadata, kind, file)))
    return tuple(lost)


def _pages(frames: Iterable[Frame], kind: Format, lost: dict[str, None]) -> Iterator[tuple[np.ndarray, Metadata]]:
    for frame in frames:
        if frame.milliseconds:
            lost["durations"] = None
        pixels = to_array(frame.picture)
        yield pixels, _fitted(frame.picture, kind, lost, grey=pixels.shape[-1] < 3)


def _fitted(picture: Picture, kind: Format, lost: dict[str, None], grey: bool) -> Metadata:
    """What the format can hold of what was said of a picture, written so; the names of the rest go into `lost`."""
    metadata, names = picture.metadata.corrected(*picture.colour.shape[1::-1]).fitted(kind, grey)
    lost.update(dict.fromkeys(names))
    return metadata


def _uniform(picture: Picture, header: Header, kind: Format) -> np.ndarray:
    """The pixels of a frame with the channels and bits that all of an animation have: RGB, with alpha if any has."""
    deep = header.sixteen_bits and kind.sixteen_bits
    pixels = with_colours(to_array(to_16_bits(picture)) if deep else to_8_bits(to_array(picture)))
    return with_alpha(pixels) if header.transparent else pixels
