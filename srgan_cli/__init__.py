"""Pictures four times larger with an SRGAN.

    import srgan_cli
    large = srgan_cli.upscale(picture)

Importing this loads neither TensorFlow nor any other of the heavy libraries; the first call does.
"""

import os
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from srgan_cli.errors import SrganError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from srgan_cli.upscaling.upscaler import Options, Upscaler

    PictureLike = TypeVar("PictureLike", Image.Image, np.ndarray)

__all__ = [
    *("DEFAULT_HALO", "DEFAULT_MODEL", "DEFAULT_TILE", "MOST_MEGAPIXELS", "SCALE"),
    *("SrganError", "__version__", "upscale"),
]
__version__ = "0.1.0"

SCALE = 4
"""SR pixels per LR pixel along one axis."""

MOST_MEGAPIXELS = 200
"""Of a picture, unless more are allowed; the largest cameras make 150."""

DEFAULT_TILE, DEFAULT_HALO = 64, 12
"""LR pixels: the side of a patch, and the neighbours read around it (so that no seam reaches a grey level)."""

DEFAULT_MODEL = "srresnet"
"""The released weights that are used where none are named."""


_loading = Lock()


def upscale(
    picture: "PictureLike",
    *,
    model: str = DEFAULT_MODEL,
    scale: float = SCALE,
    tile: int = DEFAULT_TILE,
    halo: int = DEFAULT_HALO,
    device: str = "auto",
    precision: str = "auto",
    strength: float = 1.0,
    self_ensemble: bool = False,
    seamless: bool = False,
) -> "PictureLike":
    """The picture, `scale` times as wide and as high, in the type it came in.

    The weights are loaded at the first call with these options and kept. Of what an image says beside its pixels, its
    EXIF orientation is applied and its colour profile kept. Whether memory suffices is not looked at.

    Args:
        picture: A Pillow image of a single frame, of any mode but I and F, or an array of shape (H, W) or
            (H, W, 1 to 4) of uint8 or uint16: grey, grey and alpha, RGB, or RGB and alpha.
        model: Name of released weights, a `.keras` file, or a run folder.
        scale: Result pixels per pixel of the picture, above 1; other than four of them are reduced from more.
        tile: Side of a patch in LR pixels.
        halo: Real neighbours read around it, in LR pixels.
        device: `auto`, `cpu` or `gpu`.
        precision: `auto`, `float32`, `bfloat16` or `float16`.
        strength: 0 to 1: the model's share in the result; the rest is `srresnet`'s.
        self_ensemble: Take the mean over flips and quarter turns, in eight times the time.
        seamless: Keep the edges of a repeating texture meeting.

    Raises:
        SrganError: The picture, the weights or the device cannot be used, or this process was forked from one that has
            called this.
    """
    import numpy as np
    from PIL import Image

    from srgan_cli.pictures.images import from_pil, to_pil
    from srgan_cli.pictures.picture import from_array, to_array
    from srgan_cli.upscaling.sizes import Size
    from srgan_cli.upscaling.upscaler import Options

    if isinstance(picture, str | os.PathLike):
        raise SrganError(f"{os.fspath(picture)!r} is not a picture, but a name", "open it by PIL.Image.open")
    if not scale > 1:
        raise SrganError(f"scale is {scale}", "use a number above 1")
    if _process() != os.getpid():  # the network would wait for threads that stayed behind
        message = "the process was forked from one that had used the network"
        raise SrganError(message, 'start processes by multiprocessing.get_context("spawn")')
    size = Size(scale=scale)
    with _loading:  # else threads that call this at the same time would each load the weights
        upscaler = _upscaler(Options(model, tile, halo, device, precision, self_ensemble, seamless, strength))
    if isinstance(picture, Image.Image):
        return to_pil(upscaler.upscale(from_pil(picture), size=size))
    array = np.asarray(picture)
    sr = to_array(upscaler.upscale(from_array(array), size=size))
    return sr[..., 0] if array.ndim == 2 else sr


@cache
def _process() -> int:
    """The process that was the first to enlarge a picture."""
    return os.getpid()


@cache
def _upscaler(options: "Options") -> "Upscaler":
    from srgan_cli.upscaling.upscaler import Upscaler

    return Upscaler(options)
