"""Files at any depth. Links to folders are followed, but no folder is gone into twice, since they may form circles."""

import glob
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

ANY_FOLDERS = "**"


def walk(
    start: str, skip: Callable[[str], bool], on_error: Callable[[OSError], object]
) -> Iterator[tuple[str, list[str]]]:
    """The folders below one, itself among them, with the names of their files; what links lead to comes last.

    Args:
        start: The folder.
        skip: Says whether a folder, and what is in it, is left out.
        on_error: Told of folders that cannot be read.
    """
    waiting, seen = [start], set()
    while waiting:
        for path, folders, files in os.walk(waiting.pop(0), onerror=on_error):
            real = os.path.realpath(path)
            if real in seen or skip(path):
                folders.clear()
                continue
            seen.add(real)
            folders.sort()
            inner = (os.path.join(path, name) for name in folders)  # noqa: PTH118 (there may be 200,000)
            waiting += [place for place in inner if os.path.islink(place)]  # noqa: PTH114
            yield path, files


def matches(pattern: str, on_error: Callable[[OSError], object]) -> Iterator[str]:
    """The paths that a pattern stands for; `**` is any number of folders that are not hidden.

    Args:
        pattern: As in a shell.
        on_error: Told of folders behind `**` that cannot be read.
    """
    parts = Path(pattern).parts
    if ANY_FOLDERS not in parts:
        yield from glob.iglob(pattern)  # noqa: PTH207 (Path.glob refuses absolute patterns)
        return
    place = parts.index(ANY_FOLDERS)
    behind = parts[place + 1 :] or ("*",)
    found: set[str] = set()
    for start in glob.iglob(str(Path(*parts[:place]))):  # noqa: PTH207
        for folder, _ in walk(start, partial(is_hidden_below, start), on_error):
            found.update(matches(str(Path(glob.escape(folder), *behind)), on_error))
    yield from found


def is_hidden_below(start: str, folder: str) -> bool:
    """Whether a folder that was found below `start` is hidden."""
    return folder != start and os.path.basename(folder).startswith(".")  # noqa: PTH119
