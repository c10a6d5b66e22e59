"""Files -> files: jobs are done one after the other, and one that fails does not stop the others."""

import errno
import io
import math
import os
import random
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from srgan_cli import formats, images
from srgan_cli.encoding import EncodingError
from srgan_cli.errors import OutOfMemoryError, SrganError, reason, said_of
from srgan_cli.files import remove_stale, write_stdout
from srgan_cli.frames import Frame, encode_frames, read_frames
from srgan_cli.jobs import Job
from srgan_cli.outcomes import Outcome
from srgan_cli.picture import Picture

OnPixels = Callable[[int], None]
Upscale = Callable[[Picture, OnPixels], Picture]


def run_jobs(upscale: Upscale, jobs: Sequence[Job], on_pixels: OnPixels = lambda _: None) -> Iterator[Outcome]:
    """Enlarge picture files.

    Args:
        upscale: Enlarges one picture, and tells how many pixels were finished.
        jobs: From `jobs.plan_jobs`.
        on_pixels: Told how many of the jobs' `pixels` were finished, several times a picture.

    Yields:
        What came of each job when it ends.
    """
    for folder in {job.target.parent for job in jobs if not job.to_stdout}:
        remove_stale(folder)
    waiting, alone = deque(jobs), True
    disks = _FullDisks()
    while waiting:
        job = waiting.popleft()
        on_pixels(0)  # a place to stop at
        settled = _done_meanwhile(job) or disks.refuse(job)
        if settled:
            on_pixels(job.pixels)
        outcome = settled or _attempt(upscale, job, on_pixels)
        disks.note(job, outcome)
        if outcome.skipped and alone:  # two programs that go on in the same order would compute the same all the time
            random.shuffle(waiting)
            alone = False
        yield outcome


class _FullDisks:
    """Keeps pictures from being computed for a disk that has run full, where others have shown that they do not fit."""

    def __init__(self) -> None:
        self._full: dict[int, tuple[int, int]] = {}  # disk -> bytes that were free, pixels that did not fit in them

    def note(self, job: Job, outcome: Outcome) -> None:
        """Look whether a disk was full."""
        if outcome.error and getattr(outcome.error.__cause__, "errno", None) == errno.ENOSPC:
            with suppress(OSError):  # it is gone
                disk, free = _disk_of(job.target)
                self._full[disk] = free, math.prod(job.sr_size)

    def refuse(self, job: Job) -> Outcome | None:
        """A failure, if a result that takes no more bytes a pixel has not fitted."""
        if not self._full:
            return None
        try:
            disk, free = _disk_of(job.target)
        except OSError:  # it is gone
            return None
        if disk not in self._full:
            return None
        free_before, pixels = self._full[disk]
        if free * pixels > free_before * math.prod(job.sr_size):
            return None
        hint = "free some space, and do what is missing with --skip-existing"
        error = SrganError(f"{job.target}: not computed, since the disk is full ({free / 1e6:.1f} MB left)", hint)
        return Outcome(job.source, job.place, job.lr_size, error=error)


def _disk_of(path: Path) -> tuple[int, int]:
    """The disk that a file is on, or will be, and how many bytes are free there."""
    there = next((folder for folder in path.absolute().parents if folder.exists()), Path())
    return there.stat().st_dev, shutil.disk_usage(there).free


def _attempt(upscale: Upscale, job: Job, on_pixels: OnPixels) -> Outcome:
    """What comes of one job."""
    started = time.perf_counter()
    try:
        return replace(_run(upscale, job, on_pixels), seconds=time.perf_counter() - started)
    except SrganError as error:
        return _done_meanwhile(job) or Outcome(job.source, job.place, job.lr_size, error=error)
    except MemoryError:  # while it is prepared or written; the network's is met where it computes
        return Outcome(job.source, job.place, job.lr_size, error=OutOfMemoryError(job.source))


def _done_meanwhile(job: Job) -> Outcome | None:
    """`skipped`, if another program has written the result meanwhile and that is as good; else None."""
    if job.existing == "skip" and not job.to_stdout and os.path.lexists(job.target):
        return Outcome(job.source, job.target, skipped=True)
    return None


def _run(upscale: Upscale, job: Job, on_pixels: OnPixels) -> Outcome:
    kind = formats.format_of(job.target).with_quality(job.quality)
    left = job.pixels
    notes: dict[str, None] = {}

    def advance(count: int) -> None:
        nonlocal left
        left -= count
        on_pixels(count)

    content = _content(job)
    file = None if content is None else io.BytesIO(content)
    with closing(read_frames(job.source, file, job.most_pixels)) as lr:
        sr = _enlarged(upscale, lr, job, advance, notes)
        if job.header.frames == 1:
            picture = next(sr).picture
            lost = _write(job, lambda file: images.encode(picture, kind, file))
        else:
            lost = _write(job, lambda file: encode_frames(sr, job.header, kind, file))
    on_pixels(left)  # frames without the alpha that others have
    left_out = [f"without {', '.join(lost)}, which the format cannot hold"] if lost else []
    return replace(job.expected, notes=(*job.expected.notes, *notes, *left_out))


def _content(job: Job) -> bytes | None:
    """What came through stdin, or what the result replaces, which Windows does not allow while it is open."""
    with suppress(OSError):  # there is nothing to replace
        if job.content is None and job.source.samefile(job.target):
            return job.source.read_bytes()
    return job.content


def _enlarged(
    upscale: Upscale, frames: Iterator[Frame], job: Job, on_pixels: OnPixels, notes: dict[str, None]
) -> Iterator[Frame]:
    """The frames of the result; one like that before it is not computed again. Their notes are added to `notes`."""
    before: tuple[Picture, Picture] | None = None
    for frame in frames:
        lr = job.finish.apply(frame.picture)
        if before and _is_same(lr, before[0]):
            sr = replace(before[1], metadata=lr.metadata)
            on_pixels(job.pixels // job.header.frames)
        else:
            with said_of(job.source), _networks_errors():
                sr = upscale(lr, on_pixels)
        notes.update(dict.fromkeys(sr.notes))
        before = lr, sr
        yield replace(frame, picture=sr)


@contextmanager
def _networks_errors() -> Iterator[None]:
    """Around the network, whose backends raise what would be taken for an error of a disk or an encoder.

    Raises:
        SrganError: For that; what is about memory passes.
    """
    try:
        yield
    except (SrganError, MemoryError):
        raise
    except Exception as error:
        hint = "try --device cpu, or --precision float32"
        raise SrganError(f"the network failed ({reason(error)})", hint) from error


def _is_same(one: Picture, other: Picture) -> bool:
    """Whether two pictures have the same pixels."""
    return all(
        a is b or (a is not None and b is not None and a.dtype == b.dtype and np.array_equal(a, b))
        for a, b in ((one.colour, other.colour), (one.alpha, other.alpha))
    )


def _write(job: Job, encode_to: Callable[[BinaryIO], tuple[str, ...]]) -> tuple[str, ...]:
    """Write a result by a function, which returns what the format cannot hold of what its file said, by name."""
    if job.to_stdout:
        file = io.BytesIO()  # the writers of some formats go back and forth
        with said_of("stdout", EncodingError):
            lost = encode_to(file)
        write_stdout(file.getvalue())
        return lost
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{job.target}: its folder cannot be made ({reason(error)})"
        raise SrganError(message, "name another folder with -o") from error
    return images.write(job.target, encode_to, new=job.existing != "overwrite")
