"""The first generator that `srresnet` was trained on from: made from the arrays of an earlier training run.

    python weights/convert.py ARRAYS.npz FOLDER_OF_PHOTOGRAPHS OUTPUT.keras

The arrays are copied, then the three biases of the last convolution are fitted, so that the mean colour of SR equals
that of HR over crops of the photographs: the training left red and blue about 4 grey levels low.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from srgan_cli import SCALE
from srgan_cli.fusion import FusedGenerator
from srgan_cli.images import to_tensor
from srgan_cli.model import Generator, save_generator

LR_SIDE, CROPS_PER_PHOTO, ROUNDS = 64, 2, 3


def generator_from(arrays: Path) -> Generator:
    """The generator of the arrays `convNN_kernel`, `convNN_bias`, `bnNN_gamma`, ... in the network's order."""
    numbers, generator = np.load(arrays), Generator()
    parts = {"conv": ("kernel", "bias"), "bn": ("gamma", "beta", "moving_mean", "moving_variance")}
    counts = dict.fromkeys(parts, 0)
    for layer in generator.layers:
        kind = {2: "conv", 4: "bn"}.get(len(layer.weights))
        if kind:
            layer.set_weights([numbers[f"{kind}{counts[kind]:02d}_{part}"] for part in parts[kind]])
            counts[kind] += 1
    return generator


def crops(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Random pairs LR (N, 64, 64, 3) and HR (N, 256, 256, 3) in [-1, 1]; LR by Pillow's antialiased bicubic."""
    rng, side = np.random.default_rng(0), SCALE * LR_SIDE
    lr, hr = [], []
    for path in sorted(folder.glob("*.jpg")):
        with Image.open(path) as file:
            photo = file.convert("RGB")
        for _ in range(CROPS_PER_PHOTO):
            left, top = (int(rng.integers(0, extent - side + 1)) for extent in photo.size)
            crop = photo.crop((left, top, left + side, top + side))
            hr.append(np.asarray(crop))
            lr.append(np.asarray(crop.resize((LR_SIDE, LR_SIDE), Image.Resampling.BICUBIC)))
    return to_tensor(np.stack(lr)), to_tensor(np.stack(hr))


def centre_colours(generator: Generator, lr: np.ndarray, hr: np.ndarray) -> None:
    """Newton's method for mean(SR) = mean(HR) in each colour, on the bias in front of the tanh."""
    last = generator.get_layer("last")
    for _ in range(ROUNDS):
        network = FusedGenerator(generator)
        sr = np.concatenate([network.predict_on_batch(lr[i : i + 4]) for i in range(0, len(lr), 4)])
        print("mean colour shift in grey levels:", ((sr - hr).mean(axis=(0, 1, 2)) * 127.5).round(2))
        last.bias.assign_add((hr - sr).mean(axis=(0, 1, 2)) / (1 - sr**2).mean(axis=(0, 1, 2)))


if __name__ == "__main__":
    made = generator_from(Path(sys.argv[1]))
    centre_colours(made, *crops(Path(sys.argv[2])))
    save_generator(made, Path(sys.argv[3]))
