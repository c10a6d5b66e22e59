"""Files -> files: jobs are computed one after the other, and one that fails does not stop the others."""

import io
import os
import random
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from srgan_cli.errors import SrganError, reason, said, said_of
from srgan_cli.files import remove_stale, write_stdout
from srgan_cli.jobs.disks import FullDisks
from srgan_cli.jobs.outcomes import Outcome
from srgan_cli.jobs.planning import Job
from srgan_cli.jobs.writing import Writers
from srgan_cli.pictures import images
from srgan_cli.pictures.encoding import EncodingError
from srgan_cli.pictures.frames import Frame, encode_frames, read_frames, read_header
from srgan_cli.pictures.picture import Picture

OnPixels = Callable[[int], None]
Upscale = Callable[[Picture, OnPixels], Picture]


class _Stop(BaseException):
    """Nothing more is to be computed; a `KeyboardInterrupt` ends everything at once."""


def run_jobs(
    upscale: Upscale,
    jobs: Sequence[Job],
    on_pixels: OnPixels = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Enlarge picture files.

    Args:
        upscale: Enlarges one picture, and tells how many pixels were finished.
        jobs: From `planning.plan_jobs`.
        on_pixels: Told how many of the jobs' `pixels` were finished, several times a picture.
        stop: Asked each time whether to stop.

    Yields:
        What came of each job when it ends.

    Raises:
        KeyboardInterrupt: It was to stop; what was computed by then is written.
    """
    for folder in {job.target.parent for job in jobs if not job.to_stdout}:
        remove_stale(folder)
    waiting, disks, stopped, alone = deque(jobs), FullDisks(), False, True

    def advance(count: int) -> None:
        on_pixels(count)
        if stop():
            raise _Stop

    def told(ended: Iterable[tuple[Job, Outcome]]) -> Iterator[Outcome]:
        nonlocal alone
        for job, outcome in ended:
            disks.note(job, outcome)
            if outcome.skipped and alone:  # two programs that go on in the same order would compute the same
                random.shuffle(waiting)
                alone = False
            yield outcome

    with Writers() as writers:
        try:
            while waiting:
                job = waiting.popleft()
                yield from told(writers.make_room(job))
                advance(0)  # a place to stop at
                _begin(upscale, job, advance, writers, disks)
        except _Stop:
            stopped = True
        yield from told(writers.finish())
    if stopped:
        raise KeyboardInterrupt


def _begin(upscale: Upscale, job: Job, on_pixels: OnPixels, writers: Writers, disks: FullDisks) -> None:
    """Compute a picture and let its result be written, or take down what else comes of it.

    An animation is written here, since its frames are computed meanwhile.
    """
    started, left = time.perf_counter(), _Left(job.pixels, on_pixels)
    try:
        outcome = _done_meanwhile(job) or disks.refuse(job)
        if outcome:
            writers.end(job, outcome)
        elif job.header.frames > 1:
            writers.end(job, _ended(job, started, lambda: _animated(upscale, job, left)))
        else:
            write = _computed(upscale, job, left)
            writers.begin(job, lambda: _ended(job, started, write), time.perf_counter() - started)
    except (SrganError, MemoryError) as error:
        writers.end(job, _failed(job, error))
    left.close()


def _ended(job: Job, started: float, finish: Callable[[], Outcome]) -> Outcome:
    """What comes of a job by the last that there is to do."""
    try:
        return replace(finish(), seconds=time.perf_counter() - started)
    except (SrganError, MemoryError) as error:
        return _failed(job, error)


def _failed(job: Job, error: SrganError | MemoryError) -> Outcome:
    """What comes of a job that cannot be done: a failure, unless another program has done it meanwhile.

    Memory ran out while the picture was prepared or written; the network's is met where it computes.
    """
    return _done_meanwhile(job) or Outcome(job.source, job.place, job.lr_size, error=said(error, job.source))


def _done_meanwhile(job: Job) -> Outcome | None:
    """`skipped`, if another program has written the result meanwhile and that is as good; else None."""
    if job.existing == "skip" and not job.to_stdout and os.path.lexists(job.target):
        return Outcome(job.source, job.target, skipped=True)
    return None


class _Left:
    """Tells how many of a job's pixels were finished, all in all as many as it has."""

    def __init__(self, pixels: int, on_pixels: OnPixels) -> None:
        self._pixels, self._on_pixels = pixels, on_pixels

    def __call__(self, count: int) -> None:
        self._pixels -= count
        self._on_pixels(count)

    def close(self) -> None:
        """Tell of the rest, such as that of frames without the alpha that others have."""
        self(self._pixels)


def _computed(upscale: Upscale, job: Job, left: _Left) -> Callable[[], Outcome]:
    """What writes the result of a picture, which is computed at once."""
    notes: dict[str, None] = {}
    with closing(_frames(job)) as lr:
        picture = next(_enlarged(upscale, lr, job, left, notes)).picture
    return lambda: _write(job, notes, lambda file: images.encode(picture, job.kind, file))


def _animated(upscale: Upscale, job: Job, left: _Left) -> Outcome:
    """Compute an animation, or pages, while it is written."""
    notes: dict[str, None] = {}
    with closing(_frames(job)) as lr:
        sr = _enlarged(upscale, lr, job, left, notes)
        return _write(job, notes, lambda file: encode_frames(sr, job.header, job.kind, file))


def _frames(job: Job) -> Generator[Frame, None, None]:
    """The frames of a job's file; of one that the result replaces it is read before, since Windows wants it closed.

    Raises:
        SrganError: It is not what was planned for: frames would be lost, or another size told than is written.
    """
    if job.content is None and read_header(job.source, None, job.most_pixels).sizes != job.header.sizes:
        raise SrganError(f"{job.source}: has changed since it was looked at", "do it once more")
    content = job.content
    with suppress(OSError):  # there is nothing to replace
        if content is None and job.source.samefile(job.target):
            content = job.source.read_bytes()
    return read_frames(job.source, None if content is None else io.BytesIO(content), job.most_pixels)


def _enlarged(
    upscale: Upscale, frames: Iterator[Frame], job: Job, on_pixels: OnPixels, notes: dict[str, None]
) -> Iterator[Frame]:
    """The frames of the result; one like that before it is not computed again. Their notes are added to `notes`."""
    before: tuple[Picture, Picture] | None = None
    for frame in frames:
        lr = images.without_grey_profile(frame.picture, job.kind, job.keeps_grey(frame.picture))
        if before and _is_same(lr, before[0]):
            sr = job.finish.apply(replace(before[1], metadata=lr.metadata))
            on_pixels(job.pixels // job.header.frames)
        else:
            with said_of(job.source):
                sr = job.finish.apply(upscale(lr, on_pixels))
        notes.update(dict.fromkeys(sr.notes))
        before = lr, sr
        yield replace(frame, picture=sr)


def _is_same(one: Picture, other: Picture) -> bool:
    """Whether two pictures have the same pixels."""
    return all(
        a is b or (a is not None and b is not None and a.dtype == b.dtype and np.array_equal(a, b))
        for a, b in ((one.colour, other.colour), (one.alpha, other.alpha))
    )


def _write(job: Job, notes: dict[str, None], encode_to: Callable[[BinaryIO], tuple[str, ...]]) -> Outcome:
    """Write a result.

    Args:
        job: Which.
        notes: Those that are there when it is written.
        encode_to: Writes it to a file; what the format cannot hold of what its file said, by name.
    """
    lost = _write_to_stdout(encode_to) if job.to_stdout else _write_file(job, encode_to)
    *first, last = lost or ("",)
    names = f"{', '.join(first)} and {last}" if first else last
    left_out = [f"without {names}, which the format cannot hold"] if lost else []
    return replace(job.expected, notes=(*job.expected.notes, *notes, *left_out))


def _write_to_stdout(encode_to: Callable[[BinaryIO], tuple[str, ...]]) -> tuple[str, ...]:
    file = io.BytesIO()  # the writers of some formats go back and forth
    with said_of("stdout", EncodingError):
        lost = encode_to(file)
    write_stdout(file.getvalue())
    return lost


def _write_file(job: Job, encode_to: Callable[[BinaryIO], tuple[str, ...]]) -> tuple[str, ...]:
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{job.target}: its folder cannot be made ({reason(error)})"
        raise SrganError(message, "name another folder with -o") from error
    return images.write(job.target, encode_to, new=job.existing != "overwrite")
