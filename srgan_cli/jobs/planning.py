"""Which picture file becomes which, settled and checked before anything heavy is loaded or computed."""

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from srgan_cli.errors import SrganError, UsageError, reason, said
from srgan_cli.files import STDOUT, check_file, check_folder
from srgan_cli.jobs.earlier import Work, without_results
from srgan_cli.jobs.naming import AS_IT_IS, Destination, Targets, name_targets
from srgan_cli.jobs.outcomes import Outcome
from srgan_cli.jobs.sources import Search, Source, identity
from srgan_cli.pictures import formats, frames
from srgan_cli.pictures.finish import Finish
from srgan_cli.pictures.formats import Format, Header
from srgan_cli.pictures.opening import MOST_PIXELS
from srgan_cli.pictures.picture import Picture
from srgan_cli.upscaling import memory
from srgan_cli.upscaling.sizes import Size

NAMED = 10  # clashes
WHITE = (255, 255, 255)
Existing = Literal["refuse", "overwrite", "skip"]


@dataclass(frozen=True)
class Limits:
    """What a picture may take; one that takes more is refused.

    Attributes:
        pixels: Of its file.
        memory: In bytes, while it is enlarged; None for whatever it takes.
    """

    pixels: int = MOST_PIXELS
    memory: int | None = None


USUAL_LIMITS = Limits()


@dataclass(frozen=True)
class Job:
    """One picture file to enlarge.

    Attributes:
        source: The file to read; `-` is stdin.
        target: The file to write; only a format if `to_stdout`.
        sr_size: Width and height of the result in pixels; of the first frame or page.
        pixels: LR pixels to compute: those of all frames, twice that with an alpha channel.
        header: What else is known of it, `finish` applied.
        kind: The format to write, in the quality that was asked for.
        memory: Bytes that the program takes at most, as estimated.
        content: The bytes of the file, if it came through stdin.
        to_stdout: Whether the result goes there.
        finish: What else is done with it.
        most_pixels: A file that has become larger meanwhile is refused.
        existing: What is done about a file that has appeared meanwhile where the result goes.
    """

    source: Path
    target: Path
    sr_size: tuple[int, int]
    pixels: int
    header: Header
    kind: Format
    memory: int = 0
    content: bytes | None = field(default=None, repr=False)
    to_stdout: bool = False
    finish: Finish = AS_IT_IS
    most_pixels: int = MOST_PIXELS
    existing: Existing = "refuse"

    @property
    def lr_size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels; of the first frame or page."""
        return self.header.width, self.header.height

    @property
    def place(self) -> Path:
        """Where the result goes, for people."""
        return STDOUT if self.to_stdout else self.target

    def keeps_grey(self, picture: Picture) -> bool:
        """Whether pixels of the result are grey if those of a frame or page are."""
        are_frames = self.header.frames > 1 and self.kind.several == "frames"
        return not are_frames and self.finish.keeps_grey(picture)

    @property
    def expected(self) -> Outcome:
        """What will come of it, if all goes well."""
        return Outcome(
            self.source,
            self.place,
            self.lr_size,
            self.sr_size,
            notes=("smaller than the picture",) if self.sr_size[0] < self.lr_size[0] else (),
            frames=self.header.frames,
            memory=self.memory,
        )


@dataclass(frozen=True)
class Plan:
    """What there is to do.

    Attributes:
        jobs: Those that can start.
        settled: What is known already of other inputs: they cannot be used, or are done.
        passed_over: Why files in folders were passed over -> how many.
    """

    jobs: list[Job]
    settled: list[Outcome]
    passed_over: dict[str, int]


def plan_jobs(
    inputs: Sequence[str],
    destination: Destination | None = None,
    existing: Existing = "refuse",
    recursive: bool = False,
    limits: Limits = USUAL_LIMITS,
) -> Plan:
    """Settle what is read and written. Nothing is written yet.

    Args:
        inputs: What `sources.Search.add` takes.
        destination: Where results go.
        existing: What is done about files that are there. The one named as output is not refused, an input that was
            not named so never replaced.
        recursive: Whether the folders inside an input folder are meant too; they are kept below the output folder.
        limits: What a picture may take.

    Raises:
        UsageError: Two inputs would be written to the same file, or a quality is given, but no format has one.
        SrganError: The output folder cannot be made.
    """
    destination = destination or Destination()
    search = Search(recursive, Path(destination.output) if destination.output not in (None, str(STDOUT)) else None)
    for text in inputs:
        search.add(text)
    sources = search.sources
    single = len(inputs) == 1 and [source.path for source in sources] == [Path(inputs[0])]
    targets = name_targets(sources, destination, single)
    if targets.folder:
        check_folder(targets.folder)
    work = without_results(sources, targets, destination, named=existing == "skip")
    if len(work) < len(sources):
        search.passed_over["earlier results"] += len(sources) - len(work)
    _refuse_clashes(work)
    kinds = [kind for _, target in work if (kind := formats.SUFFIXES.get(target.suffix.lower()))]
    if kinds and not any(kind.lossy for kind in kinds):
        destination.check_quality(kinds[0])
    jobs, settled = _checked(work, targets, destination, existing, limits)
    return Plan(jobs, search.failures + settled, dict(search.passed_over))


def _refuse_clashes(work: Work) -> None:
    """Names that differ in nothing but case are one file on the disks of Windows and macOS."""
    first: dict[tuple[object, str], tuple[Source, Path]] = {}
    clashes = []
    for source, target in work:
        other, place = first.setdefault(_key(target), (source, target))
        if other is not source:
            disks = "" if place.name == target.name else " on disks that do not tell capitals apart"
            also = "" if place == target else f" and {place}, one file{disks}"
            clashes.append(f"{other.path} and {source.path} would both be written to {target}{also}")
    if clashes:
        more = f"; and {len(clashes) - NAMED} more clashes" if len(clashes) > NAMED else ""
        raise UsageError("; ".join(clashes[:NAMED]) + more, "do them apart, or give one of each another name")


def _key(path: Path) -> tuple[object, str]:
    """The same for all names of a file; the file itself may be a link, which would be replaced, not followed."""
    return identity(path.parent) or _folded(os.path.realpath(path.parent)), _folded(path.name)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).lower()


def _checked(
    work: Work, targets: Targets, destination: Destination, existing: Existing, limits: Limits
) -> tuple[list[Job], list[Outcome]]:
    """The jobs that can start, and what is settled: also those that cannot, and those that are done."""
    paths = [] if targets.stdout else [source.path for source, _ in work if not (targets.named and source.named)]
    led_to = [Path(os.path.realpath(path)) for path in paths if path.is_symlink()]
    protected = {_key(path) for path in paths + led_to}
    if targets.named and existing == "refuse":
        existing = "overwrite"
    jobs, outcomes = [], []
    for source, target in work:
        try:
            if not targets.stdout and _is_done(target, protected, existing):
                outcomes.append(Outcome(source.path, target, skipped=True))
                continue
            job = _checked_job(source, target, destination, limits)
            if targets.folder:
                check_folder(target.parent)
            elif not targets.stdout:
                check_file(target)
            jobs.append(replace(job, to_stdout=targets.stdout, existing=existing))
        except (SrganError, MemoryError) as error:
            place = STDOUT if targets.stdout else target
            outcomes.append(Outcome(source.path, place, error=said(error, source.path)))
    return jobs, outcomes


def _is_done(target: Path, protected: set[tuple[object, str]], existing: Existing) -> bool:
    """Whether nothing needs to be done for a file.

    Raises:
        SrganError: It must not be written.
    """
    if _key(target) in protected:
        raise SrganError(
            f"{target}: is itself an input and is not overwritten", "add --skip-existing, --suffix, or another -o"
        )
    try:
        target.lstat()  # a link may lead to a disk that is not there now
    except FileNotFoundError:
        return False
    except OSError as error:  # such as a name that is too long
        raise SrganError(f"{target}: cannot be written ({reason(error)})", "name another place with -o") from error
    if target.is_dir():
        raise SrganError(f"{target}: is a folder, not a file", "name a file inside it")
    if existing == "overwrite":
        return False
    if existing == "skip":
        return True
    raise SrganError(f"{target}: exists already", "add --overwrite or --skip-existing, or name another place with -o")


def _checked_job(source: Source, target: Path, destination: Destination, limits: Limits) -> Job:
    found = frames.read_header(source.beside, source.open(), limits.pixels)  # first: it may not be there
    kind = formats.format_of(target).with_quality(destination.quality, found.lossless)
    size, finish = destination.size, destination.finish
    if limits.memory is not None:
        least = replace(found, transparent=found.transparent and (kind.alpha or finish.background is not None))
        _refuse_what_cannot_fit(source.beside, least, size, kind, limits.memory)
    if _has_needless_alpha(source, finish.header(found), kind, limits.pixels):
        finish, found = replace(finish, background=WHITE), replace(found, transparent=False)
    header = finish.header(found)
    height, width = size.of(header.height, header.width)
    counts = Counter((h, w) for w, h in header.sizes)
    formats.check_output(target, header, max(max(size.of(*page)) for page in counts))
    return Job(
        source.path,
        target,
        (width, height),
        sum(count * size.pixels(*page) for page, count in counts.items()) * (1 + found.transparent),
        header,
        kind,
        memory.needed(found, size, kind),
        source.content,
        finish=finish,
        most_pixels=limits.pixels,
    )


def _has_needless_alpha(source: Source, header: Header, kind: Format, most_pixels: int) -> bool:
    """Whether a format cannot hold a picture's alpha channel and need not, since it is opaque, as screenshots' are."""
    in_the_way = header.transparent and not kind.alpha and header.frames == 1
    return in_the_way and frames.is_opaque(source.beside, source.open(), most_pixels)


def _refuse_what_cannot_fit(path: Path, header: Header, size: Size, kind: Format, available: int) -> None:
    least = memory.needed(header, size, kind, memory.SMALLEST_WINDOWS)
    if least > available:
        less = "enlarge it less, " if len(size.passes(header.height, header.width)) > 1 else ""
        raise SrganError(
            f"{path}: takes {least / 1e9:.1f} GB of memory or more, and there are {available / 1e9:.1f}",
            f"{less}cut it into parts, or close other programs; --no-check-memory tries it",
        )
