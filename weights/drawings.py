"""Drawings to train on beside photographs: flat colours, outlines, letters, hatching, which photographs hardly have.

    python weights/drawings.py OUTPUT-FOLDER COUNT

Nothing in them is anybody's: they are drawn from random numbers, the letters in the font that is inside of Pillow
(Aileron, CC0).
"""

import string
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE, FINER = 384, 3  # drawn larger and reduced, so that edges are as smooth as in printed or rendered pictures
LARGER = FINER * SIDE
Colour = tuple[int, ...]


def draw(seed: int) -> Image.Image:
    """An RGB drawing, a function of the seed."""
    rng = np.random.default_rng(seed)
    picture = [_plain, _regions, _regions][rng.integers(3)](rng)
    layers = [_shapes, _lines, _letters, _letters, _hatching]
    for number in rng.choice(len(layers), rng.integers(2, 5)):
        layers[number](ImageDraw.Draw(picture), rng)
    filters = [Image.Resampling.BOX, Image.Resampling.LANCZOS, Image.Resampling.BICUBIC]
    return picture.resize((SIDE, SIDE), filters[rng.integers(3)])


def _colour(rng: np.random.Generator) -> Colour:
    """Black, white, or any."""
    kind = rng.random()
    return (0, 0, 0) if kind < 0.15 else (255, 255, 255) if kind < 0.35 else tuple(rng.integers(0, 256, 3).tolist())


def _plain(rng: np.random.Generator) -> Image.Image:
    """One colour, or a slope from one to another."""
    one, other = np.array(_colour(rng)), np.array(_colour(rng) if rng.random() < 0.3 else (255, 255, 255))
    share = np.linspace(0, rng.integers(2), LARGER)[:, None, None]
    rows = one * share + other * (1 - share)
    return Image.fromarray(np.broadcast_to(rows, (LARGER, LARGER, 3)).round().astype(np.uint8))


def _regions(rng: np.random.Generator) -> Image.Image:
    """Curved regions of flat colours, with or without an outline, as in comics and maps."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    for _ in range(3):
        phase, length = rng.uniform(0, 6, 2), rng.uniform(20, 120)
        x, y = x + 0.15 * length * np.sin(y / length + phase[0]), y + 0.15 * length * np.sin(x / length + phase[1])
    points = rng.uniform(-20, SIDE + 20, (rng.integers(10, 200), 2))
    distances = np.stack([np.hypot(x - left, y - top) for left, top in points], axis=-1)
    nearest, next_nearest = np.partition(distances, 1, axis=-1)[..., :2].transpose(2, 0, 1)
    colours = np.array([_colour(rng) for _ in points], np.uint8)[distances.argmin(axis=-1)]
    picture = Image.fromarray(colours).resize((LARGER, LARGER), Image.Resampling.NEAREST)
    if width := rng.choice([0, 2, 4, 8]):
        apart = Image.fromarray(next_nearest - nearest).resize((LARGER, LARGER), Image.Resampling.BICUBIC)
        picture.paste((0, 0, 0), mask=Image.fromarray(np.asarray(apart) < width))
    return picture


def _place(rng: np.random.Generator) -> tuple[int, int]:
    x, y = rng.integers(-50, LARGER, 2)
    return int(x), int(y)


def _width(rng: np.random.Generator) -> int:
    return FINER * int(rng.choice([1, 1, 2, 3, 5, 9]))


def _shapes(drawing: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(3, 30)):
        (x, y), (width, height) = _place(rng), FINER * rng.integers(4, 150, 2)
        shape = drawing.ellipse if rng.random() < 0.5 else drawing.rectangle
        shape((x, y, x + int(width), y + int(height)), _colour(rng), _colour(rng), _width(rng))


def _lines(drawing: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(3, 25)):
        step = rng.normal(0, FINER * rng.uniform(2, 15), (60, 2)).cumsum(axis=0)
        path = (np.array(_place(rng)) + step.cumsum(axis=0) / 4).tolist()
        drawing.line([tuple(point) for point in path], _colour(rng), _width(rng), joint="curve")


def _letters(drawing: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Lines of text under each other, in all sizes from just legible."""
    x, y = _place(rng)
    size, colour = FINER * int(rng.choice([8, 9, 10, 12, 14, 18, 24, 40])), _colour(rng)
    font = ImageFont.load_default(size)
    signs = list(string.ascii_letters + string.digits + string.ascii_lowercase + " .,:;-+()&%?!    ")
    lines = ["".join(rng.choice(signs, rng.integers(4, 50))) for _ in range(rng.integers(1, 14))]
    drawing.multiline_text((min(x, LARGER // 2), y), "\n".join(lines), colour, font)


def _hatching(drawing: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Parallel lines across a part of the picture."""
    (x, y), (dx, dy) = _place(rng), FINER * rng.integers(-150, 150, 2)
    across, colour, width = FINER * rng.uniform(3, 12, 2), _colour(rng), _width(rng)
    for number in range(rng.integers(8, 40)):
        left, top = x + number * across[0], y + number * across[1]
        drawing.line((left, top, left + int(dx), top + int(dy)), colour, min(width, int(across.min())))


if __name__ == "__main__":
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        draw(number).save(folder / f"drawing{number:04d}.png")
