"""Which picture file becomes which, settled and checked before anything heavy is loaded or computed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from srgan_cli import SCALE, formats, images
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.finish import Finish

AS_IT_IS = Finish()


@dataclass(frozen=True)
class Job:
    """One picture file to enlarge.

    Attributes:
        source: The file to read.
        target: The file to write.
        pixels: LR pixels to compute: the picture's, twice that with an alpha channel.
        finish: What else is done with it.
    """

    source: Path
    target: Path
    pixels: int
    finish: Finish = AS_IT_IS


@dataclass(frozen=True)
class Failure:
    """A file that was not enlarged, and why."""

    source: Path
    error: SrganError


def plan_jobs(
    inputs: Sequence[Path], output: Path | None, overwrite: bool, finish: Finish = AS_IT_IS
) -> tuple[list[Job], list[Failure]]:
    """Settle what is read and written.

    Args:
        inputs: Picture files, and folders whose pictures are meant.
        output: The file to write if `inputs` is a single file, else a folder, which is made if need be; None writes
            `NAME_x4` beside each input.
        overwrite: Whether files that are there may be replaced. The file named as `output` always may, an input that
            was not named so never.
        finish: What is done with every picture beside enlarging it.

    Returns:
        The jobs that can start, and the files and folders that cannot be used.

    Raises:
        UsageError: Two inputs would be written to the same file.
        SrganError: The output folder cannot be made.
    """
    sources, failures = _find_sources(inputs, beside=output is None)
    named = output is not None and _is_single_file(inputs) and not output.is_dir()
    if output is not None and not named:
        _make_folder(output)
    targets = [output if named and output else _target(source, output) for source in sources]
    _refuse_clashes(targets)
    protected = set() if named else {source.resolve() for source in sources}
    jobs = []
    for source, target in zip(sources, targets, strict=True):
        try:
            _refuse_overwriting(target, protected, overwrite or named)
            jobs.append(_checked_job(source, target, finish))
        except SrganError as error:
            failures.append(Failure(source, error))
    return jobs, failures


def _is_single_file(inputs: Sequence[Path]) -> bool:
    return len(inputs) == 1 and not inputs[0].is_dir()


def _find_sources(inputs: Sequence[Path], beside: bool) -> tuple[list[Path], list[Failure]]:
    sources: list[Path] = []
    failures = []
    for path in inputs:
        found = _pictures_in(path, beside) if path.is_dir() else [path]
        if not found:
            accepted = " ".join(formats.SUFFIXES)
            failures.append(Failure(path, SrganError(f"{path}: no pictures in this folder", f"looked for {accepted}")))
        sources += found
    return list(dict.fromkeys(sources)), failures


def _pictures_in(folder: Path, beside: bool) -> list[Path]:
    """The pictures in a folder but for those that an earlier job wrote beside its inputs."""
    pictures = pictures_in(folder)
    results = {_target(path, None) for path in pictures} if beside else set()
    return [path for path in pictures if path not in results]


def pictures_in(folder: Path) -> list[Path]:
    """The files directly in a folder that are named like pictures, sorted; hidden ones are passed over."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.suffix.lower() in formats.SUFFIXES and not path.name.startswith(".")
    )


def _target(source: Path, folder: Path | None) -> Path:
    if folder is None:
        return source.with_stem(f"{source.stem}_x{SCALE}")
    return folder / source.name


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SrganError(
            f"{folder}: cannot be made a folder ({error.strerror})", "name another folder with -o"
        ) from error


def _refuse_clashes(targets: Sequence[Path]) -> None:
    for target, count in Counter(targets).items():
        if count > 1:
            raise UsageError(f"{target}: {count} inputs would be written to this file", "give them different names")


def _refuse_overwriting(target: Path, protected: set[Path], overwrite: bool) -> None:
    if target.resolve() in protected:
        raise SrganError(f"{target}: is itself an input and is not overwritten", "name another folder with -o")
    if target.exists() and not overwrite:
        raise SrganError(f"{target}: exists already", "add --overwrite, or name another place with -o")


def _checked_job(source: Path, target: Path, finish: Finish) -> Job:
    header = finish.header(images.read_header(source))
    formats.check_output(target, header, SCALE)
    return Job(source, target, header.width * header.height * (1 + header.transparent), finish)
