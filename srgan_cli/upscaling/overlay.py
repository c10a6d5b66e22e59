"""What lies over a scan and is no part of it: labels and padding; NumPy, SciPy and Pillow only."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from srgan_cli.pictures.neighbours import nearest
from srgan_cli.pictures.picture import Picture
from srgan_cli.pictures.tones import WORTH, bits, counted, tones_of

FEWEST_CODES = 8  # of a scan; what has fewer is a drawing


@dataclass(frozen=True)
class Overlay:
    """Burned-in labels and padding: pixels of the least or the greatest code, far from all others.

    Attributes:
        codes: Theirs.
        where: (H, W) of bool for each.
    """

    codes: tuple[int, ...]
    where: tuple[np.ndarray, ...]

    def lifted(self, picture: Picture) -> Picture:
        """The picture with the nearest other pixels in place of the overlay."""
        return replace(picture, colour=nearest(picture.colour, np.any(self.where, axis=0)))

    def put_back(self, sr: Picture) -> None:
        """Lay it over the enlarged picture, of any size; changed in place.

        There is nothing between its codes and the scan's, which would be a tissue that is not there.
        """
        height, width = sr.colour.shape[:2]
        for code, where in zip(self.codes, self.where, strict=True):
            large = Image.fromarray(where.astype(np.uint8) * 255).resize((width, height), Image.Resampling.LANCZOS)
            np.copyto(sr.colour, np.uint16(code), where=np.asarray(large)[..., None] > 127)


def overlay_of(picture: Picture) -> Overlay | None:
    """The overlay of a picture of 16 bits without transparency; None where lifting it would hardly spare bits.

    Shown to a network together with it, a tissue of 400 codes would have two levels.
    """
    if picture.colour.dtype != np.uint16 or picture.alpha is not None:
        return None
    codes = np.flatnonzero(counted(picture.colour))
    if len(codes) < FEWEST_CODES + 2:
        return None
    extent = codes[-2] - codes[1]
    ends = (codes[0], codes[1] - codes[0]), (codes[-1], codes[-1] - codes[-2])
    far = tuple(int(code) for code, distance in ends if distance > extent)
    if not far:
        return None
    overlay = Overlay(far, tuple((picture.colour == code).all(axis=-1) for code in far))
    rest = picture.colour[~np.any(overlay.where, axis=0)]
    tones = tones_of(picture.colour)
    return overlay if bits(tones.high - tones.low) - bits(int(np.ptp(rest))) >= WORTH else None
