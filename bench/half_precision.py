"""How far generators in half precision are from float32: bfloat16 by how much of the tail is exact, and float16.

    python bench/half_precision.py WEIGHTS.keras PICTURES

On twelve 192x192 HR crops, in grey levels. TensorFlow on a CPU takes minutes for float16; JAX does not.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from srgan_cli import layers
from srgan_cli.device import computing_in
from srgan_cli.model import Generator, load_generator
from srgan_cli.training.batches import Batches
from srgan_cli.training.data import Pictures
from srgan_cli.training.options import TrainOptions
from srgan_cli.upscaling.fusion import FusedGenerator

SHARES = (256, 16, 8, 4, 2)  # one in so many channels is in float32


def mixed(generator: Generator, dtype: str) -> Generator:
    """The generator as it is trained in mixed precision."""
    with computing_in(dtype):
        copy = Generator(generator.settings)
    copy.set_weights(generator.get_weights())
    copy.split_tail()
    return copy


def main() -> None:
    """Print a line for each share and form."""
    generator = load_generator(Path(sys.argv[1]))
    options = TrainOptions(sys.argv[2], sampling="crop", hr_size=192, batch_size=4)
    batches = Batches(Pictures(options.data, 2**30), options, as_floats=True)
    lr = np.concatenate([batches[index][0] for index in range(3)])
    exact = generator.predict(lr, batch_size=4, verbose=0)
    for dtype, share in (*(("bfloat16", share) for share in SHARES), ("float16", 1)):
        layers.EXACT_SHARE = share
        forms: dict[str, keras.Model] = {
            "training": mixed(generator, dtype),
            "upscaling": FusedGenerator(generator, dtype),
        }
        for form, network in forms.items():
            error = 127.5 * (network.predict(lr, batch_size=4, verbose=0) - exact)
            rms, means = np.sqrt((error**2).mean()), error.mean(axis=(0, 1, 2)).round(2)
            part = f", 1 in {share} channels in float32" if dtype == "bfloat16" else ""
            print(f"{dtype}{part}, {form}: RMS {rms:.2f}, means {means}", flush=True)


if __name__ == "__main__":
    main()
