"""Why papers print different numbers for bicubic interpolation: the same pictures under slightly different protocols.

    python bench/bicubic.py SET...

Each SET is a folder with HR/ and LR_x4/, files of the same names. Mean PSNR in dB of LR_x4 enlarged by bicubic.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from srgan_cli import SCALE
from srgan_cli.degradation import bicubic, resize
from srgan_cli.metrics import luma, psnr
from srgan_cli.pictures import images
from srgan_cli.pictures.picture import as_rgb8

Variant = Callable[[np.ndarray, np.ndarray], float]  # HR and LR, (H, W, 1 or 3) -> PSNR


def enlarged(lr: np.ndarray, hr: np.ndarray) -> np.ndarray:
    """LR at the size of HR, RGB."""
    return resize(as_rgb8(lr), *hr.shape[:2])


def enlarged_luma(lr: np.ndarray, hr: np.ndarray) -> np.ndarray:
    """The luma of LR, neither it nor the result rounded."""
    return np.asarray(Image.fromarray(luma(lr).astype("float32")).resize(hr.shape[1::-1], Image.Resampling.BICUBIC))


def full_range_grey(hr: np.ndarray, lr: np.ndarray) -> float:
    """Grey files compared as they are, from 0 to 255, as scripts do that convert only files of three colours."""
    sr = enlarged(lr, hr)
    return psnr(sr[..., :1], hr, SCALE) if hr.shape[-1] == 1 else psnr(luma(sr), luma(hr), SCALE)


VARIANTS: dict[str, Variant] = {
    "ours: luma not rounded, border 4": lambda hr, lr: psnr(luma(enlarged(lr, hr)), luma(hr), SCALE),
    "luma rounded": lambda hr, lr: psnr(np.rint(luma(enlarged(lr, hr))), np.rint(luma(hr)), SCALE),
    "luma enlarged, not colours": lambda hr, lr: psnr(enlarged_luma(lr, hr), luma(hr), SCALE),
    "grey files in full range": full_range_grey,
    "no border": lambda hr, lr: psnr(luma(enlarged(lr, hr)), luma(hr), 0),
    "LR by Pillow": lambda hr, _: psnr(luma(enlarged(bicubic(as_rgb8(hr)), hr)), luma(hr), SCALE),
    "RGB": lambda hr, lr: psnr(enlarged(lr, hr), as_rgb8(hr), SCALE),
}


def main() -> None:
    """Print each variant's mean over each set."""
    for folder in map(Path, sys.argv[1:]):
        files = [(path, folder / "LR_x4" / path.name) for path in sorted((folder / "HR").iterdir())]
        pairs = [[images.read_picture(path).colour for path in pair] for pair in files]
        print(f"{folder.name}: {len(pairs)} pictures, {sum(hr.shape[-1] == 1 for hr, _ in pairs)} of them grey files")
        for name, variant in VARIANTS.items():
            print(f"  {name}: {np.mean([variant(hr, lr) for hr, lr in pairs]):.3f}")


if __name__ == "__main__":
    main()
