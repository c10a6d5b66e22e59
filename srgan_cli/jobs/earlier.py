"""Which inputs are what earlier jobs have made of others."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from srgan_cli.errors import SrganError
from srgan_cli.jobs.naming import Destination, Targets
from srgan_cli.jobs.sources import Source
from srgan_cli.pictures import formats
from srgan_cli.pictures.frames import read_header
from srgan_cli.upscaling.sizes import Size, split_name

Work = list[tuple[Source, Path]]


def without_results(sources: Sequence[Source], targets: Targets, destination: Destination, named: bool) -> Work:
    """Sources and targets but for what earlier jobs wrote beside their inputs, in whatever format.

    Args:
        sources: What was found.
        targets: Where their results go.
        destination: What was asked for.
        named: Whether those that were named are left out, too, as they are by patterns of a shell.
    """
    work = list(zip(sources, targets.paths, strict=True))
    if targets.named or targets.stdout:
        return work
    are_marked = destination.suffix or (destination.suffix is None and not targets.folder)  # by what is behind the name
    results = {_place(target) for target in targets.paths} if are_marked else set()
    originals = defaultdict(list)
    for source in sources:
        originals[_place(source.path)].append(source.path)

    def is_result(path: Path) -> bool:
        return _place(path) in results or _is_enlarged(path, originals)

    return [(source, target) for source, target in work if (source.named and not named) or not is_result(source.path)]


def _is_enlarged(path: Path, originals: Mapping[Path, Sequence[Path]]) -> bool:
    """Whether a picture is called like a larger version of another, in whatever size, and is as large."""
    place = _place(path)
    name, size = split_name(place.name)
    return any(size and _has_size(path, original, size) for original in originals.get(place.parent / name, ()))


def _has_size(path: Path, original: Path, size: Size) -> bool:
    with suppress(SrganError):  # a file that is no picture is told of later
        before, after = read_header(original), read_header(path)
        return size.of(before.height, before.width) == (after.height, after.width)
    return False


def _place(path: Path) -> Path:
    """Where a file is, whatever its format."""
    return (path.with_suffix("") if path.suffix.lower() in formats.SUFFIXES else path).absolute()
