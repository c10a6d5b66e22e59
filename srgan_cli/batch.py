"""Files -> files: jobs are done one after the other, and one that fails does not stop the others."""

import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from srgan_cli import formats, images
from srgan_cli.errors import SrganError
from srgan_cli.files import reason, remove_stale, write_stdout
from srgan_cli.images import Picture
from srgan_cli.jobs import Job
from srgan_cli.outcomes import Outcome, Size

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
    for job in jobs:
        on_pixels(0)  # a place to stop at
        started = time.perf_counter()
        try:
            outcome = _run(upscale, job, on_pixels)
        except SrganError as error:
            yield Outcome(job.source, job.place, job.size, error=error)
        else:
            yield replace(outcome, seconds=time.perf_counter() - started)


def _run(upscale: Upscale, job: Job, on_pixels: OnPixels) -> Outcome:
    file = None if job.content is None else io.BytesIO(job.content)
    picture = images.read_picture(job.source, file, job.most_pixels)
    lr = job.finish.apply(picture)
    try:
        sr = upscale(lr, on_pixels)
    except SrganError as error:
        raise SrganError(f"{job.source}: {error.message}", error.hint) from error
    lost = _write(sr, job)
    left_out = (f"without {', '.join(lost)}, which the format cannot hold",) if lost else ()
    return Outcome(job.source, job.place, _size(lr), _size(sr), notes=(*sr.notes, *left_out), memory=job.memory)


def _write(picture: Picture, job: Job) -> tuple[str, ...]:
    """Write a result; what the format cannot hold of what its file said, by name."""
    if job.to_stdout:
        file = io.BytesIO()  # the writers of some formats go back and forth
        lost = images.encode(picture, formats.format_of(job.target), file, job.quality)
        write_stdout(file.getvalue())
        return lost
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{job.target}: its folder cannot be made ({reason(error)})"
        raise SrganError(message, "name another folder with -o") from error
    return images.write_picture(picture, job.target, job.quality)


def _size(picture: Picture) -> Size:
    height, width = picture.colour.shape[:2]
    return width, height
