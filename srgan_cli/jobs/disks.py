"""Which disk a result goes to, and whether that has room for it."""

import errno
import math
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from srgan_cli.errors import SrganError
from srgan_cli.jobs.outcomes import Outcome
from srgan_cli.jobs.planning import Job

MOST_BYTES = 8  # a pixel of a file: four channels of 16 bits


def disk_of(path: Path) -> tuple[int, int]:
    """The disk that a file is on, or will be, and how many bytes are free there."""
    there = next((folder for folder in path.absolute().parents if folder.exists()), Path())
    return there.stat().st_dev, shutil.disk_usage(there).free


def fits_disk(job: Job, written: Iterable[Job]) -> bool:
    """Whether the disk has room for the result of a job beside those that are not there yet."""
    try:
        disk, free = disk_of(job.target)
        together = [job, *(each for each in written if disk_of(each.target)[0] == disk)]
    except OSError:  # it is gone
        return False
    return MOST_BYTES * sum(math.prod(each.sr_size) * each.header.frames for each in together) <= free


class FullDisks:
    """Keeps pictures from being computed for a disk that has run full, where others have shown that they do not fit."""

    def __init__(self) -> None:
        self._full: dict[int, tuple[int, int]] = {}  # disk -> bytes that were free, pixels that did not fit in them

    def note(self, job: Job, outcome: Outcome) -> None:
        """Look whether a disk, or the user's share of it, was full."""
        if outcome.error and getattr(outcome.error.__cause__, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            with suppress(OSError):  # it is gone
                disk, free = disk_of(job.target)
                self._full[disk] = free, math.prod(job.sr_size)

    def refuse(self, job: Job) -> Outcome | None:
        """A failure, if a result that takes no more bytes a pixel has not fitted."""
        if not self._full:
            return None
        try:
            disk, free = disk_of(job.target)
        except OSError:  # it is gone
            return None
        if disk not in self._full:
            return None
        free_before, pixels = self._full[disk]
        if free * pixels > free_before * math.prod(job.sr_size):
            return None
        hint = "free some space, and do what is missing with --skip-existing"
        error = SrganError(f"{job.target}: not computed, since the disk, or your share of it, is full", hint)
        return Outcome(job.source, job.place, job.lr_size, error=error)
