"""One call of `keras.Model.fit`: watched, and with the errors that a user can meet there."""

import math
import time
from collections.abc import Callable
from threading import Lock, Semaphore
from typing import Any

import keras

from srgan_cli.device import choose_device
from srgan_cli.errors import SrganError
from srgan_cli.training.batches import BatchDataset
from srgan_cli.training.options import Stage

LONGEST_STEP = 60.0  # seconds; where one takes longer, two may be under way


def fit(model: keras.Model, dataset: BatchDataset, watch: "Watch") -> dict[str, list[float]]:
    """Run `keras.Model.fit` once; name of each mean -> its values.

    Raises:
        SrganError: There are no pictures that can be used.
    """
    try:
        return model.fit(dataset, verbose=0, shuffle=False, callbacks=[watch]).history
    except Exception as error:
        if dataset.failure:  # raised in a thread, and wrapped by the backend
            raise dataset.failure from error
        raise


def batches_ahead() -> int:
    """How many batches Keras's `fit` has fetched beyond the one it starts with: one on JAX with one accelerator."""
    alone = keras.backend.backend() == "jax" and keras.distribution.distribution() is None
    return int(alone and not choose_device("auto").startswith("cpu"))


def no_number(stage: Stage, step: int, precision: str) -> SrganError:
    """What is said when an update has spoiled the networks."""
    hint = "lower --learning-rate or add --clip-norm 1, and --resume"
    if precision == "float16":
        hint += "; or start a new run --from this one with --precision float32 or bfloat16"
    return SrganError(f"the loss is NaN or infinite at step {step} of {stage}; earlier backups are intact", hint)


class Watch(keras.callbacks.Callback):
    """Counts the steps of one `fit` and the seconds that the device waited for data; ends it early where it must.

    On JAX, Keras calls `on_train_batch_end` in a thread that waits for the step, if `async_safe` allows it, so that the
    next one can be handed over meanwhile.

    Attributes:
        steps: How many have been done.
        waited: Seconds that data was waited for.
        broken_at: The first step, from 1, whose loss is NaN or infinite; 0 if there is none.
    """

    async_safe = True

    def __init__(self, dataset: BatchDataset, stop: Callable[[], bool]) -> None:
        super().__init__()
        self._dataset, self._stop = dataset, stop
        self._ahead = batches_ahead()
        self._places, self._lock = Semaphore(2), Lock()
        self.steps, self.waited, self.broken_at = 0, 0.0, 0
        self._started = self._ended = time.perf_counter()

    def set_model(self, model: keras.Model) -> None:
        """Keep the model, since `self.model` would write back its variables, which the step under way is changing."""
        super().set_model(model)
        self._trained = model

    @property
    def seconds(self) -> float:
        """Since the start, with those that Keras takes behind the last step."""
        return time.perf_counter() - self._started

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Wait until at most one step is under way; not for ever, since one that fails does not end."""
        del batch, logs
        self._places.acquire(timeout=LONGEST_STEP)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the loss."""
        self._places.release()
        with self._lock:
            fetched_at = self._dataset.ready.get(batch + self._ahead, 0.0)  # none behind the last
            self.waited += max(0.0, fetched_at - self._ended)
            self._ended = time.perf_counter()
            self.steps += 1
            if not (self.broken_at or math.isfinite(float((logs or {})["loss"]))):
                self.broken_at = batch + 1
        if self.broken_at or self._stop():
            self._trained.stop_training = True
