"""How far a generator in mixed bfloat16, as in training, is from float32, and which of its parts bring it back.

    python bench/half_precision.py WEIGHTS.keras PICTURES

On twelve 192x192 HR crops, in grey levels. The parts named are kept in float32.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from srgan_cli.data import Pairs, Pictures
from srgan_cli.model import Generator, load_generator
from srgan_cli.options import DataOptions

PARTS = ("first", "add", "upsample2", "last", "upsample1")  # beginnings of layers' names; "add" ends them


def mixed(generator: Generator, kept: tuple[str, ...]) -> keras.Model:
    """The generator in mixed bfloat16 but for these parts."""

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        exact = any(layer.name.startswith(part) or layer.name.endswith(f"_{part}") for part in (*kept, "sr"))
        return layer.__class__.from_config({**layer.get_config(), "dtype": "float32" if exact else "mixed_bfloat16"})

    network = keras.models.clone_model(keras.Model(generator.inputs, generator.outputs), clone_function=clone)
    network.set_weights(generator.get_weights())
    return network


def main() -> None:
    """Print a line for each further part."""
    generator = load_generator(Path(sys.argv[1]))
    options = DataOptions(sys.argv[2], sampling="crop", hr_size=192, batch_size=4)
    pairs = Pairs(Pictures(options.data, 2**30), options, 0, 3)
    lr = np.concatenate([pairs[index][0] for index in range(3)])
    exact = generator.predict(lr, batch_size=4, verbose=0)
    for count in range(len(PARTS) + 1):
        error = 127.5 * (mixed(generator, PARTS[:count]).predict(lr, batch_size=4, verbose=0) - exact)
        means = error.mean(axis=(0, 1, 2)).round(2)
        print(f"float32: {', '.join(PARTS[:count]) or 'nothing'}: RMS {np.sqrt((error**2).mean()):.2f}, means {means}")


if __name__ == "__main__":
    main()
