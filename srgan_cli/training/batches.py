"""Pictures -> (LR, HR) batches, a pure function of (seed, step), made ahead of the network in threads."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from threading import Lock

import keras
import numpy as np

from srgan_cli.degradation import degrade, resize
from srgan_cli.errors import SrganError
from srgan_cli.pictures.picture import to_tensor
from srgan_cli.training.data import Pictures
from srgan_cli.training.options import TrainOptions

QUEUED_PER_WORKER, KEPT = 4, 4  # made ahead, and kept since backends ask for the first ones twice
Batch = tuple[np.ndarray, np.ndarray]  # LR (B, hr_size / 4, hr_size / 4, 3), HR (B, hr_size, hr_size, 3)


class Batches:
    """(LR, HR) of each step: (B, hr_size / 4, hr_size / 4, 3) and (B, hr_size, hr_size, 3) RGB.

    They depend on nothing but the pictures, the options and the step, so a resumed run sees what an uninterrupted one
    would have.

    Args:
        pictures: Where they come from.
        options: Their `sampling` must be chosen.
        as_floats: Give float32 in [-1, 1], as networks take them, instead of uint8.
    """

    def __init__(self, pictures: Pictures, options: TrainOptions, as_floats: bool = False) -> None:
        self._pictures, self._options, self._as_floats = pictures, options, as_floats

    def __getitem__(self, step: int) -> Batch:
        """Make the batch of a step.

        Raises:
            SrganError: No picture can be used.
        """
        size = self._options.batch_size
        numbers = range(step * size, step * size + size)
        lr, hr = map(np.stack, zip(*map(self._pair, numbers), strict=True))
        return (to_tensor(lr), to_tensor(hr)) if self._as_floats else (lr, hr)

    def _pair(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The `number`-th pair of the run, (h, w, 3) and (4 h, 4 w, 3) uint8."""
        rng = np.random.default_rng((self._options.seed, number))
        hr = self._square(number, rng)
        return degrade(hr, self._options.degradation, rng), hr

    def _square(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """(hr_size, hr_size, 3) uint8; every round goes through all pictures."""
        options = self._options
        turn, place = divmod(number, len(self._pictures))
        index = _order(len(self._pictures), options.seed, turn)[place]
        if options.sampling == "resize":
            picture = self._pictures.load(int(index), smallest_side=1)
            return _flip(resize(picture, options.hr_size, options.hr_size), rng)
        picture = self._pictures.load(int(index), smallest_side=options.hr_size)
        square = _flip(_crop(picture, options.hr_size, rng), rng)
        # Copied here, since Pillow's own copy of such a view holds up all other threads.
        return np.ascontiguousarray(np.rot90(square, int(rng.integers(4))))


class Prefetcher:
    """Batches that threads make before they are asked for, from one `fit` to the next.

    Keras's own threads end with every `fit`, for which it waits, and begin the next one with batches that were made
    already.

    Args:
        batches: Of the run.
        workers: How many threads.
        stop_step: None is made from this step on.
    """

    def __init__(self, batches: Batches, workers: int, stop_step: int) -> None:
        self._batches, self._stop, self._count = batches, stop_step, QUEUED_PER_WORKER * workers
        self._pool = ThreadPoolExecutor(workers, "batches")
        self._futures: dict[int, Future[tuple[Batch, float]]] = {}
        self._lock = Lock()

    def take(self, step: int) -> tuple[Batch, float]:
        """The batch of a step, and when it was ready by `time.perf_counter`; the next ones are begun.

        Raises:
            SrganError: No picture can be used.
        """
        with self._lock:
            self._futures = {s: future for s, future in self._futures.items() if s >= step - KEPT}
            for later in range(step, min(step + 1 + self._count, self._stop)):
                if later not in self._futures:
                    self._futures[later] = self._pool.submit(self._make, later)
            future = self._futures[step]
        return future.result()

    def _make(self, step: int) -> tuple[Batch, float]:
        return self._batches[step], time.perf_counter()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)


class BatchDataset(keras.utils.PyDataset):
    """Some steps' batches for `keras.Model.fit`.

    Args:
        prefetcher: Makes them.
        first_step: Step of the first batch.
        stop_step: One past the step of the last.

    Attributes:
        ready: When each batch was ready, by `time.perf_counter`; index -> seconds.
        failure: Why a batch could not be made, since backends wrap what is raised in a thread.
    """

    def __init__(self, prefetcher: Prefetcher, first_step: int, stop_step: int) -> None:
        super().__init__(workers=1)  # which is none of Keras's
        self._prefetcher, self._steps = prefetcher, range(first_step, stop_step)
        self.ready: dict[int, float] = {}
        self.failure: SrganError | None = None

    @property
    def num_batches(self) -> int:
        """How many steps there are."""
        return len(self._steps)

    def __getitem__(self, index: int) -> Batch:
        """The batch of step `first_step + index`."""
        try:
            batch, self.ready[index] = self._prefetcher.take(self._steps[index])
        except SrganError as error:
            self.failure = error
            raise
        return batch


@lru_cache(maxsize=4)
def _order(count: int, seed: int, turn: int) -> np.ndarray:
    return np.random.default_rng((seed, turn, count)).permutation(count)


def _crop(picture: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    top, left = (int(rng.integers(0, extent - side + 1)) for extent in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def _flip(square: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return square[:, ::-1] if rng.random() < 0.5 else square
