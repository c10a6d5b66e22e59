"""Results are encoded and written in threads while the network works on the next pictures."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self

from srgan_cli.jobs.disks import fits_disk
from srgan_cli.jobs.outcomes import Outcome
from srgan_cli.jobs.planning import Job
from srgan_cli.upscaling import memory

MOST_WRITERS = 16  # of which memory and disks may allow fewer
PATIENCE = 1 / 8  # of the time that computing took: the most that going on is put off for telling of a result at once


class Writers:
    """Threads that write results, as many at a time as memory and the disks have room for.

    Where there is room for no other, a result is written before the next picture is computed, so that nothing is
    computed in vain for a disk that is nearly full.
    """

    def __init__(self) -> None:
        self._most = min(MOST_WRITERS, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self._most)
        self._jobs: dict[Future[Outcome], Job] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=kind is not KeyboardInterrupt)

    def begin(self, job: Job, write: Callable[[], Outcome], seconds: float) -> None:
        """Let a thread write the result of a job.

        Args:
            job: Which.
            write: Writes it; what came of it.
            seconds: What computing it took.
        """
        future = self._pool.submit(write)
        self._jobs[future] = job
        wait([future], PATIENCE * seconds)

    def end(self, job: Job, outcome: Outcome) -> None:
        """Take down what came of a job of which nothing is to be written."""
        future: Future[Outcome] = Future()
        future.set_result(outcome)
        self._jobs[future] = job

    def make_room(self, job: Job) -> Iterator[tuple[Job, Outcome]]:
        """Wait until a job can be done beside those that are being written.

        Yields:
            What came of jobs that are done.
        """
        yield from self._ended()
        while self._jobs and not self._has_room(job):
            yield from self._next_ended()

    def finish(self) -> Iterator[tuple[Job, Outcome]]:
        """Wait for all; what came of them."""
        while self._jobs:
            yield from self._next_ended()

    def _next_ended(self) -> Iterator[tuple[Job, Outcome]]:
        wait(self._jobs, return_when=FIRST_COMPLETED)
        return self._ended()

    def _ended(self) -> Iterator[tuple[Job, Outcome]]:
        for future in [future for future in self._jobs if future.done()]:
            yield self._jobs.pop(future), future.result()

    def _has_room(self, job: Job) -> bool:
        written = self._jobs.values()
        return len(written) < self._most and _fits_memory(job, written) and fits_disk(job, written)


def _fits_memory(job: Job, written: Iterable[Job]) -> bool:
    """Whether there is memory for a job beside the pictures of others, which need no network any more."""
    free = memory.available()
    return free is None or job.memory + sum(memory.of_pictures_alone(each.memory) for each in written) <= free
