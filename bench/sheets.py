"""Draw a sheet to look at: parts of pictures enlarged by Pillow's bicubic and by models, a row each.

    python bench/sheets.py SHEET.jpg MODEL... -- PICTURE[@X,Y]...

A MODEL is what `srgan upscale --model` takes, or a folder of results by another program, called like the pictures.
X,Y is the upper left corner, in LR pixels, of the 96x96 that are shown; without it they are the middle.
"""

import sys
from pathlib import Path

from PIL import Image, ImageOps

import srgan_cli
from srgan_cli import SCALE
from srgan_cli.released import released
from srgan_cli.runs import is_run

SIDE, GAP = 96, 8  # of what is shown in LR pixels; between two cells in SR pixels
MARGIN = 40  # the network's receptive radius, so that a part comes out as in the whole
Box = tuple[int, int, int, int]  # left, top, right, bottom


def part(place: str) -> tuple[Image.Image, str, Box]:
    """PICTURE[@X,Y] -> the RGB picture, its stem, and the box that is shown."""
    path, _, corner = place.partition("@")
    with Image.open(path) as file:
        lr = ImageOps.exif_transpose(file).convert("RGB")
    width, height = min(lr.width, SIDE), min(lr.height, SIDE)
    x, y = map(int, corner.split(",")) if corner else ((lr.width - width) // 2, (lr.height - height) // 2)
    return lr, Path(path).stem, (x, y, x + width, y + height)


def cell(lr: Image.Image, stem: str, box: Box, model: str) -> Image.Image:
    """What a model makes of a part of a picture."""
    if Path(model).is_dir() and model not in released() and not is_run(Path(model)):
        (result,) = Path(model).glob(f"{stem}.*")
        with Image.open(result) as file:
            return file.convert("RGB").crop(enlarged(box))
    left, top = max(box[0] - MARGIN, 0), max(box[1] - MARGIN, 0)
    given = lr.crop((left, top, min(box[2] + MARGIN, lr.width), min(box[3] + MARGIN, lr.height)))
    if model == "bicubic":
        sr = given.resize((SCALE * given.width, SCALE * given.height), Image.Resampling.BICUBIC)
    else:
        sr = srgan_cli.upscale(given, model=model)
    return sr.crop(enlarged((box[0] - left, box[1] - top, box[2] - left, box[3] - top)))


def enlarged(box: Box) -> Box:
    """The same box in SR pixels."""
    left, top, right, bottom = (SCALE * edge for edge in box)
    return left, top, right, bottom


def main() -> None:
    """Write the sheet."""
    arguments = sys.argv[1:]
    split = arguments.index("--")
    models, places = ["bicubic", *arguments[1:split]], arguments[split + 1 :]
    step = SCALE * SIDE + GAP
    sheet = Image.new("RGB", (len(models) * step - GAP, len(places) * step - GAP), "white")
    for row, place in enumerate(places):
        for column, model in enumerate(models):
            sheet.paste(cell(*part(place), model), (column * step, row * step))
    sheet.save(arguments[0], quality=92)


if __name__ == "__main__":
    main()
