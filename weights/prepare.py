"""Photographs -> training pictures: large ones halved, and none that shows what a test set shows.

    python weights/prepare.py SOURCE... --without TEST_SET... -o FOLDER

Whatever is read is a folder of pictures, of any depth. What is longer than 2,040 pixels is halved until it is not, so
that a camera's noise and JPEG traces are gone, and saved as PNG; the rest is copied as it is. A picture is left out if
it, a part of it or its mirror image agrees with a test picture or a part of one: their thumbnails are laid over each
other in many sizes and at every place, and the fine structure correlates by 0.65 or more somewhere. Without -o it only
checks; the exit code is then 1 if anything was found.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from srgan_cli.errors import SrganError
from srgan_cli.pictures.formats import SUFFIXES
from srgan_cli.pictures.images import read_picture
from srgan_cli.pictures.picture import as_rgb8

LONGEST = 2040  # pixels
SIDE = 96  # pixels, longest side of a thumbnail
FRAME = (SIDE, SIDE)  # of Fourier transforms; a part that lies inside a thumbnail is never wrapped around
SIZES = np.geomspace(1, 0.3, 37)  # of one thumbnail, laid over the other; 3% apart
SMOOTH = 5  # pixels of a thumbnail over which the mean is taken away: light and large shapes are alike by chance
ALIKE = 0.65
FLAT = 4.0  # grey levels of standard deviation under which anything looks alike


def pictures(folders: list[Path]) -> Iterator[Path]:
    """All files that are called like pictures."""
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def thumbnail(image: Image.Image, side: int) -> np.ndarray:
    """(h, w) float32, the fine structure of grey, its longer side `side` pixels."""
    scale = side / max(image.size)
    width, height = (max(8, round(scale * pixels)) for pixels in image.size)
    grey = np.asarray(image.convert("L").resize((width, height), Image.Resampling.BOX), np.float32)
    return grey - ndimage.uniform_filter(grey, SMOOTH)


class Stack:
    """Thumbnails in frames of equal size, ready to be correlated with others at every place."""

    def __init__(self, thumbnails: list[np.ndarray]) -> None:
        self._sizes = np.array([thumb.shape for thumb in thumbnails])
        frames = np.zeros((len(thumbnails), *FRAME), np.float32)
        for frame, thumb in zip(frames, thumbnails, strict=True):
            frame[: thumb.shape[0], : thumb.shape[1]] = thumb
        self._frames, self._squares = np.fft.rfft2(frames), np.fft.rfft2(frames**2)
        self._spreads: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}

    def likeness(self, part: np.ndarray) -> np.ndarray:
        """For each thumbnail, the highest correlation that `part` has with any place of it, -1 to 1."""
        spread, inside = self._spread(part.shape)
        covariance = self._correlate(self._frames, part - part.mean()) / part.size
        values = np.where(inside & (spread > FLAT), covariance / np.maximum(spread * part.std(), 1e-6), -1)
        return values.max(axis=(1, 2))

    def _spread(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """The standard deviation under a part of this shape at each place, and whether it lies inside there."""
        if shape not in self._spreads:
            ones = np.ones(shape, np.float32) / np.prod(shape)
            mean, squares = (self._correlate(of, ones) for of in (self._frames, self._squares))
            rows, columns = np.ogrid[: FRAME[0], : FRAME[1]]
            heights, widths = self._sizes.T[:, :, None, None]
            inside = (rows + shape[0] <= heights) & (columns + shape[1] <= widths)
            self._spreads = {shape: (np.sqrt(np.maximum(squares - mean**2, 0)), inside)}
        return self._spreads[shape]

    @staticmethod
    def _correlate(transformed: np.ndarray, part: np.ndarray) -> np.ndarray:
        return np.fft.irfft2(transformed * np.conj(np.fft.rfft2(part, FRAME)), FRAME)


def parts(image: Image.Image) -> Iterator[np.ndarray]:
    """Its thumbnails in several sizes, and their mirror images."""
    for size in SIZES:
        small = thumbnail(image, round(SIDE * size))
        if small.std() > FLAT:
            yield small
            yield small[:, ::-1]


def find_alike(train: list[Path], test: list[Path]) -> dict[Path, str]:
    """Training pictures that show what test pictures show -> the test picture and how much they agree."""
    images = {path: opened(path) for path in (*train, *test)}
    found: dict[Path, str] = {}
    trained = Stack([thumbnail(images[path], SIDE) for path in train])
    tested = Stack([thumbnail(images[path], SIDE) for path in test])
    for path in test:
        likeness = np.max([trained.likeness(part) for part in parts(images[path])], axis=0, initial=-1)
        found |= {train[i]: f"{path} {likeness[i]:.2f}" for i in np.flatnonzero(likeness >= ALIKE)}
    for path in train:
        likeness = np.max([tested.likeness(part) for part in parts(images[path])], axis=0, initial=-1)
        if likeness.max() >= ALIKE:
            found[path] = f"{test[likeness.argmax()]} {likeness.max():.2f}"
    return found


def opened(path: Path) -> Image.Image:
    """The picture, halved until no side is longer than `LONGEST`."""
    image = Image.fromarray(as_rgb8(read_picture(path).colour))
    while max(image.size) > LONGEST:
        image = image.reduce(2)
    return image


def save(path: Path, target: Path) -> None:
    """Write a training picture."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(path) as file:
        fits = max(file.size) <= LONGEST
    target = target if fits else target.with_suffix(".png")
    if target.exists():
        raise SrganError(f"{target}: is there already, so {path} is not written", "rename one, or empty the folder")
    if fits:
        shutil.copy(path, target)
    else:
        opened(path).save(target)


def main() -> int:
    """Prepare, or only check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path, metavar="SOURCE")
    parser.add_argument("--without", nargs="+", type=Path, required=True, metavar="TEST_SET")
    parser.add_argument("-o", dest="output", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    found = find_alike(list(pictures(options.sources)), list(pictures(options.without)))
    for path, test in found.items():
        print(f"{path} is like {test}")
    for source in options.sources if options.output else []:
        for path in pictures([source]):
            if path not in found:
                save(path, options.output / source.name / path.relative_to(source))
    return int(bool(found) and not options.output)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SrganError as error:
        sys.exit(f"error: {error.message}")
