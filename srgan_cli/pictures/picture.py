"""A decoded picture of integers; only `to_tensor` and `to_pixels` convert between them and the network's floats."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike

from srgan_cli.errors import SrganError
from srgan_cli.pictures.metadata import Metadata
from srgan_cli.pictures.tones import WHOLE, Tones

NOTHING_SAID = Metadata()
IN_8_BITS = np.rint(np.arange(2**16) / 257).astype(np.uint8)  # by its 16 bits


@dataclass(frozen=True)
class Picture:
    """A decoded, upright picture.

    Attributes:
        colour: (H, W, 1) grey or (H, W, 3) RGB, uint8 or uint16.
        alpha: (H, W, 1) in the dtype of `colour`, 0 transparent; None if the picture has no transparency.
        metadata: What the file said beside the pixels, as it said it.
        notes: What a user should know about how it was read.
    """

    colour: np.ndarray
    alpha: np.ndarray | None = None
    metadata: Metadata = NOTHING_SAID
    notes: tuple[str, ...] = ()


def from_array(array: np.ndarray) -> Picture:
    """The picture in an array.

    Args:
        array: (H, W) or (H, W, 1) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB or (H, W, 4) RGB and alpha; uint8 or
            uint16, in any byte order.

    Raises:
        SrganError: Another shape or dtype, or no pixels.
    """
    array = np.asarray(array)
    if array.dtype == np.dtype(np.uint16).newbyteorder():
        array = array.astype(np.uint16)
    if array.dtype not in (np.uint8, np.uint16) or array.size == 0:
        raise SrganError(
            f"an array of {array.dtype}, shape {array.shape}, is not a picture", "give uint8 or uint16 pixels"
        )
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] > 4:
        raise SrganError(f"an array of shape {array.shape} is not a picture", "give (H, W) or (H, W, 1 to 4)")
    colours = array.shape[-1] - (1 - array.shape[-1] % 2)
    return Picture(array[..., :colours], array[..., colours:] if colours < array.shape[-1] else None)


def to_array(picture: Picture) -> np.ndarray:
    """(H, W, 1 to 4): the colour channels, and alpha last if there is one."""
    if picture.alpha is None:
        return picture.colour
    return np.concatenate([picture.colour, picture.alpha], axis=-1)


def map_planes(picture: Picture, function: Callable[[np.ndarray], np.ndarray]) -> Picture:
    """The picture with the results of a function of (H, W, C) for its colour and, if it has one, its alpha."""
    alpha = None if picture.alpha is None else function(picture.alpha)
    return replace(picture, colour=function(picture.colour), alpha=alpha)


def as_rgb8(colour: np.ndarray) -> np.ndarray:
    """(H, W, 1 or 3) uint8 or uint16 -> (H, W, 3) uint8, grey as equal colours."""
    return np.broadcast_to(to_8_bits(colour), (*colour.shape[:2], 3))


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """uint8 or uint16 -> uint8, same shape, rounded."""
    return pixels if pixels.dtype == np.uint8 else IN_8_BITS[pixels]


def to_16_bits(picture: Picture) -> Picture:
    """The same picture in uint16, so that on the way to a size nothing is rounded to 8 bits."""
    if picture.colour.dtype == np.uint16:
        return picture
    return map_planes(picture, lambda pixels: pixels.astype(np.uint16) * np.uint16(257))


def to_tensor(pixels: np.ndarray, tones: Tones = WHOLE) -> np.ndarray:
    """uint8 or uint16 pixels -> float32, same shape: [-1, 1] is from one end of the tones to the other."""
    low, high = tones.ends(pixels.dtype)
    tensor = pixels - np.float32(low)
    tensor /= np.float32((high - low) / 2)
    tensor -= np.float32(1)
    return tensor


def to_pixels(tensor: np.ndarray, dtype: DTypeLike = np.uint8, tones: Tones = WHOLE) -> np.ndarray:
    """Float -> uint8 or uint16 pixels, same shape: [-1, 1], clipped, becomes the tones, rounded."""
    low, high = tones.ends(np.dtype(dtype))
    values = tensor.astype(np.float32)
    np.clip(values, -1, 1, out=values)
    values += 1
    values *= (high - low) / 2
    values += low
    return np.rint(values, out=values).astype(dtype)
