"""Damaged picture files by the thousand, each a pure function of its number, and what reading them leads to.

    python tests/fuzzing.py 20000           read so many, print a table, end with 1 if one failed
    python tests/fuzzing.py --write 1234    write number 1234 to look at it

They are read in another process, so that a crash or a hang in a decoder written in C ends that one only, and is told
with the number of the file.
"""

import io
import itertools
import json
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms

from srgan_cli.errors import SrganError
from srgan_cli.pictures import formats, frames, images

PHOTO = Path(__file__).parents[1] / "examples" / "flower.png"
MOST_PIXELS = 2**20  # what a header may ask for is bounded by the product's own limit, so that memory is, too
MOST_SECONDS = 5.0  # of processor time that a file may take
KILLED_AFTER = 30  # seconds
PER_PROCESS = 10_000  # files; imagecodecs gives one reference to None too many back for each damaged 16-bit PNG
MOST_MEMORY = 200 * 2**20  # bytes that all files together may add to the peak of the process
ADDRESS_SPACE = 16 * 2**30  # bytes; a net for the machine, not a check
WRITTEN = [kind for kind in formats.FORMATS if kind.written]
NUMBERS = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@cache
def seeds() -> dict[str, bytes]:
    """Name -> a small real picture; the name begins with its format."""
    with Image.open(PHOTO) as photo:
        rgb = photo.convert("RGB").crop((64, 32, 112, 68))
    rgba = rgb.copy()
    rgba.putalpha(Image.linear_gradient("L").resize(rgb.size))
    palette = rgb.quantize(32)
    deep = np.asarray(rgb).astype(np.uint16) * 257
    deep_alpha = np.asarray(rgba).astype(np.uint16) * 257
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:23 10:00:00"
    said: dict[str, Any] = {
        "exif": exif.tobytes(),
        "icc_profile": _profile(),
        "xmp": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>',
    }
    made: dict[str, bytes] = {
        "PNG grey": _saved(rgb.convert("L"), "PNG"),
        "PNG bilevel": _saved(rgb.convert("1"), "PNG"),
        "PNG palette": _saved(palette, "PNG", transparency=3),
        "PNG colour, with metadata": _saved(rgb, "PNG", dpi=(300, 300), **said),
        "PNG alpha": _saved(rgba, "PNG"),
        "PNG 16-bit grey": _saved(Image.fromarray(deep[..., 1]), "PNG"),
        "PNG 16-bit colour": bytes(imagecodecs.png_encode(deep)),
        "PNG 16-bit alpha": bytes(imagecodecs.png_encode(deep_alpha)),
        "PNG animated": _saved(rgb, "PNG", save_all=True, append_images=[rgb.rotate(180)]),
        "PNG animated, drawn over": _saved(
            rgba, "PNG", save_all=True, append_images=[rgba.rotate(180), rgba.rotate(90)], disposal=2, blend=1
        ),
        "JPEG grey": _saved(rgb.convert("L"), "JPEG"),
        "JPEG colour, with metadata": _saved(rgb, "JPEG", dpi=(300, 300), **said),
        "JPEG progressive": _saved(rgb, "JPEG", progressive=True),
        "JPEG CMYK": _saved(rgb.convert("CMYK"), "JPEG", **said),
        "JPEG MPO": _saved(rgb, "MPO", save_all=True, append_images=[rgb.rotate(180)]),
        "WEBP lossy": _saved(rgb, "WEBP", **said),
        "WEBP lossless": _saved(rgba, "WEBP", lossless=True),
        "WEBP alpha": _saved(rgba, "WEBP"),
        "WEBP animated": _saved(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(180)]),
        "TIFF plain": _saved(rgb, "TIFF", **{k: v for k, v in said.items() if k != "xmp"}),
        "TIFF LZW": _saved(rgb, "TIFF", compression="tiff_lzw"),
        "TIFF deflate": _saved(rgba, "TIFF", compression="tiff_adobe_deflate"),
        "TIFF G4": _saved(rgb.convert("1"), "TIFF", compression="group4"),
        "TIFF JPEG": _saved(rgb, "TIFF", compression="jpeg"),
        "TIFF palette": _saved(palette, "TIFF", compression="packbits"),
        "TIFF CMYK": _saved(rgb.convert("CMYK"), "TIFF"),
        "TIFF LAB": _saved(_lab(rgb), "TIFF"),
        "TIFF 16-bit grey": _saved(Image.fromarray(deep[..., 1]), "TIFF"),
        "TIFF tiled": _tiff(np.asarray(rgb), tile=(16, 16), compression="deflate"),
        "TIFF 16-bit colour": _tiff(deep, compression="lzw", predictor=True),
        "TIFF 16-bit tiled": _tiff(deep_alpha, tile=(16, 16), extrasamples=["unassalpha"]),
        "TIFF 16-bit planar": _tiff(np.moveaxis(deep, -1, 0), planarconfig="separate", bigtiff=True),
        "TIFF pages": _saved(rgb, "TIFF", save_all=True, append_images=[rgb.rotate(180)]),
        "GIF": _saved(palette, "GIF", transparency=3),
        "GIF animated": _saved(rgb, "GIF", save_all=True, append_images=[rgb.rotate(180)]),
        "BMP colour": _saved(rgb, "BMP"),
        "BMP palette": _saved(palette, "BMP"),
        "BMP run lengths": _bmp_in_runs(palette),
        "AVIF colour": _saved(rgb, "AVIF", **said),
        "AVIF alpha": _saved(rgba, "AVIF"),
    }
    return made


def _saved(image: Image.Image, name: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.copy().save(file, name, **options)  # a copy, since Pillow leaves one encoder's settings behind for the next
    return file.getvalue()


def _profile() -> bytes:
    """sRGB, without the time of its making and the sum over it, so that seeds are always the same."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36], profile[84:100] = bytes(12), bytes(16)
    return bytes(profile)


def _lab(rgb: Image.Image) -> Image.Image:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    converted = ImageCms.applyTransform(rgb, to_lab)
    assert converted is not None
    converted.info.clear()  # a profile with the time of its making
    return converted


def _tiff(pixels: np.ndarray, bigtiff: bool = False, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric="rgb", metadata=None, bigtiff=bigtiff, **options)
    return file.getvalue()


def _bmp_in_runs(palette: Image.Image) -> bytes:
    """Pillow reads RLE8, but does not write it."""
    rows = np.asarray(palette)[::-1]
    data = b"".join(
        b"".join(bytes((len(list(run)), value)) for value, run in itertools.groupby(row.tolist())) + b"\0\0"
        for row in rows
    )
    colours = np.zeros((256, 4), np.uint8)
    known = np.array(palette.getpalette(), np.uint8).reshape(-1, 3)
    colours[: len(known), :3] = known[:, ::-1]
    height, width = rows.shape
    start = 14 + 40 + colours.size
    header = struct.pack("<2sIHHI", b"BM", start + len(data) + 2, 0, 0, start)
    header += struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data) + 2, 0, 0, 256, 0)
    return header + colours.tobytes() + data + b"\0\1"


def mutated(number: int) -> tuple[str, bytes]:
    """The seed's name and the bytes of a damaged file."""
    names = list(seeds())
    name = names[number % len(names)]
    chance, data = random.Random(number), bytearray(seeds()[name])
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        chance.choice(MUTATIONS)(data, chance)
    # A decoder that checks sums would not look at anything behind a wrong one.
    return name, _with_right_sums(bytes(data)) if name.startswith("PNG") and chance.random() < 0.8 else bytes(data)


def _place(data: bytearray, chance: random.Random, width: int = 1) -> int:
    """Anywhere, but half of the time among the headers."""
    end = max(1, len(data) - width + 1)
    return chance.randrange(min(end, 400) if chance.random() < 0.5 else end)


def _flip_bits(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        if data:
            data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _set_number(data: bytearray, chance: random.Random) -> None:
    """Give a field of 1, 2 or 4 bytes, in either byte order, an awkward value."""
    width, order = chance.choice((1, 2, 2, 4, 4, 4)), chance.choice(("big", "little"))
    start = _place(data, chance, width)
    value = chance.choice(NUMBERS) if chance.random() < 0.8 else chance.getrandbits(32)
    data[start : start + width] = (value % 256**width).to_bytes(width, order)


def _cut_end(data: bytearray, chance: random.Random) -> None:
    del data[_place(data, chance) :]


def _cut_out(data: bytearray, chance: random.Random) -> None:
    start = _place(data, chance)
    del data[start : start + chance.choice((1, 2, 4, 16, 200))]


def _repeat(data: bytearray, chance: random.Random) -> None:
    start = _place(data, chance)
    data[start:start] = data[start : start + chance.choice((1, 4, 12, 100))] * chance.choice((1, 1, 3, 50))


def _overwrite(data: bytearray, chance: random.Random) -> None:
    """Put a piece of any seed somewhere."""
    other = chance.choice(list(seeds().values()))
    length, source = chance.choice((4, 12, 64, 300)), chance.randrange(len(other))
    start = _place(data, chance)
    data[start : start + length] = other[source : source + length]


MUTATIONS: Sequence[Callable[[bytearray, random.Random], None]] = (
    _flip_bits, _flip_bits, _set_number, _set_number, _set_number, _cut_end, _cut_out, _repeat, _overwrite,
)  # fmt: skip


def _with_right_sums(png: bytes) -> bytes:
    parts, start = [png[:8]], 8
    while start + 12 <= len(png):
        end = start + 8 + struct.unpack_from(">I", png, start)[0]
        body = png[start + 4 : end]
        parts += [png[start : start + 4], body, struct.pack(">I", zlib.crc32(body))]
        start = end + 4
    return b"".join([*parts, png[start:]])


def read(data: bytes, number: int = 0) -> str:
    """`read`, or `refused` with one sentence.

    Raises:
        Exception: Whatever the product should not have let through.
    """
    path = Path("fuzz")
    refusals = []
    try:
        header = frames.read_header(path, io.BytesIO(data), MOST_PIXELS)
    except SrganError as error:
        refusals.append(error)
    try:
        shown = [frame.picture for frame in frames.read_frames(path, io.BytesIO(data), MOST_PIXELS)]
    except SrganError as error:
        refusals.append(error)
    for refusal in refusals:
        sentence = refusal.message
        assert sentence.startswith("fuzz: "), sentence
        assert "\n" not in sentence, sentence
        assert refusal.hint, sentence
    if refusals:
        return "refused"
    sizes = tuple(picture.colour.shape[1::-1] for picture in shown)
    assert sizes == header.sizes, f"{header} of {sizes}"
    assert header.transparent or all(picture.alpha is None for picture in shown), f"{header}, and there is transparency"
    picture = shown[-1]
    small = replace(
        picture, colour=picture.colour[:32, :32], alpha=None if picture.alpha is None else picture.alpha[:32, :32]
    )
    if not WRITTEN[number % len(WRITTEN)].sixteen_bits:
        small = images.from_pil(images.to_pil(replace(small, alpha=None)).convert("RGB"))
        small = replace(small, metadata=picture.metadata)
    images.encode(small, WRITTEN[number % len(WRITTEN)], io.BytesIO())  # what is read can be written
    return "read"


@dataclass
class Summary:
    """What came of a range of files.

    Attributes:
        counts: (format, `read` or `refused`) -> files.
        failures: A line for each file that failed, beginning with its number.
        peak: Bytes that they added to the peak of the process's memory.
        jump: The most that one added at once, and its number.
        slowest: The most seconds of processor time, and the file that took them.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    peak: int = 0
    jump: tuple[int, int] = (0, -1)
    slowest: tuple[float, int] = (0.0, -1)


def run(count: int, first: int = 0) -> Summary:
    """Read files in other processes: one, and another one behind each file that ends it."""
    summary, number = Summary(), first
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        while number < first + count:
            command = [sys.executable, "-X", "faulthandler", __file__, "--worker", str(report), str(number)]
            end = min(first + count, number + PER_PROCESS)
            process = subprocess.run([*command, str(end)], capture_output=True, text=True, check=False)
            if not report.exists():
                raise RuntimeError(process.stderr)
            number = _take_in(report, summary)
            report.unlink()
            if process.returncode:
                what = {-signal.SIGALRM: "hangs", 1: "the worker failed"}.get(process.returncode, "crashes")
                summary.failures.append(f"{number - 1}: {what} ({process.returncode}): {process.stderr[-2000:]}")
    return summary


def _take_in(report: Path, summary: Summary) -> int:
    """Add a worker's report; the number behind the last that it began."""
    number = 0
    for line in report.read_text().splitlines():
        number, *rest = json.loads(line)
        if rest:
            outcome, seconds, peak, jump, problems = rest
            summary.counts[list(seeds())[number % len(seeds())].split()[0], outcome] += 1
            summary.slowest = max(summary.slowest, (seconds, number))
            summary.peak = max(summary.peak, peak)
            summary.jump = max(summary.jump, (jump, number))
            summary.failures += [f"{number}: {problem}" for problem in problems]
    return number + 1


def work(report: Path, first: int, end: int) -> None:
    """Read files in this process; each has a line before it begins and one behind it."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    warnings.simplefilter("error")
    for number, data in enumerate(seeds().values()):
        read(data, number)  # what is imported and kept at the first use is no growth
    before = highest = _peak()
    with report.open("w") as lines, _printed() as printed:
        for number in range(first, end):
            print(json.dumps([number]), file=lines, flush=True)
            signal.alarm(KILLED_AFTER)
            started, (name, data), problems = time.process_time(), mutated(number), []
            outcome = "failed"
            try:
                outcome = read(data, number)
            except BaseException:  # noqa: BLE001 (that is what this is about)
                problems.append(f"{name}: {traceback.format_exc()}")
            seconds, peak, jump = time.process_time() - started, _peak() - before, _peak() - highest
            highest += jump
            if seconds > MOST_SECONDS:
                problems.append(f"{name}: took {seconds:.1f} s")
            if text := printed():
                problems.append(f"{name}: printed {text!r}")
            print(json.dumps([number, outcome, seconds, peak, jump, problems]), file=lines, flush=True)


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def _printed() -> Iterator[Callable[[], str]]:
    """A function that returns what was written to stdout and stderr since its last call, by C libraries too."""
    with tempfile.TemporaryFile() as file:
        kept = [os.dup(descriptor) for descriptor in (1, 2)]
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)

        def printed() -> str:
            sys.stdout.flush()
            sys.stderr.flush()
            file.seek(0)
            text = file.read().decode(errors="replace")
            file.seek(0)
            file.truncate()
            return text

        try:
            yield printed
        finally:
            for descriptor, old in zip((1, 2), kept, strict=True):
                os.dup2(old, descriptor)


def main() -> None:
    """See the module."""
    first, *rest = sys.argv[1:]
    if first == "--worker":
        work(Path(rest[0]), int(rest[1]), int(rest[2]))
    elif first == "--write":
        name, data = mutated(int(rest[0]))
        path = Path(f"fuzz-{rest[0]}")
        path.write_bytes(data)
        print(f"{path}, from {name}")
    else:
        started = time.monotonic()
        summary = run(int(first))
        print("\n".join(summary.failures))
        for (name, outcome), count in sorted(summary.counts.items()):
            print(f"{name:5} {outcome:8} {count:6}")
        print(
            f"{time.monotonic() - started:.0f} s, peak {summary.peak / 2**20:.0f} MiB above the seeds' "
            f"(number {summary.jump[1]} added {summary.jump[0] / 2**20:.0f}), slowest "
            f"{summary.slowest[0]:.2f} s (number {summary.slowest[1]}), {len(summary.failures)} failed"
        )
        sys.exit(bool(summary.failures))


if __name__ == "__main__":
    main()
