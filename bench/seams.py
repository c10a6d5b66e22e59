"""The largest difference between a picture enlarged patch by patch and as a whole, by halo.

    python bench/seams.py PICTURE...

Windows of a single patch, the most seams there can be; float32. Differences are of the network's output in grey levels
of 8 bits, before rounding. At the receptive radius what is left is float noise.
"""

import os
import sys
from itertools import product
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from srgan_cli import SCALE, tiling
from srgan_cli.images import read_picture, to_tensor
from srgan_cli.upscaling import DEFAULT_TILE, Options, Upscaler


def main() -> None:
    """Print a line for each picture and halo."""
    upscaler = Upscaler(Options(precision="float32"))
    radius = upscaler.config.receptive_radius

    def network(windows: np.ndarray) -> np.ndarray:
        return upscaler.run_network(to_tensor(windows))

    for name in sys.argv[1:]:
        colour = read_picture(Path(name)).colour
        lr = np.broadcast_to(colour, (*colour.shape[:2], 3))
        whole = network(lr[None])[0]
        for halo in (0, 2, 4, 6, 8, 10, 12, 16, 24, radius):
            rows, columns = (tiling.split_axis(size, DEFAULT_TILE, halo, patches=1) for size in lr.shape[:2])
            plan = tiling.Tiling(list(product(rows, columns)), batch=4)
            tiled = tiling.run_tiled(network, lr, plan, SCALE)
            print(
                f"{Path(name).name} {lr.shape[1]}x{lr.shape[0]} halo {halo}: {np.abs(tiled - whole).max() * 127.5:.4f}"
            )


if __name__ == "__main__":
    main()
