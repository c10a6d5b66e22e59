"""How fast the generator's last layers, most of its work, train in several forms: on a GPU with KERAS_BACKEND=jax.

    python bench/tail.py [BATCH [LR_SIDE]]

Both upsamplings and the last convolution, forward and backward, in bfloat16. An upsampling is four 2x2 convolutions
that are interleaved (`phases`), a transposed convolution, or a convolution of the enlarged picture; the last
convolution is done by rows or plainly; a quarter of the channels before it is in float32 or not
(`srgan_cli/layers.py`).
"""

import sys
import time
from collections.abc import Callable
from itertools import product
from statistics import median
from typing import Any

import jax
import numpy as np
from keras import ops

from srgan_cli.layers import EXACT_SHARE, add_rows, row_kernel, spread_kernel, upsample_conv_by_phases

CHANNELS, ROUNDS, STEPS = 256, 3, 10
DEFAULTS = (64, 48)
Form = Callable[[Any, Any, Any], Any]  # (x, 3x3 kernel, bias) -> twice as large, behind a relu


def phases(x: Any, kernel: Any, bias: Any) -> Any:
    """Four 2x2 convolutions."""
    return upsample_conv_by_phases(x, spread_kernel(kernel), bias)


def transpose(x: Any, kernel: Any, bias: Any) -> Any:
    """One transposed convolution."""
    spread = ops.transpose(spread_kernel(kernel), (0, 1, 3, 2))
    return ops.relu(ops.conv_transpose(x, spread, strides=2, padding="same") + bias)


def nearest(x: Any, kernel: Any, bias: Any) -> Any:
    """The textbook's, with 2.25 times as many products."""
    enlarged = ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)
    return ops.relu(ops.conv(enlarged, kernel, padding="same") + bias)


def by_rows(x: Any, kernel: Any) -> Any:
    """The last convolution as `RowConv2D` does it."""
    return add_rows(ops.cast(ops.conv(x, row_kernel(kernel), padding="same"), "float32"), 3)


def plainly(x: Any, kernel: Any) -> Any:
    """The last convolution as it is written."""
    return ops.cast(ops.conv(x, kernel, padding="same"), "float32")


def training_step(form: Form, last: Callable[[Any, Any], Any], exact: int) -> Callable[..., Any]:
    """Loss and gradients of (variables, x, hr), the first so many channels before the last convolution in float32."""

    def loss(variables: list[Any], x: Any, hr: Any) -> Any:
        k1, b1, k2, b2, k3 = variables
        half, total = "bfloat16", 0.0
        x = form(*(ops.cast(v, half) for v in (x, k1, b1)))
        for dtype, part in (("float32", slice(0, exact)), (half, slice(exact, CHANNELS))):
            if part.start < part.stop:
                y = form(*(ops.cast(v, dtype) for v in (x, k2[..., part], b2[part])))
                total += last(y, ops.cast(k3[:, :, part], dtype))
        return ops.mean(ops.absolute(ops.tanh(total) - hr))

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))


def main() -> None:
    """Print each form's seconds to compile, and milliseconds and crops a second of a step."""
    given = [int(number) for number in sys.argv[1:]]
    batch, side = (*given, *DEFAULTS[len(given) :])
    rng = np.random.default_rng(0)
    shapes = [(3, 3, 64, CHANNELS), (CHANNELS,), (3, 3, CHANNELS, CHANNELS), (CHANNELS,), (9, 9, CHANNELS, 3)]
    variables = [jax.numpy.asarray(rng.normal(0, 0.02, shape), "float32") for shape in shapes]
    x, hr = (jax.numpy.asarray(rng.normal(0, 1, (batch, s, s, c)), "float32") for s, c in ((side, 64), (4 * side, 3)))
    print(jax.devices()[0].device_kind)
    for form, last, exact in product((phases, transpose, nearest), (by_rows, plainly), (0, CHANNELS // EXACT_SHARE)):
        step = training_step(form, last, exact)
        seconds = []
        for count in (1, *(STEPS,) * ROUNDS):
            started = time.perf_counter()
            for _ in range(count):
                result = step(variables, x, hr)
            float(result[0])
            seconds.append((time.perf_counter() - started) / count)
        typical = median(seconds[1:])
        name = f"{form.__name__}, {last.__name__}, {exact} channels in float32"
        print(f"{name}: compiled in {seconds[0]:.1f} s, {1e3 * typical:.1f} ms, {batch / typical:.0f} crops/s")


if __name__ == "__main__":
    main()
