"""The first generator that `srresnet` was trained on from: made from the arrays of an earlier training run.

    python weights/convert.py ARRAYS.npz FOLDER_OF_PHOTOGRAPHS OUTPUT.keras

The arrays are copied, then the mean colour is put right (`centre.py`): the training left red and blue about 4 grey
levels low.
"""

import sys
from pathlib import Path

import numpy as np
from centre import centre_colours, crops

from srgan_cli.model import Generator


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


if __name__ == "__main__":
    made = generator_from(Path(sys.argv[1]))
    centre_colours(made, *crops(Path(sys.argv[2])))
    made.save(Path(sys.argv[3]))
