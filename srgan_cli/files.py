"""Files that are whole or not there: nobody ever sees half of one, and what stood there before is not lost."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from srgan_cli.errors import SrganError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A hidden name in the same folder to write to; the file takes its place at `path` when the block ends well.

    Raises:
        SrganError: It cannot be written; what stood at `path` still does.
    """
    temporary = path.with_name(f".srgan-{uuid.uuid4().hex}-{path.name[-16:]}")  # the ending tells Keras the format
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # HDF5 reports a full disk as either
        raise SrganError(
            f"{path}: cannot be written ({reason(error)})", "check the disk and the folder's permissions"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(path: Path) -> None:
    """Find out before any computing whether a file can be written to `path`.

    Raises:
        SrganError: Its folder is not there, or cannot be written to.
    """
    if not os.access(path.parent, os.W_OK):
        what = "cannot be written to" if path.parent.is_dir() else "does not exist"
        raise SrganError(f"{path}: the folder {path.parent} {what}", "name a file in another folder")


def reason(error: Exception) -> str:
    """What went wrong, in one line."""
    text = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return str(text).splitlines()[0]
