"""A trained generator without colour shift: the three biases of its last convolution are fitted.

    python weights/centre.py GENERATOR.keras FOLDER_OF_PHOTOGRAPHS OUTPUT.keras

Afterwards the mean colour of SR equals that of HR over crops of the photographs. Losses of features hardly see it.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from srgan_cli import SCALE
from srgan_cli.model import Generator, load_generator
from srgan_cli.pictures.picture import to_tensor
from srgan_cli.upscaling.fusion import FusedGenerator

LR_SIDE, CROPS_PER_PHOTO, ROUNDS = 64, 2, 2


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
    trained = load_generator(Path(sys.argv[1]))
    centre_colours(trained, *crops(Path(sys.argv[2])))
    trained.save(Path(sys.argv[3]))
