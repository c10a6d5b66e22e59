"""Results are encoded and written in threads while the network works on the next pictures."""

import math
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from srgan_cli import memory
from srgan_cli.jobs import Job
from srgan_cli.outcomes import Outcome

MOST_BYTES = 8  # a pixel of a file: four channels of 16 bits
MOST_WRITERS = 4
PATIENCE = 1 / 8  # of the time that is spent on computing; more is saved by going on


class Writers:
    """Threads that write results, as many at a time as memory and the disks have room for.

    Where there is room for no other, a result is written before the next picture is computed, so that nothing is
    computed in vain for a disk that is nearly full.
    """

    def __init__(self) -> None:
        self._most = min(MOST_WRITERS, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self._most)
        self._pending: deque[tuple[Job, Future[Outcome]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        at_once = kind is KeyboardInterrupt  # once more, while `finish` waits
        self._pool.shutdown(wait=not at_once, cancel_futures=at_once)

    def begin(self, job: Job, write: Callable[[], Outcome], seconds: float) -> None:
        """Let a thread write the result of a job.

        Args:
            job: Which.
            write: Writes it; what came of it.
            seconds: What computing it took. Where that is much longer, it is waited for, to be told of at once.
        """
        future = self._pool.submit(write)
        self._pending.append((job, future))
        wait([future], PATIENCE * seconds)

    def make_room(self, job: Job) -> Iterator[tuple[Job, Outcome]]:
        """Wait until a job can be done beside those that are being written.

        Yields:
            What came of jobs that are done.
        """
        while self._pending and (self._pending[0][1].done() or not self._has_room(job)):
            yield self._oldest()

    def finish(self) -> Iterator[tuple[Job, Outcome]]:
        """Wait for all; what came of them."""
        while self._pending:
            yield self._oldest()

    def _oldest(self) -> tuple[Job, Outcome]:
        job, future = self._pending.popleft()
        return job, future.result()

    def _has_room(self, job: Job) -> bool:
        together = [job, *(pending for pending, _ in self._pending)]
        free = memory.available()
        if len(self._pending) >= self._most or (free is not None and free < sum(each.memory for each in together)):
            return False
        on_disk = MOST_BYTES * sum(math.prod(each.sr_size) * each.header.frames for each in together)
        with suppress(OSError):  # it is gone
            return free_space(job.target)[1] >= on_disk
        return False


def free_space(path: Path) -> tuple[int, int]:
    """The disk that a file is on, or will be, and how many bytes are free there."""
    there = next((folder for folder in path.absolute().parents if folder.exists()), Path())
    return there.stat().st_dev, shutil.disk_usage(there).free
