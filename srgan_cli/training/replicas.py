"""Training on several GPUs or machines, by Keras's own distribution."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

from srgan_cli.errors import UsageError

AS_THE_GUIDE_SAYS = "set it as TensorFlow's guide says, or unset it"


@dataclass(frozen=True)
class Replicas:
    """Copies of the networks that train together.

    Attributes:
        synchronized: How many share their gradients by themselves (TensorFlow's strategies); 1 otherwise.
        machines: How many machines they are on.
        devices: How many a batch is divided among.
        agree: Whether any machine votes True; all must call it at the same point.
    """

    synchronized: int = 1
    machines: int = 1
    devices: int = 1
    agree: Callable[[bool], bool] = lambda would: would


@contextmanager
def replicated(batch_size: int, say: Callable[[str], None]) -> Iterator[Replicas]:
    """Train on everything there is: several GPUs of this machine, or the machines that `TF_CONFIG` names.

    Keras's own distribution does it; models made inside are copied to each replica, and every batch is divided.

    Args:
        batch_size: It has to be divisible by the number of replicas; not all GPUs are used otherwise.
        say: Told when that is so.

    Raises:
        UsageError: The batch cannot be divided among the machines, or `TF_CONFIG` is not what TensorFlow wants.
    """
    if keras.backend.backend() == "tensorflow":
        strategy = _tensorflow_strategy(batch_size, say)
        machines = max(1, len(_machines()))
        with strategy.scope():
            agree = _any_of(strategy) if machines > 1 else Replicas.agree
            count = strategy.num_replicas_in_sync
            yield Replicas(count, machines, count, agree)
    else:
        devices, before = _usable(keras.distribution.list_devices(), batch_size, say), keras.distribution.distribution()
        if len(devices) > 1:
            keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
        try:
            yield Replicas(devices=len(devices))
        finally:
            keras.distribution.set_distribution(before)


def _tensorflow_strategy(batch_size: int, say: Callable[[str], None]) -> Any:
    import tensorflow as tf

    class Workers(tf.distribute.MultiWorkerMirroredStrategy):
        """Reduces pairs, and scalars despite an axis, as Keras asks and it cannot by itself (Keras issue 20329)."""

        def reduce(self, reduce_op: Any, value: Any, axis: Any) -> Any:
            def reduce_tensor(part: Any) -> Any:
                scalar = self.experimental_local_results(part)[0].shape.rank == 0
                return super(Workers, self).reduce(reduce_op, part, None if scalar else axis)

            return tf.nest.map_structure(reduce_tensor, value)

    machines = _machines()
    if machines:
        if batch_size % len(machines):
            raise UsageError(
                f"a batch of {batch_size} cannot be divided among {len(machines)} machines",
                f"use a --batch-size that is a multiple of {len(machines)}",
            )
        return Workers()
    gpus = _usable([gpu.name for gpu in tf.config.list_logical_devices("GPU")], batch_size, say)
    return tf.distribute.MirroredStrategy(gpus) if len(gpus) > 1 else tf.distribute.get_strategy()


def _usable(devices: list[str], batch_size: int, say: Callable[[str], None]) -> list[str]:
    """As many of the devices as a batch can be divided among."""
    count = max(n for n in range(1, len(devices) + 1) if batch_size % n == 0) if devices else 0
    if count < len(devices):
        say(f"{count} of {len(devices)} devices used: --batch-size {batch_size} is no multiple of more")
    return devices[:count]


def _any_of(strategy: Any) -> Callable[[bool], bool]:
    import tensorflow as tf

    def agree(would: bool) -> bool:
        votes = strategy.run(lambda: tf.constant(float(would)))
        return bool(strategy.reduce(tf.distribute.ReduceOp.SUM, votes, axis=None) > 0)

    return agree


def _machines() -> list[str]:
    """The addresses of the machines that `TF_CONFIG` names; none if it is not set."""
    cluster = _tf_config().get("cluster", {})
    if not isinstance(cluster, dict) or not all(isinstance(machines, list) for machines in cluster.values()):
        raise UsageError(f"TF_CONFIG's cluster is {cluster!r}", AS_THE_GUIDE_SAYS)
    return [address for kind in ("chief", "worker") for address in cluster.get(kind, [])]


def _tf_config() -> dict[str, Any]:
    try:
        return dict(json.loads(os.environ.get("TF_CONFIG") or "{}"))
    except (ValueError, TypeError) as error:
        raise UsageError(f"TF_CONFIG is not JSON ({error})", AS_THE_GUIDE_SAYS) from error


def is_chief() -> bool:
    """Whether this is the machine that writes, of those that `TF_CONFIG` names; alone it is."""
    config = _tf_config() if keras.backend.backend() == "tensorflow" else {}
    if "task" not in config:
        return True
    try:
        task = config["task"]
        return bool(task["type"] == "chief" or ("chief" not in config["cluster"] and task["index"] == 0))
    except (KeyError, TypeError) as error:
        raise UsageError(f"TF_CONFIG does not say {error} of its task or cluster", AS_THE_GUIDE_SAYS) from error
