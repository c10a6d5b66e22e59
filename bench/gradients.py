"""How strongly each part of the perceptual loss pulls at SR: the length of its gradient, at the released weights.

    python bench/gradients.py MODEL PHOTOGRAPHS VGG_WEIGHTS [DISCRIMINATOR.keras]

Eight random crops of 128x128 HR pixels; the discriminator is a new one if none is given. TensorFlow only. From the
numbers follow weights for `--adversarial-weight`, `--pixel-weight` and `--colour-weight` with which a part counts.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
from keras import ops

from srgan_cli import SCALE
from srgan_cli.model import build_discriminator, load_discriminator, load_generator
from srgan_cli.released import find_weights
from srgan_cli.training.batches import Batches
from srgan_cli.training.data import Pictures
from srgan_cli.training.losses import content_loss
from srgan_cli.training.options import TrainOptions


def main() -> None:
    """Print a line for each part."""
    model, photographs, vgg, *trained = sys.argv[1:]
    options = TrainOptions(data=photographs, sampling="crop", hr_size=128, batch_size=8, vgg_weights=vgg)
    lr, hr = Batches(Pictures(options.data, 2**30), options, as_floats=True)[0]
    start = tf.constant(load_generator(find_weights(model))(lr, training=False))
    contents = {name: content_loss(replace(options, content_loss=name)) for name in ("vgg", "cosine")}
    discriminator = build_discriminator()
    if trained:
        load_discriminator(discriminator, Path(trained[0]))
    parts: dict[str, Callable[[Any], Any]] = {
        f"content, {options.vgg_layer}": lambda sr: contents["vgg"](hr, sr),
        "content, cosine": lambda sr: contents["cosine"](hr, sr),
        "adversarial": lambda sr: -ops.mean(ops.log(discriminator(sr, training=True) + 1e-7)),
        "pixels' mean absolute error": lambda sr: ops.mean(ops.absolute(hr - sr)),
        "the same of 4x4 pixels": lambda sr: ops.mean(ops.absolute(ops.average_pool(hr - sr, SCALE, SCALE))),
    }
    for name, part in parts.items():
        with tf.GradientTape() as tape:
            tape.watch(start)
            value = part(start)
        gradient = tf.norm(tape.gradient(value, start))
        print(f"{name}: {float(value):.4g}, gradient {float(gradient):.4g}")


if __name__ == "__main__":
    main()
