"""LPIPS v0.1: how differently two pictures look, by the features of a SqueezeNet 1.1 trained on ImageNet.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018
(https://arxiv.org/abs/1801.03924): the authors' linear heads over torchvision's network, run in Keras.
"""

import io
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, layers, ops

from srgan_cli.device import choose_device, computing_in
from srgan_cli.errors import networks_errors, weights_errors
from srgan_cli.pictures.picture import to_tensor

SHIFT, SCALING = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
FIRES = (3, 4, 6, 7, 9, 10, 11, 12)  # numbered as torchvision's `features`
POOLED_BEFORE = (3, 6, 9)
TAPPED_AFTER = (4, 7, 9, 10, 11, 12)
ROWS = 64  # of features, compared at once
LEAST_SIDE = 17  # so that something is left behind the third pooling


class Lpips:
    """The distance of two pictures.

    Args:
        weights: An `.npz` of `features.*` as torchvision names them, kernels (out, in, kh, kw), and `lin0` to `lin6`.
        device: Where to compute: `auto`, `cpu` or `gpu`.

    Raises:
        SrganError: The file is missing or not these weights, or the device is not there.
    """

    def __init__(self, weights: Path, device: str = "auto") -> None:
        self._device = choose_device(device)
        with keras.device(self._device), computing_in("float32"):
            self._segments = _build_segments()
        with weights_errors(weights, "LPIPS with SqueezeNet", "install srgan again, or add --no-lpips"):
            arrays = np.load(io.BytesIO(weights.read_bytes()), allow_pickle=False)  # it leaves what is damaged open
            for layer in (layer for segment in self._segments for layer in segment.layers):
                if layer.weights:
                    kernel, bias = (arrays[f"{layer.name}.{part}"].astype("float32") for part in ("weight", "bias"))
                    layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])
            self._heads = [arrays[f"lin{n}.model.1.weight"].reshape(-1) for n in range(1 + len(TAPPED_AFTER))]

    def __call__(self, a: np.ndarray, b: np.ndarray) -> float:
        """0 for equal pictures, about 1 for unrelated ones.

        Args:
            a: (H, W, 1 or 3) uint8, grey or RGB.
            b: Of the same height and width.

        Raises:
            SrganError: The network fails.
            ValueError: The sizes differ, or a side is under 17 pixels.
        """
        if a.shape[:2] != b.shape[:2] or min(a.shape[:2]) < LEAST_SIDE:
            raise ValueError(f"cannot compare shapes {a.shape} and {b.shape}, at least {LEAST_SIDE} pixels a side")
        distance = 0.0
        with networks_errors(), keras.device(self._device):
            x, y = _scaled(a), _scaled(b)
            for segment, head in zip(self._segments, self._heads, strict=True):  # no more is kept than the present ones
                x, y = segment(x), segment(y)
                distance += _mean_distance(x[0], y[0], head)
        return distance


def _scaled(picture: np.ndarray) -> np.ndarray:
    """(H, W, 1 or 3) uint8 -> RGB (1, H, W, 3) as the network has learned it."""
    rgb = np.broadcast_to(to_tensor(picture), (*picture.shape[:2], 3))
    return ((rgb - np.array(SHIFT, np.float32)) / np.array(SCALING, np.float32))[None]


def _mean_distance(x: Any, y: Any, head: np.ndarray) -> float:
    """The paper's equation 1 for one layer's features, (h, w, C) each; some rows at a time, to save memory."""
    height, width = x.shape[:2]
    sums = (
        ops.sum(ops.square(_unit_length(x[row : row + ROWS]) - _unit_length(y[row : row + ROWS])) * head)
        for row in range(0, height, ROWS)
    )
    return sum(map(float, sums)) / (height * width)


def _unit_length(features: Any) -> Any:
    return features / (ops.sqrt(ops.sum(ops.square(features), axis=-1, keepdims=True)) + 1e-10)


def _build_segments() -> list[keras.Model]:
    """Scaled RGB (B, H, W, 3) -> the first features that are compared -> the next -> ... the seventh."""
    before = keras.Input((None, None, 3))
    x = layers.Conv2D(64, 3, strides=2, activation="relu", name="features.0")(before)
    segments = [keras.Model(before, x)]
    before = x = keras.Input(x.shape[1:])
    for number in FIRES:
        if number in POOLED_BEFORE:
            # Pooling with "ceil mode": a last window may reach over the edge. Behind a relu, zeros change no maximum.
            x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))
        x = _fire(x, number)
        if number in TAPPED_AFTER:
            segments.append(keras.Model(before, x))
            before = x = keras.Input(x.shape[1:])
    return segments


def _fire(x: KerasTensor, number: int) -> KerasTensor:
    """Squeeze to s channels, expand to 4 s by 1x1 and 4 s by 3x3; SqueezeNet's block, its sizes read off its number."""
    name, squeezed = f"features.{number}", 16 * (1 + FIRES.index(number) // 2)
    x = layers.Conv2D(squeezed, 1, activation="relu", name=f"{name}.squeeze")(x)
    expanded = [
        layers.Conv2D(4 * squeezed, size, padding="same", activation="relu", name=f"{name}.expand{size}x{size}")(x)
        for size in (1, 3)
    ]
    return layers.Concatenate()(expanded)
