"""Two layers that compute what textbook layers do, with the same variables, in fewer or larger operations.

Between them, in bfloat16, the channels are in two parts. The last convolution's terms may cancel each other (in the
released weights they undo tanh piece by piece), so that rounding them would lose whole grey levels: the channels that
weigh most there are computed in float32. float16 rounds eight times as finely and needs no such part.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops

EXACT_SHARE = 4  # one in so many channels
CHANNELS_LAST = "channels_last"  # whatever the user's keras.json says


class Part(NamedTuple):
    """Channels that are computed in one dtype: their indices, or None for all."""

    dtype: str
    channels: np.ndarray | None = None

    def pick(self, array: Any, axis: int) -> Any:
        """These channels of an array."""
        return array if self.channels is None else ops.take(array, self.channels, axis)


def split_by_weight(last_kernel: np.ndarray, dtype: str) -> list[Part]:
    """Which channels before the last convolution (k, k, C, F) are computed in float32, and which in `dtype`."""
    if dtype != "bfloat16":
        return [Part(dtype)]
    by_weight = np.argsort(-np.abs(last_kernel).sum(axis=(0, 1, 3)))
    heavy, others = np.split(by_weight, [len(by_weight) // EXACT_SHARE])
    return [Part("float32", np.sort(heavy)), Part(dtype, np.sort(others))]


class UpsampleConv2D(layers.Layer):
    """Nearest-neighbour x2, then a 3x3 `same` convolution and a relu, in one layer with 2.25 times fewer products.

    The variable is the 3x3 kernel, so weights can be exchanged with `UpSampling2D` + `Conv2D`. Input (B, H, W, C),
    output (B, 2H, 2W, filters).

    Args:
        filters: Output channels.
        parts: If there are two, the output is a list of two tensors, each of these channels and dtype.
    """

    def __init__(self, filters: int, parts: list[Part] | None = None, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.filters, self.parts = filters, parts or [Part(self.compute_dtype)]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the 3x3 kernel (3, 3, C, filters) and the bias (filters,)."""
        self.kernel = self.add_weight(
            name="kernel", shape=(3, 3, input_shape[-1], self.filters), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        """Enlarge and convolve at once."""
        kernel = spread_kernel(self.kernel)
        outputs = []
        for part in self.parts:
            operands = (inputs, part.pick(kernel, -1), part.pick(self.bias, 0))
            outputs.append(_upsample_conv(*(ops.cast(operand, part.dtype) for operand in operands)))
        return outputs if len(outputs) > 1 else outputs[0]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """(B, H, W, C) -> (B, 2H, 2W, filters), or a list of these; an unknown side stays unknown."""
        batch, height, width, _ = input_shape
        widths = [self.filters if part.channels is None else len(part.channels) for part in self.parts]
        shapes = [(batch, height and 2 * height, width and 2 * width, filters) for filters in widths]
        return shapes if len(shapes) > 1 else shapes[0]

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__` but for the parts, which follow from the weights."""
        return {**super().get_config(), "filters": self.filters}


def spread_kernel(kernel: Any) -> Any:
    """(3, 3, C, F) for the enlarged picture -> (4, 4, C, F) from each small pixel to the 4x4 outputs that see it.

    Along one axis the enlarged picture repeats each pixel i, as outputs 2i and 2i + 1, so that a kernel (k0, k1, k2)
    takes it to output 2i - 1 by k2, to 2i by k1 + k2, to 2i + 1 by k0 + k1 and to 2i + 2 by k0.
    """

    def spread(taps: Any) -> Any:
        return ops.stack([taps[2], taps[1] + taps[2], taps[0] + taps[1], taps[0]])

    return ops.swapaxes(spread(ops.swapaxes(spread(kernel), 0, 1)), 0, 1)


def _upsample_conv(x: Any, kernel: Any, bias: Any) -> Any:
    """As `upsample_conv_by_phases`, in the form whose gradient the backend is fast at."""
    if keras.backend.backend() != "tensorflow":  # XLA takes minutes for the other's on a CPU
        return upsample_conv_by_phases(x, kernel, bias)
    return ops.relu(
        ops.conv_transpose(x, ops.transpose(kernel, (0, 1, 3, 2)), 2, padding="same", data_format=CHANNELS_LAST) + bias
    )


def upsample_conv_by_phases(x: Any, kernel: Any, bias: Any) -> Any:
    """(B, H, W, C), a kernel from `spread_kernel` and a bias (F,) -> (B, 2H, 2W, F), behind a relu.

    It is the transposed convolution of stride 2, done as four 2x2 convolutions, one for the outputs (2i + a, 2j + b) of
    each parity, which are interleaved: backends add bias and relu before they round to half precision.
    """
    x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    phases = []
    for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
        window, taps = x[:, a : a - 1 or None, b : b - 1 or None], kernel[3 - a :: -2, 3 - b :: -2]
        phases.append(ops.relu(ops.conv(window, taps, padding="valid", data_format=CHANNELS_LAST) + bias))
    return ops.depth_to_space(ops.concatenate(phases, axis=-1), 2, data_format=CHANNELS_LAST)


class RowConv2D(layers.Conv2D):
    """A `same` convolution with so few outputs that a matrix product would be slow; the variables are `Conv2D`'s.

    It is done as a convolution by one row of k taps to k times as many outputs, one set for each row of the kernel,
    which are then shifted into place and added up in float32. Twice as fast in training on a CPU for 9x9 and 3 outputs.

    Args:
        args: As `Conv2D`'s.
        parts: If there are two, the input is a list of two tensors, each of these channels and dtype.
        kwargs: As `Conv2D`'s.
    """

    def __init__(self, *args: Any, parts: list[Part] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, autocast=False, **kwargs)
        self.parts, self.input_spec = parts or [Part(self.compute_dtype)], None

    def build(self, input_shape: Any) -> None:
        """Create the kernel (k, k, C, filters) and the bias (filters,)."""
        shapes = input_shape if len(self.parts) > 1 else [input_shape]
        super().build((*shapes[0][:-1], sum(shape[-1] for shape in shapes)))
        self.input_spec = None  # it knows no lists

    def call(self, inputs: Any) -> Any:
        """(B, H, W, C) -> (B, H, W, filters), float32."""
        kernel, rows = row_kernel(self.kernel), 0.0
        for x, part in zip(inputs if len(self.parts) > 1 else [inputs], self.parts, strict=True):
            operands = (ops.cast(v, part.dtype) for v in (x, part.pick(kernel, 2)))
            of_part = ops.conv(*operands, padding="same", data_format=CHANNELS_LAST)
            rows += ops.cast(of_part, "float32")
        return add_rows(rows, self.filters) + self.bias

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(B, H, W, C), or a list of these, -> (B, H, W, filters)."""
        shape = input_shape if isinstance(input_shape[-1], int) else input_shape[0]
        return *shape[:-1], self.filters


def row_kernel(kernel: Any) -> Any:
    """(k, k, C, F) -> (1, k, C, k F): each row of the kernel becomes F output channels."""
    size, _, channels, filters = kernel.shape
    return ops.reshape(ops.transpose(kernel, (1, 2, 0, 3)), (1, size, channels, size * filters))


def add_rows(rows: Any, filters: int) -> Any:
    """(B, H, W, k filters) -> (B, H, W, filters): shift the k rows of a k-tap kernel into place and add them up."""
    size = rows.shape[-1] // filters
    height, reach = ops.shape(rows)[1], size // 2
    rows = ops.pad(rows, ((0, 0), (reach, reach), (0, 0), (0, 0)))
    return sum(part[:, row : row + height] for row, part in enumerate(ops.split(rows, size, axis=-1)))
