"""Two layers that compute what textbook layers do, with the same variables, in fewer or larger operations."""

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("srgan")
class UpsampleConv2D(layers.Layer):
    """Nearest-neighbour x2, then a 3x3 `same` convolution and a relu, in one layer with 2.25 times fewer products.

    Along one axis the enlarged picture repeats each pixel, so a 3-tap kernel (k0, k1, k2) there sees only two
    different pixels: (k0, k1 + k2) for the even outputs and (k0 + k1, k2) for the odd ones. In two dimensions the
    four combinations are four 2x2 kernels on the small picture, whose outputs interleave. The variable is the 3x3
    kernel, so weights can be exchanged with `UpSampling2D` + `Conv2D`.

    Input (B, H, W, C), output (B, 2H, 2W, filters).
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the 3x3 kernel (3, 3, C, filters) and the bias (filters,)."""
        self.kernel = self.add_weight(
            name="kernel", shape=(3, 3, input_shape[-1], self.filters), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        """Convolve once with the four 2x2 kernels side by side, then interleave."""
        kernel = phase_kernels(ops.cast(self.kernel, self.compute_dtype))
        phases = ops.conv(ops.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0))), kernel, padding="valid")
        phases = phases + ops.tile(ops.cast(self.bias, self.compute_dtype), 4)
        return ops.relu(interleave(phases))  # relu last: then one tensor is kept for the gradient, not two

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, H, W, C) -> (B, 2H, 2W, filters); an unknown side stays unknown."""
        batch, height, width, _ = input_shape
        return batch, height and 2 * height, width and 2 * width, self.filters

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "filters": self.filters}


def phase_kernels(kernel: Any) -> Any:
    """The 3x3 kernel (3, 3, C, F) as its four 2x2 phase kernels (2, 2, C, 4 F), in the order of `interleave`."""

    def halves(taps: Any) -> tuple[Any, Any]:
        return ops.stack([taps[0], taps[1] + taps[2]]), ops.stack([taps[0] + taps[1], taps[2]])

    phases = []
    for rows in halves(kernel):
        for columns in halves(ops.swapaxes(rows, 0, 1)):
            phases.append(ops.swapaxes(columns, 0, 1))
    return ops.concatenate(phases, axis=-1)


def interleave(phases: Any) -> Any:
    """(B, H + 1, W + 1, 4 F) phases of the padded picture -> (B, 2H, 2W, F).

    Output (2i + a, 2j + b) is phase (a, b) at (i + a, j + b): the odd outputs lie behind their pixel, so their 2x2
    kernel starts one pixel later.
    """
    # Split before slicing: the gradient of a slice is as large as what was sliced.
    parts = zip(((0, 0), (0, 1), (1, 0), (1, 1)), ops.split(phases, 4, axis=-1), strict=True)
    corners = [phase[:, a : a - 1 or None, b : b - 1 or None] for (a, b), phase in parts]
    return ops.depth_to_space(ops.concatenate(corners, axis=-1), 2, data_format="channels_last")


@keras.saving.register_keras_serializable("srgan")
class RowConv2D(layers.Conv2D):
    """A `same` convolution with so few outputs that a matrix product would be slow; the variables are `Conv2D`'s.

    It is done as a convolution by one row of k taps to k times as many outputs, one set for each row of the kernel,
    which are then shifted into place and added up in float32. Twice as fast in training on a CPU for 9x9 and 3 outputs.
    """

    def call(self, inputs: Any) -> Any:
        """(B, H, W, C) -> (B, H, W, filters), float32."""
        rows = ops.conv(inputs, row_kernel(self.kernel), padding="same")
        return add_rows(ops.cast(rows, "float32"), self.filters) + ops.cast(self.bias, "float32")


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
