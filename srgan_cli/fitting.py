"""One call of `keras.Model.fit`: watched, and with the errors that a user can meet there."""

import math
import time
from collections.abc import Callable
from typing import Any

import keras

from srgan_cli.data import Pairs
from srgan_cli.device import batches_ahead, is_out_of_memory
from srgan_cli.errors import SrganError


def fit(model: keras.Model, pairs: Pairs, watch: "Watch") -> dict[str, list[float]]:
    """`keras.Model.fit`: the history of its means.

    Raises:
        SrganError: The pictures or the memory do not suffice.
    """
    try:
        return model.fit(pairs, verbose=0, shuffle=False, callbacks=[watch]).history
    except Exception as error:
        if pairs.failure:  # raised in a thread, and wrapped by the backend
            raise pairs.failure from error
        if is_out_of_memory(error):
            raise SrganError("out of memory", "lower --batch-size or --hr-size, or use --precision bfloat16") from error
        raise


class Watch(keras.callbacks.Callback):
    """Counts the steps of one `fit` and the seconds that it waited for data; ends it early where it must."""

    def __init__(self, pairs: Pairs, stop: Callable[[], bool]) -> None:
        super().__init__()
        self._pairs, self._stop = pairs, stop
        self._ahead = batches_ahead()
        self.steps, self.waited, self.broken = 0, 0.0, False
        self._started = self._ended = time.perf_counter()

    @property
    def seconds(self) -> float:
        """From the start to the end of the last step."""
        return self._ended - self._started

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the loss, which also waits for the device to finish the step."""
        self.broken = not math.isfinite(float((logs or {})["loss"]))
        fetched_at = self._pairs.ready.get(batch + self._ahead, 0.0)  # none behind the last
        self.waited += max(0.0, fetched_at - self._ended)
        self._ended = time.perf_counter()
        self.steps += 1
        if self.broken or self._stop():
            self.model.stop_training = True
