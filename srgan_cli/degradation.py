"""HR -> LR: what the network learns to undo."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy import signal, special

from srgan_cli import SCALE
from srgan_cli.options import Degradation

FILTERS = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
FORMS, FORM_SHARES = ("gaussian", "generalised", "plateau"), (0.7, 0.15, 0.15)  # of blur kernels, as Real-ESRGAN
CLEAN_SHARE = 0.15  # of `photo`: pictures that need no repair, so that the network learns to leave those alone


def degrade(hr: np.ndarray, kind: Degradation, rng: np.random.Generator) -> np.ndarray:
    """(4 h, 4 w, 3) uint8 -> (h, w, 3) uint8.

    Args:
        hr: Both sides multiples of 4.
        kind: `bicubic`, or `photo`: a random history of blur, noise, resizing and JPEG.
        rng: Where `photo` draws from.

    Raises:
        ValueError: A side is not a multiple of 4.
    """
    if kind == "bicubic" or rng.random() < CLEAN_SHARE:
        return bicubic(hr)
    return photo(hr, rng)


def bicubic(hr: np.ndarray) -> np.ndarray:
    """(4 h, 4 w, 3) uint8 -> (h, w, 3) uint8 by antialiased bicubic interpolation, as the papers' LR pictures are made.

    Raises:
        ValueError: A side is not a multiple of 4.
    """
    return resize(hr, *_lr_sides(hr))


def resize(
    pixels: np.ndarray, height: int, width: int, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> np.ndarray:
    """(H, W, 3) uint8 -> (height, width, 3) uint8 by Pillow, which reduces with antialiasing as MATLAB does."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), resample))


def photo(hr: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(4 h, 4 w, 3) uint8 -> (h, w, 3) uint8, as a picture comes out of cameras, scanners, editors and networks.

    Blur, an intermediate resizing and noise in random order, once or twice; then the resizing to LR, with JPEG before
    or after it or both, and rings beside edges. The random order is BSRGAN's (Zhang et al. 2021,
    https://arxiv.org/abs/2103.14006, section 3.5); doing it twice, the kernels and the rings are Real-ESRGAN's (Wang et
    al. 2021, https://arxiv.org/abs/2107.10833, sections 3.1 and 3.2).

    Raises:
        ValueError: A side is not a multiple of 4.
    """
    sides, picture = _lr_sides(hr), hr
    for strength in (1.0, 0.5)[: 1 + (rng.random() < 0.4)]:
        steps: tuple[Callable[[np.ndarray, np.random.Generator, float], np.ndarray], ...] = (blur, rescale, noise)
        for index in rng.permutation(len(steps)):
            if rng.random() < 0.7:
                picture = steps[index](picture, rng, strength)
    if rng.random() < 0.3:
        picture = jpeg(picture, rng)
    picture = resize(picture, *sides, FILTERS[rng.integers(len(FILTERS))])
    if rng.random() < 0.3:
        picture = ring(picture, rng)
    return jpeg(picture, rng) if rng.random() < 0.7 else picture


def blur(picture: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """(H, W, 3) uint8, blurred by a kernel of random form and of random width in two random directions."""
    along, across = 0.2 + 2.8 * strength * rng.random(2) ** 1.5
    form, power = rng.choice(FORMS, p=FORM_SHARES), 1.0
    if form != "gaussian":
        power = rng.uniform(0.5, 4) if form == "generalised" else rng.uniform(1, 2)
    return _filtered(picture, blur_kernel(along, across, np.pi * rng.random(), _reach(picture), form, power))


def blur_kernel(
    width_1: float, width_2: float, angle: float, reach: int, form: str = "gaussian", power: float = 1.0
) -> np.ndarray:
    """(2 reach + 1, 2 reach + 1) float32 that adds up to 1, after Real-ESRGAN's equations 3 to 5 and section 3.1.

    Args:
        width_1: Its standard deviation in pixels along `angle`, if it is a Gaussian.
        width_2: The same across.
        angle: In radians.
        reach: Pixels to each side.
        form: `gaussian`, `generalised` (flatter or sharper than a Gaussian) or `plateau` (flat in the middle).
        power: Of the squared distance in the latter two, 1 for a Gaussian.
    """
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    distance = ((along / width_1) ** 2 + (across / width_2) ** 2) ** power
    kernel = 1 / (1 + distance) if form == "plateau" else np.exp(-0.5 * distance)
    return (kernel / kernel.sum()).astype(np.float32)


def ring(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 with the rings beside edges that sharpening and strong compression leave."""
    return _filtered(picture, sinc_kernel(rng.uniform(np.pi / 3, np.pi), _reach(picture)))


def sinc_kernel(cutoff: float, reach: int) -> np.ndarray:
    """(2 reach + 1, 2 reach + 1) float32 that adds up to 1: a circular low-pass filter, Real-ESRGAN's equation 6.

    Args:
        cutoff: In radians per pixel, up to pi.
        reach: Pixels to each side.
    """
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    radius = np.maximum(np.hypot(x, y), 1e-9)
    kernel = cutoff * special.j1(cutoff * radius) / (2 * np.pi * radius)
    return (kernel / kernel.sum()).astype(np.float32)


def _reach(picture: np.ndarray) -> int:
    return min(9, *(side - 1 for side in picture.shape[:2]))


def _filtered(picture: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The picture, continued by its mirror image, under a kernel."""
    reach = len(kernel) // 2
    padded = np.pad(picture.astype(np.float32), ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    return _rounded(signal.oaconvolve(padded, kernel[..., None], mode="valid", axes=(0, 1)))


def rescale(picture: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """(H, W, 3) uint8 -> (H', W', 3) uint8, reduced at most four times or enlarged by half, by a random filter."""
    factor = 2.0 ** (strength * rng.uniform(-2, 0.6))
    height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
    return resize(picture, height, width, FILTERS[rng.integers(len(FILTERS))])


def noise(picture: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """(H, W, 3) uint8 with Gaussian or Poisson noise, in colour or the same in all channels."""
    light = picture.astype(np.float64) if rng.random() < 0.6 else picture.mean(axis=-1, keepdims=True)
    sigma = 25 * strength * rng.random() ** 1.5 + 1e-3
    if rng.random() < 0.5:
        return _rounded(picture + rng.normal(0, sigma, light.shape))
    photons = 127.5 / sigma**2  # a level, so that middle grey has noise of sigma levels
    return _rounded(picture + rng.poisson(light * photons) / photons - light)


def jpeg(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8, saved as JPEG of quality 30 to 95 and read again."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=int(rng.integers(30, 96)))
    with Image.open(file) as image:
        return np.asarray(image)


def _lr_sides(hr: np.ndarray) -> tuple[int, int]:
    height, width, _ = hr.shape
    if height % SCALE or width % SCALE:
        raise ValueError(f"the sides of {height}x{width} pixels are not multiples of {SCALE}")
    return height // SCALE, width // SCALE


def _rounded(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
