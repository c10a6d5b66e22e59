"""A generator between two of the same size, as `srgan upscale --strength` makes it for a moment.

    python weights/mix.py PIXEL ADVERSARIAL STRENGTH OUTPUT.keras

Both are named as for `--model`.
"""

import sys
from pathlib import Path

from srgan_cli.model import interpolated, load_generator
from srgan_cli.released import find_weights

if __name__ == "__main__":
    pixel, adversarial = (load_generator(find_weights(model)) for model in sys.argv[1:3])
    interpolated(pixel, adversarial, float(sys.argv[3])).save(Path(sys.argv[4]))
