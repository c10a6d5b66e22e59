"""What the user names -> picture files. Recognised by content; nothing is decoded."""

import codecs
import glob
import io
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, takewhile
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from srgan_cli.errors import SrganError, UsageError, reason
from srgan_cli.files import is_special
from srgan_cli.jobs.outcomes import Outcome
from srgan_cli.pictures import formats
from srgan_cli.pictures.formats import Format
from srgan_cli.pictures.pillow import readable_formats
from srgan_cli.walking import is_hidden_below, matches, walk

STDIN = "-"
ADDRESSES = ("http://", "https://")
LONGEST_MAGIC = 32  # bytes that tell any format


@dataclass(frozen=True)
class Source:
    """A picture file that is meant.

    Attributes:
        path: The file; `-` is stdin.
        place: Where its result goes below an output folder; what the file is called is its last part.
        kind: The format that its first bytes tell; None if they tell none.
        named: Whether the user named it, rather than a folder or pattern where it was found.
        content: Its bytes if it came through stdin.
    """

    path: Path
    place: Path
    kind: Format | None
    named: bool = True
    content: bytes | None = field(default=None, repr=False)

    @property
    def beside(self) -> Path:
        """What it is called, and what lies beside it is called like."""
        return self.path if self.content is None else self.place

    def open(self) -> BinaryIO | None:
        """What to read in place of the file, if it came through stdin."""
        return None if self.content is None else io.BytesIO(self.content)


class Search:
    """Collects the pictures that inputs stand for.

    Args:
        recursive: Whether pictures in folders inside a folder are meant too.
        output: The folder where results go, whose files are no inputs if it lies inside an input folder.

    Attributes:
        failures: Inputs that stand for nothing.
        passed_over: Why files were passed over -> how many.
    """

    def __init__(self, recursive: bool = False, output: Path | None = None) -> None:
        self._recursive = recursive
        self._output = identity(output) if output else None
        self._found: dict[Path, Source] = {}
        self.failures: list[Outcome] = []
        self.passed_over: Counter[str] = Counter()

    @property
    def sources(self) -> list[Source]:
        """The pictures, each once."""
        return list(self._found.values())

    def add(self, text: str) -> None:
        """Look for what an input stands for.

        Args:
            text: A file, a folder, a pattern, `@LIST`, a file of such inputs, `-` for stdin, or `@-`.

        Raises:
            UsageError: It is empty, or stdin is a terminal.
        """
        if not text:  # such as a variable of a script that was never set
            raise UsageError("an input is empty", "name a picture, or . for the pictures in this folder")
        if text == STDIN:
            self._add_stdin()
        elif text.startswith("@") and not os.path.lexists(text):
            self._add_list(Path(text[1:]))
        else:
            self.add_path(text)

    def _add_stdin(self) -> None:
        if Path(STDIN) in self._found:
            return
        content = _read_stdin("srgan upscale - < photo.jpg")
        source = Source(Path(STDIN), Path("stdin"), _kind_of(content), content=content)
        self._found[source.path] = source

    def _add_list(self, path: Path) -> None:
        try:
            is_stdin = path == Path(STDIN)
            lines = _lines(_read_stdin("find photos -print0 | srgan upscale @-") if is_stdin else path.read_bytes())
        except (OSError, ValueError) as error:
            message = f"{path}: cannot be read as a list ({reason(error)})"
            self._fail(path, message, "give a UTF-8 text of one path a line, or what find -print0 writes")
            return
        if not lines:
            self._fail(path, f"{path}: names no pictures", "write one path a line")
        for line in lines:
            self.add_path(line)

    def add_path(self, text: str) -> None:
        """Look for what a file, a folder or a pattern stands for."""
        path = Path(text)
        try:
            if text.startswith(ADDRESSES):
                self._fail(
                    path, f"{text}: addresses are not fetched", f"write curl -s {text} | srgan upscale - > large.jpg"
                )
            elif path.is_dir():
                self._add_all(path, path, self._walk(path), f"{path}: no pictures in this folder")
            elif glob.has_magic(text) and not path.exists():
                root = Path(*takewhile(lambda part: not glob.has_magic(part), path.parts[:-1]))
                self._add_all(path, root, self._matches(text, root), f"{path}: no pictures are named like this")
            elif is_special(path):
                self._fail(path, f"{path}: is a pipe or device, not a file", f"write srgan upscale - < {path}")
            else:
                self._keep(Source(path, Path(path.name), _kind_of(_start_of(path))))
        except OSError as error:  # such as a name that is too long
            self._fail(path, f"{path}: cannot be read ({reason(error)})", "check the path")

    def _add_all(self, path: Path, root: Path, files: Iterator[Path], if_none: str) -> None:
        """Add the pictures among files that were found below a folder."""
        failed_before = len(self.failures)
        sources = [source for file in files if (source := self._recognised(file, root))]
        if not sources and len(self.failures) == failed_before:
            inner = path.is_dir() and not self._recursive and any(entry.is_dir() for entry in path.iterdir())
            self._fail(path, if_none, "add --recursive for the folders inside" if inner else "check the path")
        for source in sources:
            self._keep(source)

    def _recognised(self, path: Path, root: Path) -> Source | None:
        if path.name.startswith("."):
            self.passed_over["hidden"] += 1
            return None
        start = _start_of(path)
        kind = _kind_of(start)
        named_like_one = path.suffix.lower() in formats.SUFFIXES and not is_special(path)
        if not named_like_one and (kind is None or not _opens(path)):
            foreign = formats.foreign(start)
            self.passed_over[f"{foreign}, which is not supported" if foreign else "not pictures"] += 1
            return None
        return Source(path, path.relative_to(root), kind, named=False)

    def _walk(self, folder: Path) -> Iterator[Path]:
        """The files in a folder, with the hidden ones, in the order of their names; then those below it, if meant."""

        def is_left_out(path: str) -> bool:
            return is_hidden_below(str(folder), path) or self._holds_results(Path(path), folder)

        folders = walk(str(folder), is_left_out, self._cannot_read)
        for path, names in folders if self._recursive else islice(folders, 1):
            yield from (Path(path, name) for name in sorted(names))

    def _matches(self, pattern: str, root: Path) -> Iterator[Path]:
        """The files that a pattern stands for, sorted; `**` stands for any number of folders."""
        holds_results = cache(lambda folder: self._holds_results(folder, root))
        for path in map(Path, sorted(matches(pattern, self._cannot_read))):
            if path.is_file() and not holds_results(path.parent):
                yield path

    def _holds_results(self, folder: Path, root: Path) -> bool:
        """Whether a folder below an input folder, `root`, is where results go."""
        return self._is_in_output(folder) and not self._is_in_output(root)

    def _is_in_output(self, folder: Path) -> bool:
        if self._output is None:
            return False
        real = Path(os.path.realpath(folder))
        return self._output in map(identity, (real, *real.parents))

    def _keep(self, source: Source) -> None:
        key = source.path.absolute()
        if key not in self._found or source.named:
            self._found[key] = source

    def _cannot_read(self, error: OSError) -> None:
        folder = Path(error.filename)
        self._fail(folder, f"{folder}: cannot be read ({reason(error)})", "check the folder's permissions")

    def _fail(self, path: Path, message: str, hint: str) -> None:
        self.failures.append(Outcome(path, error=SrganError(message, hint)))


def identity(folder: Path) -> tuple[int, int] | None:
    """The same for all names of a folder: on disks that do not tell A from a, or that are mounted twice."""
    with suppress(OSError):
        status = folder.stat()
        return status.st_dev, status.st_ino
    return None


def _read_stdin(usage: str) -> bytes:
    if sys.stdin.isatty():
        raise UsageError("nothing is piped into stdin", f"write {usage}")
    return sys.stdin.buffer.read()


def _lines(content: bytes) -> list[str]:
    """The paths in a list: of UTF-8, or of UTF-16 as by Windows PowerShell, or of any bytes as by find -print0.

    Raises:
        ValueError: It is not a text.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16")
    elif b"\0" in content:
        start = content[:LONGEST_MAGIC].replace(b"\0", b"").decode("latin-1")
        if _kind_of(content) and not start.isprintable():  # else it is a name, such as BMW
            raise ValueError("it is a picture")
        return [os.fsdecode(name) for name in content.split(b"\0") if name]
    else:
        text = content.decode("utf-8-sig")
    lines = (line if os.path.lexists(line) else line.strip() for line in re.split(r"\r\n|\r|\n", text))
    return [line for line in lines if line and (not line.startswith("#") or os.path.lexists(line))]  # else a comment


def pictures_in(folder: Path) -> list[Path]:
    """The pictures directly in a folder, sorted; hidden and foreign files are passed over."""
    search = Search()
    search.add_path(str(folder))
    return [source.path for source in search.sources]


def _start_of(path: Path) -> bytes:
    """The first bytes of a file; none if it cannot be read."""
    try:
        if is_special(path):
            return b""
        with path.open("rb", buffering=0) as file:
            return file.read(LONGEST_MAGIC)
    except (OSError, ValueError):  # the latter: a null byte in the name
        return b""


def _kind_of(start: bytes) -> Format | None:
    """The format that a file's first bytes tell; None if they are those of no picture."""
    readable = readable_formats()  # first, since it adds to what Pillow knows
    for kind in formats.FORMATS:
        accepts = Image.OPEN[kind.name][1] if kind.name in readable else None
        if accepts and accepts(start[:LONGEST_MAGIC]) is True:
            return kind
    return None


def _opens(path: Path) -> bool:
    """Whether a file that is not named like a picture is one, and does not just begin with the letters of one."""
    with suppress(Exception):  # a damaged picture is a picture; what is wrong with it is said later
        try:
            with Image.open(path):
                pass
        except UnidentifiedImageError:
            return False
    return True
