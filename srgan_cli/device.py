"""Where the network runs, on how many devices, and in which precision."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from srgan_cli.errors import SrganError

CPU_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})  # x86 (two kinds) and Arm, as Linux names them


def choose_device(wanted: str) -> str:
    """A device in Keras's words, such as `gpu:0` or `cpu:0`.

    Args:
        wanted: `auto` (a GPU or other accelerator if there is one), `cpu` or `gpu`.

    Raises:
        SrganError: `gpu` is wanted and there is none.
    """
    accelerators = [name for name in keras.distribution.list_devices() if not name.startswith("cpu")]
    if wanted == "cpu" or (wanted == "auto" and not accelerators):
        return "cpu:0"
    if not accelerators:
        raise SrganError(
            f"there is no GPU that Keras's {keras.backend.backend()} backend can use",
            "leave out --device gpu, or install its GPU version (for TensorFlow: pip install 'tensorflow[and-cuda]')",
        )
    return accelerators[0].replace("cuda", "gpu")


def choose_precision(wanted: str, device: str) -> str:
    """`float32`, `bfloat16` or `float16`; `auto` is bfloat16 where the hardware computes in it faster, else float32."""
    if wanted != "auto":
        return wanted
    computes = _cpu_has_bfloat16() if device.startswith("cpu") else _gpu_has_bfloat16()
    return "bfloat16" if computes else "float32"


def _cpu_has_bfloat16() -> bool:
    if keras.backend.backend() != "tensorflow":  # XLA on a CPU computes bfloat16 by way of float32, more slowly
        return False
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:  # not Linux
        return False
    return not CPU_FLAGS.isdisjoint(text.split())


def _gpu_has_bfloat16() -> bool:
    """Whether the first GPU is of NVIDIA's Ampere generation (compute capability 8.0) or later."""
    if keras.backend.backend() == "jax":
        import jax

        capability = str(getattr(jax.devices()[0], "compute_capability", "0"))
        return float(capability) >= 8
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
        return bool(details.get("compute_capability", (0, 0)) >= (8, 0))
    return False


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is a backend's, or Python's, way to say so."""
    text = f"{type(error).__name__} {error}"
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in text or "ResourceExhausted" in text


@contextmanager
def replicated() -> Iterator[int]:
    """Train on everything there is: several GPUs of this machine, or the machines that `TF_CONFIG` names.

    Keras's own distribution does it; models made inside are copied to each replica, and every batch is divided.

    Yields:
        How many replicas share their gradients by themselves (TensorFlow's strategies); 1 otherwise.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        class Workers(tf.distribute.MultiWorkerMirroredStrategy):
            """Keras has it reduce pairs, and scalars along an axis, which it cannot by itself (Keras issue 20329)."""

            def reduce(self, reduce_op: Any, value: Any, axis: Any) -> Any:
                def reduce_tensor(part: Any) -> Any:
                    scalar = self.experimental_local_results(part)[0].shape.rank == 0
                    return super(Workers, self).reduce(reduce_op, part, None if scalar else axis)

                return tf.nest.map_structure(reduce_tensor, value)

        if "TF_CONFIG" in os.environ:
            strategy = Workers()
        elif len(tf.config.list_logical_devices("GPU")) > 1:
            strategy = tf.distribute.MirroredStrategy()
        else:
            strategy = tf.distribute.get_strategy()
        with strategy.scope():
            yield strategy.num_replicas_in_sync
    else:
        if len(keras.distribution.list_devices()) > 1:
            keras.distribution.set_distribution(keras.distribution.DataParallel())
        yield 1


def is_chief() -> bool:
    """Whether this is the machine that writes, of those that `TF_CONFIG` names; alone it is."""
    config = json.loads(os.environ.get("TF_CONFIG", "{}"))
    if "task" not in config:
        return True
    task = config["task"]
    return bool(task["type"] == "chief" or ("chief" not in config["cluster"] and task["index"] == 0))
