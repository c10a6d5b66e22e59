"""The fused generator against the textbook network's `predict_on_batch`, on one batch of 64x64 patches.

    python bench/fusion.py [PICTURE]

The textbook network is built here from `UpSampling2D` and `Conv2D` and given the released weights. The candidates take
turns (A B C, A B C, ...); printed are medians, ratios and the largest and RMS differences in 8-bit grey levels.
"""

import os
import sys
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

from srgan_cli.model import Generator, load_generator
from srgan_cli.pictures.images import read_picture
from srgan_cli.pictures.picture import to_tensor
from srgan_cli.released import find_weights
from srgan_cli.upscaling.fusion import FusedGenerator
from srgan_cli.upscaling.upscaler import PIXEL_MODEL

PATCH, BATCH, ROUNDS = 64, 16, 5


def textbook(generator: Generator) -> keras.Model:
    """The same network from Keras's own layers only, with the same weights."""
    x = inputs = keras.Input((None, None, 3))
    x = first = layers.Conv2D(64, 9, padding="same", activation="relu")(x)
    for _ in range(16):
        y = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
        y = layers.Conv2D(64, 3, padding="same")(layers.BatchNormalization()(y))
        x = layers.Add()([x, layers.BatchNormalization()(y)])
    x = layers.BatchNormalization()(layers.Conv2D(64, 3, padding="same")(x))
    x = layers.Add()([first, x])
    for _ in range(2):
        x = layers.Conv2D(256, 3, padding="same", activation="relu")(layers.UpSampling2D(2)(x))
    model = keras.Model(inputs, layers.Conv2D(3, 9, padding="same", activation="tanh")(x))
    model.set_weights(generator.get_weights())
    return model


def patches(path: Path) -> np.ndarray:
    """`BATCH` patches (PATCH, PATCH, 3) from random places of a picture, float32 in [-1, 1]."""
    picture = to_tensor(read_picture(path).colour)
    rng = np.random.default_rng(0)
    corners = rng.integers(0, np.array(picture.shape[:2]) - PATCH, (BATCH, 2))
    return np.stack([picture[y : y + PATCH, x : x + PATCH] for y, x in corners])


def main() -> None:
    """Time all three in turns and compare their outputs."""
    lr = patches(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1] / "examples" / "flower.png")
    generator = load_generator(find_weights(PIXEL_MODEL))
    models = {"textbook": textbook(generator)}
    models |= {f"fused {dtype}": FusedGenerator(generator, dtype) for dtype in ("float32", "bfloat16")}
    outputs = {name: model.predict_on_batch(lr) for name, model in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(ROUNDS):
        for name, model in models.items():
            started = time.perf_counter()
            model.predict_on_batch(lr)
            seconds[name].append(time.perf_counter() - started)
    for name, output in outputs.items():
        difference = (output - outputs["textbook"]) * 127.5
        ratio = median(seconds["textbook"]) / median(seconds[name])
        rms = np.sqrt(np.mean(difference**2))
        print(
            f"{name} ({keras.backend.backend()}): median {median(seconds[name]):.2f} s of {ROUNDS}, {ratio:.2f} times "
            f"as fast, largest difference {np.abs(difference).max():.4f}, RMS {rms:.4f} grey levels"
        )


if __name__ == "__main__":
    main()
