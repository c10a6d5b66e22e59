"""Where the result of each picture goes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from srgan_cli.errors import UsageError
from srgan_cli.files import STDOUT
from srgan_cli.jobs.sources import Source
from srgan_cli.pictures import formats
from srgan_cli.pictures.finish import Finish
from srgan_cli.pictures.formats import Format
from srgan_cli.upscaling.sizes import Size

AS_IT_IS, FOUR_TIMES = Finish(), Size()
INSTEAD = formats.SUFFIXES[".jpg"]  # of what is only read, which is HEIC


@dataclass(frozen=True)
class Destination:
    """How results are named and written.

    Attributes:
        output: A file, a folder, or `-` for stdout; None for beside each input, and for stdout if that is stdin.
        suffix: Put behind each name; None for that of the size, such as `_x4`, beside inputs and nothing elsewhere.
        format: A format's name or ending; None for that of the input, JPEG for HEIC.
        quality: 1 to 100, for formats that lose something; None for the usual.
        finish: What is done with every picture beside enlarging it.
        size: Of the results.

    Raises:
        UsageError: They make no sense.
    """

    output: str | None = None
    suffix: str | None = None
    format: str | None = None
    quality: int | None = None
    finish: Finish = AS_IT_IS
    size: Size = FOUR_TIMES

    def __post_init__(self) -> None:
        if self.output == "":
            raise UsageError("--output is empty", "name a file or a folder, or leave it out")
        if self.suffix and Path(self.suffix).name != self.suffix:
            raise UsageError(f"--suffix is {self.suffix!r}", "give a part of a name; name a folder with -o")
        self.check_quality(self.kind)

    def check_quality(self, kind: Format | None) -> None:
        """See that what is asked for by `quality` is possible in a format.

        Raises:
            UsageError: It is not.
        """
        if self.quality and kind and not kind.lossy:
            lossy = ", ".join(kind.name for kind in formats.FORMATS if kind.lossy)
            raise UsageError(f"{kind.name} has no quality", f"leave --quality out, or write {lossy}")

    @property
    def kind(self) -> Format | None:
        """The format that was asked for.

        Raises:
            UsageError: There is no such format.
        """
        if self.format is None:
            return None
        writable = [kind for kind in formats.FORMATS if kind.written]
        wanted = self.format.lower().removeprefix(".")
        for kind in writable:
            if wanted == kind.name.lower() or f".{wanted}" in kind.suffixes:
                return kind
        known = ", ".join(kind.name.lower() for kind in writable)
        raise UsageError(f"--format is {self.format!r}", f"use one of {known}")

    @property
    def folder(self) -> Path | None:
        """The folder that `output` names if it certainly names one."""
        if (
            self.output
            and self.output != str(STDOUT)
            and (self.output.endswith(("/", os.sep)) or Path(self.output).is_dir())
        ):
            return Path(self.output)
        return None


@dataclass(frozen=True)
class Targets:
    """What is written.

    Attributes:
        paths: One for each source; that of stdout only tells the format.
        folder: The folder that holds them all; None if they lie beside their sources, or there is just one.
        named: Whether the user named the one file that is written.
        stdout: Whether it is not a file but stdout.
    """

    paths: list[Path]
    folder: Path | None = None
    named: bool = False
    stdout: bool = False


def name_targets(sources: Sequence[Source], destination: Destination, single: bool) -> Targets:
    """Name the result of each picture.

    Args:
        sources: The pictures.
        destination: What was asked for.
        single: Whether they are one file that the user named, for which `output` is a file unless it is a folder.

    Raises:
        UsageError: Several pictures are to go into one file.
    """
    output = destination.output
    from_stdin = [source.content is not None for source in sources]
    if output == str(STDOUT) or (output is None and from_stdin == [True]):
        _require_one(sources, "stdout")
        return Targets([_name(source, destination, "", Path("stdout")) for source in sources], stdout=True)
    if output is None:
        suffix = destination.size.suffix if destination.suffix is None else destination.suffix
        return Targets([_name(source, destination, suffix, source.beside) for source in sources])
    if not destination.folder and (single or Path(output).suffix.lower() in formats.SUFFIXES):
        _require_one(sources, output)
        _check_named(Path(output), destination)
        return Targets([Path(output) for _ in sources], named=True)
    folder, suffix = Path(output), destination.suffix or ""
    return Targets([_name(source, destination, suffix, folder / source.place) for source in sources], folder)


def _require_one(sources: Sequence[Source], what: str) -> None:
    if len(sources) > 1:
        raise UsageError(f"{what}: {len(sources)} pictures cannot be written to it", "name a folder with -o FOLDER/")


def _check_named(output: Path, destination: Destination) -> None:
    if destination.suffix is not None:
        raise UsageError(f"{output}: is the name, so that --suffix says nothing", "leave one of them out")
    kind = formats.SUFFIXES.get(output.suffix.lower())
    if destination.kind and kind is not destination.kind:
        raise UsageError(
            f"{output}: is not a name for {destination.kind.name}",
            f"end it in {destination.kind.suffixes[0]}, or in / if it is a folder",
        )


def _name(source: Source, destination: Destination, suffix: str, like: Path) -> Path:
    """The place of `like` with the suffix and the ending of the format; an ending that fits is kept as it is."""
    recognised = source.kind if source.kind is None or source.kind.written else INSTEAD
    kind, ending = destination.kind or recognised, like.suffix
    if ending.lower() not in formats.SUFFIXES and kind:
        stem, ending = like.name, kind.suffixes[0]
    else:
        stem, ending = like.stem, ending if not kind or ending.lower() in kind.suffixes else kind.suffixes[0]
    return like.with_name(f"{stem}{suffix}{ending}")
