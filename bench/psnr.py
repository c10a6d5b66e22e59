"""Y-PSNR (BT.601 studio luma, border 4, uint8) of the files that `srgan upscale` writes, beside bicubic.

    python bench/psnr.py SET... [-- OPTIONS OF UPSCALE]

Each SET is a folder with HR/ and LR_x4/, files of the same names.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from srgan_cli import SCALE
from srgan_cli.images import read_picture
from srgan_cli.metrics import luma, psnr


def bicubic(path: Path) -> np.ndarray:
    """The LR file enlarged by Pillow's bicubic, (H, W, 1 or 3)."""
    with Image.open(path) as lr:
        pixels = np.asarray(lr.resize((SCALE * lr.width, SCALE * lr.height), Image.Resampling.BICUBIC))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def score(sr: np.ndarray, hr: Path) -> float:
    """Y-PSNR of SR pixels against an HR file."""
    return psnr(luma(sr), luma(read_picture(hr).colour), border=SCALE)


def main() -> None:
    """Enlarge every set with the installed command and print the means."""
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    sets, options = arguments[:split], arguments[split + 1 :]
    for name in map(Path, sets):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "srgan_cli", "upscale", str(name / "LR_x4"), "-o", folder, *options]
            subprocess.run(command, check=True)
            files = sorted(Path(folder).iterdir())
            ours = [score(read_picture(file).colour, name / "HR" / file.name) for file in files]
            theirs = [score(bicubic(name / "LR_x4" / file.name), name / "HR" / file.name) for file in files]
        print(f"{name.name}: {len(files)} pictures, srgan {np.mean(ours):.3f} dB, bicubic {np.mean(theirs):.3f} dB")


if __name__ == "__main__":
    main()
