"""A trained generator -> the same function in fewer and larger operations, for inference only.

Three rewrites, all exact up to rounding, also at the zero-padded border:

1. Batch norms are folded into convolutions. The one behind a relu is y = s relu(c) + t. With |s| folded into c it is
   sign(s) (relu(c') + sign(s) t), and relu(c') + u = max(c' + u, u): the sign goes into the next kernel, u into the
   bias and a maximum. The shift itself cannot go into the next bias, because the zero padding comes after it.
2. Nearest-neighbour upsampling and its convolution are four 2x2 convolutions (`layers.UpsampleConv2D`), their kernels
   added up once instead of at every call.
3. The last convolution's rows (`layers.RowConv2D`) are laid side by side once, too.

In half precision what `Generator` leaves in float32 stays float32.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from srgan_cli import SCALE
from srgan_cli.layers import (
    CHANNELS_LAST,
    add_rows,
    row_kernel,
    split_by_weight,
    spread_kernel,
    upsample_conv_by_phases,
)
from srgan_cli.model import UPSAMPLINGS, Generator
from srgan_cli.upscaling import tiling

PART_BYTES = 2**30  # that the last layers of a network may take at once, where they are given parts
Convolution = tuple[np.ndarray, np.ndarray]  # kernel (kh, kw, in, out), bias (out,)


class FusedGenerator(keras.Model):
    """LR (B, H, W, 3) -> SR (B, 4 H, 4 W, 3) as the generator it is made from; any H and W, float32 in and out.

    Args:
        generator: A trained generator; its present numbers are copied.
        dtype: `float32`, `bfloat16` or `float16`: what most of the convolutions compute in.
    """

    def __init__(self, generator: Generator, dtype: str = "float32") -> None:
        super().__init__(trainable=False, dtype="float32")  # whatever the caller has told Keras
        self._trunk, self._tail = Trunk(generator, dtype), Tail(generator, dtype)
        self._reach = generator.settings.tail_radius
        # The widest moment is behind the last upsampling: 4 filters channels at full size, held about three times.
        self.bytes_per_pixel = 3 * 4 * generator.settings.filters * SCALE**2 * (4 if dtype == "float32" else 2)
        self.built = True

    def call(self, lr: Any) -> Any:
        """The generator, in the order of the paper's Figure 4."""
        return self._tail(self._trunk(lr))

    def predict_by_parts(self, lr: np.ndarray, on_pixels: Callable[[int], None]) -> np.ndarray:
        """As `predict_on_batch`, but in far less memory where LR is large.

        The last layers, which take nearly all the memory and four fifths of the time, but see no further than two
        pixels, are given one part after the other. `on_pixels` is told how many LR pixels each of these finished.
        """
        most, (count, height, width, channels) = PART_BYTES // self.bytes_per_pixel, lr.shape
        if count * height * width <= most:
            return np.asarray(self.predict_on_batch(lr))
        if count > 1:
            return np.concatenate([self.predict_by_parts(each[None], on_pixels) for each in lr])
        features = self._trunk.predict_on_batch(lr)
        sr = np.empty((1, SCALE * height, SCALE * width, channels), np.float32)
        for rows, columns in tiling.plan(height, width, 1, self._reach, most).windows:
            part = self._tail.predict_on_batch(features[:, rows.read, columns.read])
            sr[:, rows.place(SCALE), columns.place(SCALE)] = part[:, rows.keep(SCALE), columns.keep(SCALE)]
            on_pixels(tiling.pixels_in(rows, columns))
        return sr


class Trunk(keras.Model):
    """LR (B, H, W, 3) -> features (B, H, W, filters) as large: all that comes before the first upsampling."""

    def __init__(self, generator: Generator, dtype: str) -> None:
        super().__init__(trainable=False, dtype="float32")
        layer = generator.get_layer
        self.first = _freeze("float32", *_convolution(layer("first")))
        self.blocks = []
        for block in range(1, generator.settings.residual_blocks + 1):
            conv1, conv2 = (_convolution(layer(f"block{block}_conv{n}")) for n in (1, 2))
            norm1, norm2 = (_scale_and_shift(layer(f"block{block}_norm{n}")) for n in (1, 2))
            conv1, floor, conv2 = _fold_behind_relu(conv1, norm1, conv2)
            self.blocks.append(_freeze(dtype, *conv1, floor, *_fold(conv2, norm2)))
        self.last = _freeze(dtype, *_fold(_convolution(layer("trunk_conv")), _scale_and_shift(layer("trunk_norm"))))
        self.built = True

    def call(self, lr: Any) -> Any:
        """The residual blocks, added up, and what they began with."""
        x = first = ops.relu(_conv(lr, *self.first))
        for kernel1, bias1, floor, kernel2, bias2 in self.blocks:
            x = x + ops.cast(_conv(ops.maximum(_conv(x, kernel1, bias1), floor), kernel2, bias2), "float32")
        return first + ops.cast(_conv(x, *self.last), "float32")


class Tail(keras.Model):
    """Features (B, H, W, filters) -> SR (B, 4 H, 4 W, 3)."""

    def __init__(self, generator: Generator, dtype: str) -> None:
        super().__init__(trainable=False, dtype="float32")
        layer = generator.get_layer
        *steps, widest = (_convolution(layer(f"upsample{step + 1}")) for step in range(UPSAMPLINGS))
        self.upsamplings = [_freeze(dtype, *_spread(*step)) for step in steps]
        kernel, bias = _convolution(layer("last"))
        self.parts = [
            _freeze(
                part.dtype,
                *_spread(part.pick(widest[0], -1), part.pick(widest[1], 0)),
                ops.convert_to_numpy(row_kernel(part.pick(kernel, 2))),
            )
            for part in split_by_weight(kernel, dtype)
        ]
        (self.last_bias,) = _freeze("float32", bias)
        self.built = True

    def call(self, x: Any) -> Any:
        """The upsampling steps and the last convolution."""
        for kernel, bias in self.upsamplings:
            x = _upsample(x, kernel, bias)
        rows = [
            ops.conv(_upsample(x, kernel, bias), last, padding="same", data_format=CHANNELS_LAST)
            for kernel, bias, last in self.parts
        ]
        return ops.tanh(add_rows(sum(ops.cast(of_part, "float32") for of_part in rows), 3) + self.last_bias)


def _freeze(dtype: str, *arrays: np.ndarray) -> tuple[keras.Variable, ...]:
    return tuple(keras.Variable(array, dtype=dtype, trainable=False) for array in arrays)


def _conv(x: Any, kernel: Any, bias: Any) -> Any:
    return ops.conv(ops.cast(x, kernel.dtype), kernel, padding="same", data_format=CHANNELS_LAST) + bias


def _upsample(x: Any, kernel: Any, bias: Any) -> Any:
    return upsample_conv_by_phases(ops.cast(x, kernel.dtype), kernel, bias)


def _spread(kernel: np.ndarray, bias: np.ndarray) -> Convolution:
    return ops.convert_to_numpy(spread_kernel(kernel)), bias


def _convolution(layer: layers.Layer) -> Convolution:
    return ops.convert_to_numpy(layer.kernel), ops.convert_to_numpy(layer.bias)


def _scale_and_shift(norm: layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """What the batch norm does with its moving statistics: scale (C,) and shift (C,)."""
    gamma, beta, mean, variance = (
        ops.convert_to_numpy(v) for v in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return scale, beta - mean * scale


def _fold(convolution: Convolution, norm: tuple[np.ndarray, np.ndarray]) -> Convolution:
    """The convolution followed by the batch norm, as one convolution."""
    (kernel, bias), (scale, shift) = convolution, norm
    return kernel * scale, bias * scale + shift


def _fold_behind_relu(
    before: Convolution, norm: tuple[np.ndarray, np.ndarray], after: Convolution
) -> tuple[Convolution, np.ndarray, Convolution]:
    """Convolution, relu, batch norm, convolution -> convolution, maximum with `floor`, convolution."""
    scale, shift = norm
    sign = np.where(scale < 0, -1.0, 1.0).astype(scale.dtype)
    floor = sign * shift
    kernel, bias = _fold(before, (np.abs(scale), floor))
    return (kernel, bias), floor, (after[0] * sign[:, None], after[1])
