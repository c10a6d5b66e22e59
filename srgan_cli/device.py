"""Where the network runs, and in which precision."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.options import BACKENDS, CHOOSE_BACKEND

if keras.backend.backend() not in BACKENDS:  # by its keras.json
    raise UsageError(f"Keras's backend is {keras.backend.backend()}", CHOOSE_BACKEND)
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
            'leave out --device gpu, or install its GPU version (for TensorFlow: pip install "tensorflow[and-cuda]")',
        )
    return accelerators[0].replace("cuda", "gpu")


def choose_precision(wanted: str, device: str) -> str:
    """`float32`, `bfloat16` or `float16`; `auto` is what the hardware computes in fastest.

    On a GPU that is float16, which rounds eight times as finely as bfloat16 and needs no part in float32.
    """
    if wanted != "auto":
        return wanted
    if device.startswith("cpu"):
        return "bfloat16" if _cpu_has_bfloat16() else "float32"
    return "float16" if _gpu_has_float16() else "float32"


def _cpu_has_bfloat16() -> bool:
    if keras.backend.backend() != "tensorflow":  # XLA on a CPU computes bfloat16 by way of float32, more slowly
        return False
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:  # not Linux
        return False
    return not CPU_FLAGS.isdisjoint(text.split())


def _gpu_has_float16() -> bool:
    """Whether the first GPU is of NVIDIA's Volta generation (compute capability 7.0) or later."""
    if keras.backend.backend() == "jax":
        import jax

        capability = str(getattr(jax.devices()[0], "compute_capability", "0"))  # of an AMD GPU it is a name
        return capability[:1].isdecimal() and float(capability) >= 7
    import tensorflow as tf

    details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
    return bool(details.get("compute_capability", (0, 0)) >= (7, 0))


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Layers made meanwhile compute in `float32`, `bfloat16` or `float16`; their variables are float32.

    Whatever the user's `keras.json` says, channels are their last dimension, and inputs and metrics are float32.
    """
    before, order, floats = keras.config.dtype_policy(), keras.config.image_data_format(), keras.config.floatx()
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(precision if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
        keras.config.set_image_data_format(order)
        keras.config.set_floatx(floats)
