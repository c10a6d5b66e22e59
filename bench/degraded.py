"""What comes of damaged pictures: `srgan eval` with all shipped weights, and with others.

    python bench/degraded.py HR_FOLDER... [-- MODEL...]

LR is HR blurred by a Gaussian of 1.2 HR pixels, reduced four times by antialiased bicubic interpolation, with Gaussian
noise of 10 levels and saved as JPEG of quality 40 (4:2:0): all four in this order, and each of the three damages alone.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from scores import scores, table

from srgan_cli import SCALE
from srgan_cli.degradation import bicubic
from srgan_cli.jobs.sources import pictures_in
from srgan_cli.pictures.images import read_picture
from srgan_cli.pictures.picture import as_rgb8
from srgan_cli.released import released

BLUR, NOISE, QUALITY = 1.2, 10.0, 40
DAMAGES = {"all three": {"blur", "noise", "jpeg"}, "blur": {"blur"}, "noise": {"noise"}, "JPEG": {"jpeg"}}


def damage(hr: np.ndarray, kinds: set[str], rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 -> (H / 4, W / 4, 3) uint8, but for what JPEG does."""
    if "blur" in kinds:
        hr = ndimage.gaussian_filter(hr, (BLUR, BLUR, 0))
    levels = bicubic(hr).astype(np.float64)
    if "noise" in kinds:
        levels += rng.normal(0, NOISE, levels.shape)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def make_set(source: Path, folder: Path, kinds: set[str]) -> None:
    """Write HR/ and LR_x4/ below a folder, HR as PNG without what is beyond a multiple of 4."""
    rng = np.random.default_rng(0)
    for name in ("HR", "LR_x4"):
        (folder / name).mkdir(parents=True)
    for path in pictures_in(source):
        hr = as_rgb8(read_picture(path).colour)
        hr = hr[: hr.shape[0] // SCALE * SCALE, : hr.shape[1] // SCALE * SCALE]
        lr = Image.fromarray(damage(hr, kinds, rng))
        Image.fromarray(hr).save(folder / "HR" / f"{path.stem}.png")
        if "jpeg" in kinds:
            lr.save(folder / "LR_x4" / f"{path.stem}.jpg", quality=QUALITY)
        else:
            lr.save(folder / "LR_x4" / f"{path.stem}.png")


def main() -> None:
    """Measure and print."""
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    models = [*sorted(released()), *arguments[split + 1 :]]
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        for source in map(Path, arguments[:split]):
            for name, kinds in DAMAGES.items():
                place = Path(scratch) / source.name / name
                make_set(source, place, kinds)
                title = source.parent.name if source.name == "HR" else source.name
                found[f"{title}, {name}"] = scores(place, models, [])
    print(table(found, models))


if __name__ == "__main__":
    main()
