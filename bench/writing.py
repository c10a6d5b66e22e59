"""What it takes to write results, and what threads gain where the network takes hardly any time, as on a fast GPU.

    python bench/writing.py PICTURE...

PICTURE are results of `srgan upscale`. First they are encoded in every format, PNG and TIFF also at zlib's usual level.
Then a folder of as many pictures, which are black, goes through `batch.run_jobs`, with a network that returns them.
"""

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from srgan_cli import SCALE
from srgan_cli.jobs import writing
from srgan_cli.jobs.batch import run_jobs
from srgan_cli.jobs.naming import Destination
from srgan_cli.jobs.planning import plan_jobs
from srgan_cli.pictures import encoding, images
from srgan_cli.pictures.formats import FORMATS, SUFFIXES, Format
from srgan_cli.pictures.picture import Picture

ROUNDS = 5
USUAL = 6  # of zlib's levels


def show_formats(pictures: Sequence[Picture]) -> None:
    """Print the processor time and the bytes that each format takes."""
    ours = {kind.name: (kind, encoding.TIFF_LEVEL) for kind in FORMATS if kind.written}
    ours["PNG, usual"] = replace(SUFFIXES[".png"], options={"compress_level": USUAL}), USUAL
    ours["TIFF, usual"] = SUFFIXES[".tif"], USUAL
    megapixels = sum(picture.colour[..., 0].size for picture in pictures) / 1e6
    for name, (kind, level) in ours.items():
        encoding.TIFF_LEVEL = level
        seconds, sizes = zip(*(_encoded(pictures, kind) for _ in range(ROUNDS)), strict=True)
        print(f"{name}: {statistics.median(seconds) / megapixels:.3f} s a megapixel, {sizes[0]:,} bytes", flush=True)


def _encoded(pictures: Sequence[Picture], kind: Format) -> tuple[float, int]:
    before, size = time.process_time(), 0
    for picture in pictures:
        file = io.BytesIO()
        images.encode(picture, kind, file)
        size += len(file.getbuffer())
    return time.process_time() - before, size


def show_threads(pictures: Sequence[Picture], ending: str) -> None:
    """Print how long a folder takes with one thread and with several, in turns."""
    seconds: dict[int, list[float]] = {1: [], writing.MOST_WRITERS: []}
    for _ in range(ROUNDS):
        for most, taken in seconds.items():
            writing.MOST_WRITERS = most
            taken.append(_folder(pictures, ending))
    alone, together = (statistics.median(taken) for taken in seconds.values())
    print(
        f"{len(pictures)} as {ending}: {alone:.2f} s in one thread, {together:.2f} in several: {alone / together:.2f}x"
    )


def _folder(pictures: Sequence[Picture], ending: str) -> float:
    waiting = iter(pictures)

    def network(_: Picture, on_pixels: Callable[[int], None]) -> Picture:
        on_pixels(0)
        return next(waiting)

    with tempfile.TemporaryDirectory() as folder:
        for number, picture in enumerate(pictures):
            height, width, _ = picture.colour.shape
            lr = Image.new("RGB", (width // SCALE, height // SCALE))
            lr.save(Path(folder) / f"{number:03}.bmp")
        jobs = plan_jobs([folder], Destination(f"{folder}/out", format=ending)).jobs
        started = time.perf_counter()
        errors = [outcome.error for outcome in run_jobs(network, jobs)]
        taken = time.perf_counter() - started
    assert not any(errors), errors
    return taken


def main() -> None:
    """Print both."""
    pictures = [images.read_picture(Path(name)) for name in sys.argv[1:]]
    show_formats(pictures)
    for ending in ("png", "webp", "jpeg"):
        show_threads(pictures, ending)


if __name__ == "__main__":
    main()
