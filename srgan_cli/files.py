"""Files that are whole or not there: nobody ever sees half of one, and what stood there before is not lost."""

import errno
import os
import platform
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from srgan_cli.errors import SrganError, reason

STDOUT = Path("-")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STALE_AFTER = 24 * 3600  # seconds
_unfinished: set[Path] = set()  # hidden names that are being written to


@contextmanager
def replacing(path: Path, new: bool = False) -> Iterator[Path]:
    """A hidden name in the same folder to write to; the file takes its place at `path` when the block ends well.

    Into a pipe or a device such as /dev/null, which is no file to replace, it is copied.

    Args:
        path: Where it goes.
        new: Whether what is there by then is left as it is.

    Raises:
        SrganError: It cannot be written; what stood at `path` still does.
    """
    ending = path.name[-16:]  # tells Keras the format
    put = _copy_into if is_special(path) else _place_new if new else _replace
    folder = Path(tempfile.gettempdir()) if put is _copy_into else path.parent
    temporary = folder / f".srgan-{_host()}-{os.getpid()}-{uuid.uuid4().hex[:12]}-{ending}"
    _unfinished.add(temporary)
    try:
        yield temporary
        with temporary.open("rb+") as file:  # Windows flushes only what may be written
            os.fsync(file.fileno())
        put(temporary, path)
    except (OSError, RuntimeError) as error:  # HDF5 reports a full disk as either
        raise SrganError(
            f"{path}: cannot be written ({reason(error)})", "check the disk and the folder's permissions"
        ) from error
    finally:
        with suppress(OSError):  # such as of a disk that can be read only by now
            temporary.unlink(missing_ok=True)
        _unfinished.discard(temporary)


def remove_unfinished() -> None:
    """Delete what threads are writing; for a program that ends at once."""
    for path in tuple(_unfinished):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _copy_into(temporary: Path, path: Path) -> None:
    with temporary.open("rb") as file, path.open("wb") as target:
        shutil.copyfileobj(file, target)


def _replace(temporary: Path, path: Path) -> None:
    with suppress(OSError):  # there is none yet
        _keep_mode(temporary, path.stat())
    temporary.replace(path)


def _keep_mode(temporary: Path, before: os.stat_result) -> None:
    """Let those read and write a file who might before, unless it was another owner's or group's."""
    now = temporary.stat()
    if os.name != "nt" and (now.st_uid, now.st_gid) == (before.st_uid, before.st_gid):
        temporary.chmod(before.st_mode & 0o777)


def _place_new(temporary: Path, path: Path) -> None:
    """Give a file its name, unless there is one of that name."""
    try:
        os.link(temporary, path)
    except OSError:  # it is there, or the disk has no links, such as a memory card
        if os.path.lexists(path):
            message = f"{path}: has been written by another program meanwhile"
            raise SrganError(message, "add --overwrite, or name another place with -o") from None
        temporary.replace(path)


def is_special(path: Path) -> bool:
    """Whether it is a pipe or a device: reading it may wait, and can be done only once."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # the latter: a null byte in the name
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def append(path: Path, content: bytes, head: bytes) -> None:
    """Add to the end of a file, whole or not at all.

    Args:
        path: The file, which is made if need be.
        content: What is added.
        head: What the file begins with, added too if there is nothing in it yet.

    Raises:
        OSError: It cannot be written.
    """
    with path.open("ab", buffering=0) as file:
        end = file.tell()
        content = content if end else head + content
        if file.write(content) < len(content):  # of a disk that is full
            file.truncate(end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def remove_stale(folder: Path) -> None:
    """Delete what programs that were killed while they wrote have left in a folder."""
    with suppress(OSError):
        for path in folder.glob(".srgan-*"):
            _remove_if_stale(path)


def _remove_if_stale(path: Path) -> None:
    with suppress(OSError):  # such as of a file that has just got its name
        match = re.match(r"\.srgan-(\w*)-(\d+)-[0-9a-f]{12}-", path.name)
        old = time.time() - path.stat().st_mtime > STALE_AFTER
        if match and (old or (match[1] == _host() and not _is_running(int(match[2])))):
            path.unlink()


def _host() -> str:
    """This machine or container, of several that may write to a folder: what runs in another cannot be known here."""
    boot = processes = ""
    with suppress(OSError):  # not Linux
        boot = BOOT_ID.read_text()[:8]  # machines may be called alike
    with suppress(OSError):
        processes = str(Path("/proc/self/ns/pid").readlink())  # of those that see each other's
    return re.sub(r"\W", "", platform.node() + boot + processes)


def _is_running(process: int) -> bool:
    if os.name == "nt":  # the same call would press Ctrl-C there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def write_stdout(content: bytes) -> None:
    """Write to stdout at once.

    Raises:
        SrganError: It cannot be written.
        BrokenPipeError: Nobody reads it any more.
    """
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python would try once more when it ends
        if isinstance(error, BrokenPipeError):
            raise
        raise SrganError(
            f"stdout: cannot be written ({reason(error)})", "check the disk or program behind it"
        ) from error


def write_text(path: Path | None, text: str) -> None:
    """Write a text to a file or to stdout; nowhere if `path` is None.

    Raises:
        SrganError: It cannot be written.
    """
    if path == STDOUT:
        write_stdout(text.encode(errors="surrogateescape"))
    elif path:
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="surrogateescape")


def check_folder(folder: Path) -> None:
    """Find out before any computing whether files can be written to a folder, or it can be made; nothing is made yet.

    Raises:
        SrganError: They cannot.
    """
    there = next((path for path in (folder, *folder.absolute().parents) if path.exists()), None)
    if there is None:  # such as a drive of Windows
        raise SrganError(f"{folder}: is on a disk that is not there", "name another folder with -o")
    if not there.is_dir() or not os.access(there, os.W_OK):
        what = "cannot be written to" if there.is_dir() else "is not a folder"
        raise SrganError(
            f"{folder}: cannot be made a folder of results ({there} {what})", "name another folder with -o"
        )


def check_file(path: Path) -> None:
    """Find out before any computing whether a file can be written to `path`.

    Raises:
        SrganError: It is a folder, or its folder is not there or cannot be written to.
    """
    if path.is_dir():
        raise SrganError(f"{path}: is a folder, not a file", "name a file inside it")
    if not is_special(path) and not os.access(path.parent, os.W_OK):
        if path.parent.is_dir():
            raise SrganError(
                f"{path}: the folder {path.parent} cannot be written to", "name another one with -o FOLDER/"
            )
        message = f"{path}: the folder {path.parent} does not exist"
        raise SrganError(message, "make it first, or name a file in another folder")


def quoted(path: Path) -> str:
    """A path as one types it in a shell, the system's own."""
    return subprocess.list2cmdline([str(path)]) if os.name == "nt" else shlex.quote(str(path))
