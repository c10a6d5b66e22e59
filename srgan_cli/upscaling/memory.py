"""What a picture takes in memory to enlarge, and how much there is."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from srgan_cli import DEFAULT_HALO, DEFAULT_TILE, SCALE
from srgan_cli.pictures.formats import Format, Header
from srgan_cli.upscaling.sizes import Size

# Measured on a CPU, in bytes, with the released weights in float32; `bench/memory.py` shows how well it fits. On a GPU
# the windows lie in its own memory.
PROGRAM = 760 * 2**20  # with TensorFlow
PER_PART_PIXEL, LARGEST_PARTS = 69_000, 3 * 2**29  # of the last layers, as `fusion.PART_BYTES` lets them become
BESIDE_PARTS = 2_000  # for each pixel of a window: features, and SR in float32
LARGEST_WINDOWS = LARGEST_PARTS + 2**30  # as `enlarging.MEMORY_BUDGET` lets them become, and what they leave behind
SMALLEST_WINDOWS = (DEFAULT_TILE + 2 * DEFAULT_HALO) ** 2 * PER_PART_PIXEL  # what remains where memory is scarce
PER_ENCODED_PIXEL = {"WEBP": (13, 26), "AVIF": (45, 55), "GIF": (34, 34)}  # without and with alpha
CGROUPS = {  # controller in /proc/self/cgroup -> where it is mounted; its limit, usage, and what of that gives way
    "": ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    "memory": (
        "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file",
    ),
}  # fmt: skip


def needed(header: Header, size: Size, kind: Format, windows: int = LARGEST_WINDOWS) -> int:
    """The most bytes that the program has while it enlarges a picture.

    Args:
        header: Of the picture; of several pages the one that takes most counts.
        size: Of the result.
        kind: The format that it is written in.
        windows: The most that the network is given, which it keeps until the program ends.
    """
    pages = (replace(header, width=width, height=height) for width, height in set(header.sizes))
    return PROGRAM + max(_of_page(page, size, kind, windows) for page in pages)


def _of_page(page: Header, size: Size, kind: Format, windows: int) -> int:
    seen = math.prod(size.passes(page.height, page.width)[-1])
    takes = min(seen * PER_PART_PIXEL, LARGEST_PARTS) + seen * BESIDE_PARTS
    takes = min(takes, windows) + of_pictures(page, size, kind)
    if page.frames > 1:  # the one before is kept, and what an animation shows
        pixels = page.width * page.height + 2 * math.prod(size.of(page.height, page.width))
        takes += pixels * _channels(page) * _depth(page)
    return takes


def of_pictures(header: Header, size: Size, kind: Format) -> int:
    """What pixels take, as read, on the way and as written; the arguments are those of `needed`."""
    height, width = size.of(header.height, header.width)
    wanted, lr = height * width, header.height * header.width
    channels, depth = _channels(header), _depth(header)
    exact = (height, width) == (SCALE * header.height, SCALE * header.width)
    rows, columns = size.passes(header.height, header.width)[-1]
    seen, between = rows * columns, SCALE * rows * width  # the latter: what Pillow has narrowed, but not lowered yet
    passed, bytes_on_the_way = SCALE**2 * seen, depth if exact else 2

    # An input and its result; then what that is reduced from, with a plane of it in floats twice; then the file.
    last_pass = (passed + seen) * channels * bytes_on_the_way
    last_pass += 3 * passed * bytes_on_the_way * header.transparent  # `solid.keep_solid`: its limits and its result
    planes = 2 + 2 * header.transparent  # `sizes.to_size`: with alpha also the opacity, and what is seen of a colour
    reduction = passed * (2 * channels + 4 * planes) + 4 * between + wanted * (channels * depth + 4 * planes)
    encoding = wanted * (channels * depth * (1 + header.transparent) + _per_encoded_pixel(header, kind))
    return lr * channels * depth + max(last_pass, 0 if exact else reduction, encoding)


def of_pictures_alone(takes: int) -> int:
    """What of the bytes that `needed` tells is the pictures', at least: of a small one, none."""
    return max(0, takes - PROGRAM - LARGEST_WINDOWS)


def _channels(header: Header) -> int:
    return (1 if header.grey else 3) + header.transparent


def _depth(header: Header) -> int:
    """Bytes."""
    return 1 + header.sixteen_bits


def _per_encoded_pixel(header: Header, kind: Format) -> int:
    """What an encoder holds beside what it is given."""
    if kind.name in PER_ENCODED_PIXEL:
        is_lossless = kind.options == kind.lossless  # which takes the same with alpha or without
        return PER_ENCODED_PIXEL[kind.name][header.transparent or is_lossless]
    if kind.name == "TIFF":
        return _depth(header)  # the strips
    if header.sixteen_bits and (header.transparent or not header.grey):
        return 6  # the file, twice
    return 4 if header.grey == header.transparent else 0  # Pillow's copy of RGB, or of grey with alpha


def available(root: Path = Path("/")) -> int | None:
    """Bytes that this process can still have, swap included; None where the system does not tell.

    Linux tells it for the machine and for the limits (cgroups) that containers and batch systems set. psutil knows
    other systems, too, but no cgroups, without which the number in a container is that of the whole machine.

    Args:
        root: Where the system's files are.
    """
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
        fields = dict(line.split(":") for line in lines)
        free = sum(1024 * int(fields[name].split()[0]) for name in ("MemAvailable", "SwapFree"))
    except (OSError, ValueError, KeyError):
        return None
    return max(0, min([free, *_rooms_in_cgroups(root)]))


def _rooms_in_cgroups(root: Path) -> Iterator[int]:
    """What is left in each of the cgroups that this process is in, from the innermost out, that has a limit."""
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in CGROUPS.keys() & controllers.split(","):
                place, *files = CGROUPS[controller]
                mount = root / place.lstrip("/")
                own = mount / path.lstrip("/")
                for folder in (own, *own.parents):
                    if folder.is_relative_to(mount):
                        yield from _room(folder, *files)


def _room(folder: Path, limit: str, usage: str, cache: str) -> Iterator[int]:
    with suppress(OSError, ValueError, KeyError):  # not there, or `max`, which is no limit
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        used = int((folder / usage).read_text()) - int(statistics[cache])
        yield int((folder / limit).read_text()) - used
