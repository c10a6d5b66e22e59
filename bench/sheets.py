"""Draw a sheet to look at: parts of pictures enlarged by Pillow's bicubic and by models, a row each.

    python bench/sheets.py SHEET.jpg MODEL... -- PICTURE[@X,Y]...

A MODEL is what `srgan upscale --model` takes, or a folder of results by another program, called like the pictures.
X,Y is the upper left corner, in LR pixels, of the 96x96 that are shown; without it they are the middle. README's:

    python bench/sheets.py examples/before_after.jpg srresnet -- examples/flower.png@90,0
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import srgan_cli
from srgan_cli import SCALE
from srgan_cli.degradation import resize
from srgan_cli.pictures.images import read_picture
from srgan_cli.pictures.picture import as_rgb8

SIDE, GAP = 96, 8  # of what is shown in LR pixels; between two cells in SR pixels
CELL = SCALE * SIDE


def enlarged(lr: np.ndarray, name: str, model: str) -> np.ndarray:
    """(H, W, 3) uint8 -> (4 H, 4 W, 3) uint8 by a model, or read from a folder that has a picture of that name."""
    ready_made = next(Path(model).glob(f"{name}.*"), None)
    if ready_made:
        return as_rgb8(read_picture(ready_made).colour)
    if model == "bicubic":
        return resize(lr, *(SCALE * side for side in lr.shape[:2]))
    return np.asarray(srgan_cli.upscale(lr, model=model))


def row(place: str, models: list[str]) -> list[np.ndarray]:
    """PICTURE[@X,Y] -> what each model makes of that part, (384, 384, 3) uint8 or less."""
    path, _, corner = place.partition("@")
    lr = as_rgb8(read_picture(Path(path)).colour)
    x, y = map(int, corner.split(",")) if corner else (max(0, (side - SIDE) // 2) for side in lr.shape[1::-1])
    part = slice(SCALE * y, SCALE * y + CELL), slice(SCALE * x, SCALE * x + CELL)
    return [enlarged(lr, Path(path).stem, model)[part] for model in models]


def main() -> None:
    """Write the sheet."""
    arguments = sys.argv[1:]
    split = arguments.index("--")
    models, places = ["bicubic", *arguments[1:split]], arguments[split + 1 :]
    step = CELL + GAP
    sheet = np.full((len(places) * step - GAP, len(models) * step - GAP, 3), 255, np.uint8)
    for top, place in enumerate(places):
        for left, cell in enumerate(row(place, models)):
            sheet[top * step :, left * step :][: cell.shape[0], : cell.shape[1]] = cell
    Image.fromarray(sheet).save(arguments[0], quality=92, subsampling="4:4:4")


if __name__ == "__main__":
    main()
