"""The largest difference between a picture enlarged patch by patch and as a whole, by halo.

    python bench/seams.py MODEL PICTURE...

Windows of a single patch, the most seams there can be; float32. Differences are of the network's output in grey levels
of 8 bits, before rounding. At the receptive radius what is left is float noise.
"""

import os
import sys
from collections import defaultdict
from itertools import product
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from srgan_cli import DEFAULT_TILE, SCALE
from srgan_cli.pictures.images import read_picture
from srgan_cli.pictures.picture import to_tensor
from srgan_cli.upscaling import tiling
from srgan_cli.upscaling.upscaler import Options, Upscaler


def main() -> None:
    """Print a line for each picture and halo, and the largest difference at each halo."""
    upscaler = Upscaler(Options(sys.argv[1], precision="float32"))
    radius, network = upscaler.colour.receptive_radius, upscaler.colour.run_network

    largest: dict[int, float] = defaultdict(float)
    for name in sys.argv[2:]:
        colour = read_picture(Path(name)).colour
        lr = to_tensor(np.broadcast_to(colour, (*colour.shape[:2], 3)))
        whole = network(lr[None])[0]
        for halo in (0, 4, 6, 8, 10, 12, 16, radius):
            rows, columns = (tiling.split_axis(size, DEFAULT_TILE, halo, patches=1) for size in lr.shape[:2])
            plan = tiling.Tiling(list(product(rows, columns)), batch=4)
            tiled = tiling.run_tiled(network, lr, plan, SCALE)
            difference = float(np.abs(tiled - whole).max() * 127.5)
            largest[halo] = max(largest[halo], difference)
            print(f"{Path(name).name} {lr.shape[1]}x{lr.shape[0]} halo {halo}: {difference:.4f}", flush=True)
    for halo, difference in largest.items():
        print(f"all {len(sys.argv) - 2} pictures, halo {halo}: {difference:.4f}")


if __name__ == "__main__":
    main()
