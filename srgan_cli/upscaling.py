"""Pixels -> pixels four times as large."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, get_args

import keras
import numpy as np

from srgan_cli import DEFAULT_HALO, DEFAULT_MODEL, DEFAULT_TILE, SCALE, tiling
from srgan_cli.alpha import bleed
from srgan_cli.device import choose_device, choose_precision, is_out_of_memory
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.inference import Network, blend
from srgan_cli.memory import available
from srgan_cli.model import Generator, load_generator
from srgan_cli.options import AnyDevice, AnyPrecision
from srgan_cli.picture import Picture, map_planes, to_16_bits, to_pixels, to_tensor, used_range
from srgan_cli.released import find_weights
from srgan_cli.sizes import Size, to_size
from srgan_cli.solid import keep_black_and_white, keep_solid

PIXEL_MODEL = "srresnet"
MEMORY_BUDGET = 2 * 2**30  # bytes that one call of the network may take


@dataclass(frozen=True)
class Options:
    """How to upscale.

    Attributes:
        model: Name of released weights, a `.keras` file, or a run folder.
        tile: Side of a patch in LR pixels.
        halo: Real neighbours read around it, in LR pixels; None for the default.
        device: `auto`, `cpu` or `gpu`.
        precision: `auto`, `float32`, `bfloat16` or `float16`.
        self_ensemble: Whether to take the mean over flips and quarter turns, which takes eight times as long.
        seamless: Whether the picture is a texture whose opposite edges meet.
        strength: 0 to 1: the model's share in the result; the rest is that of `srresnet`, which pixels alone taught.

    Raises:
        UsageError: They make no sense.
    """

    model: str = DEFAULT_MODEL
    tile: int = DEFAULT_TILE
    halo: int | None = None
    device: str = "auto"
    precision: str = "auto"
    self_ensemble: bool = False
    seamless: bool = False
    strength: float = 1.0

    def __post_init__(self) -> None:
        """Check what the command line has not."""
        if not 0 <= self.strength <= 1:
            raise UsageError(f"strength is {self.strength}", "use a number from 0 to 1")
        for name, value, kind in (("device", self.device, AnyDevice), ("precision", self.precision, AnyPrecision)):
            if value not in get_args(kind):
                raise UsageError(f"{name} is {value!r}", f"use one of {', '.join(get_args(kind))}")
        if self.tile < 1:
            raise UsageError(f"tile is {self.tile}", "use 64 or so")
        if self.halo is not None and self.halo < 0:
            raise UsageError(f"halo is {self.halo}", f"use 0 or more, such as {DEFAULT_HALO}")
        if self.seamless and self.halo == 0:
            raise UsageError("without a halo no edges meet", "leave --halo or --seamless out")


class Upscaler:
    """A generator, ready to enlarge any number of pictures.

    Attributes:
        tile: Side of a patch in LR pixels.
        halo: Real neighbours read around it, in LR pixels.
        device: In Keras's words, such as `gpu:0`.
        precision: `float32`, `bfloat16` or `float16`.
        run_network: LR (B, h, w, 3) -> SR (B, 4 h, 4 w, 3), float32 RGB in [-1, 1].
        receptive_radius: From how far an LR pixel can reach, in LR pixels: a halo of it makes tiles exact.

    Raises:
        SrganError: The weights cannot be loaded, or the device is not there.
    """

    def __init__(self, options: Options, say: Callable[[str], None] = lambda _: None) -> None:
        self.tile, self._say = options.tile, say
        self.device = choose_device(options.device)
        self.precision = choose_precision(options.precision, self.device)
        with keras.device(self.device):
            generators = _generators(options)
        rest = (self.device, self.precision, options.self_ensemble, say)
        self.run_network = blend([(share, Network(generator, *rest)) for share, generator in generators])
        settings = [generator.settings for _, generator in generators]
        self.receptive_radius = max(each.receptive_radius for each in settings)
        self.halo = min(DEFAULT_HALO if options.halo is None else options.halo, self.receptive_radius)
        self._edge = self.halo if options.seamless else 0  # of what lies at the opposite sides
        # The widest moment is behind the last upsampling: 4 filters channels at full size, held about three times.
        bytes_per_value = 4 if self.precision == "float32" else 2
        self._bytes_per_pixel = 3 * 4 * max(each.filters for each in settings) * SCALE**2 * bytes_per_value
        self._window_budget = MEMORY_BUDGET // self._bytes_per_pixel

    def upscale(
        self, picture: Picture, on_pixels: Callable[[int], None] = lambda _: None, size: Size | None = None
    ) -> Picture:
        """Enlarge colour and, if it varies, alpha.

        Args:
            picture: Any size from 1x1 up.
            on_pixels: Told how many LR pixels were finished; they add up to `size.pixels`, twice that with alpha, and
                to more in a seamless texture, whose edges are continued by what lies at the opposite ones.
            size: Of the result; None for four times the picture's. What is not just that is reached by further passes
                and antialiased reductions.

        Raises:
            SrganError: Memory does not suffice for a single patch, or the network returns NaN or infinite values.
        """
        lr_size = picture.colour.shape[:2]
        size = size or Size()
        wanted, passes = size.of(*lr_size), size.passes(*lr_size)
        around = _wrapped(picture, self._edge)
        picture = _inside(replace(around, colour=bleed(around)), self._edge)
        used = used_range(picture.colour)  # of the whole, so that all windows agree
        if wanted == (SCALE * lr_size[0], SCALE * lr_size[1]):
            return self._pass(picture, used, on_pixels)
        dtype, picture = picture.colour.dtype, to_16_bits(picture)
        for given in passes[1:]:
            picture = self._reduced(self._pass(picture, used, on_pixels), given, np.dtype(np.uint16), used)
        return self._reduced(self._pass(picture, used, on_pixels), wanted, dtype, used)

    def _pass(self, picture: Picture, used: float, on_pixels: Callable[[int], None]) -> Picture:
        """The picture, four times as large.

        The network is shown the used part of the colours' range as the whole: it was trained on 256 levels, of which a
        12-bit scan in 16 bits would take up 16.
        """
        picture = _wrapped(picture, self._edge)
        colour = self._enlarge(picture.colour, used, on_pixels)
        keep_black_and_white(colour, picture.colour, used)
        alpha = picture.alpha
        if alpha is not None:
            alpha = keep_solid(self._enlarge(alpha, 1.0, on_pixels), alpha)
        return _inside(replace(picture, colour=colour, alpha=alpha), SCALE * self._edge)

    def _reduced(self, sr: Picture, size: tuple[int, int], dtype: np.dtype[Any], used: float) -> Picture:
        margin = SCALE * self._edge
        result = to_size(_wrapped(sr, margin), *size, dtype, margin)
        # The reduction swings beyond white, which is where the used bits end.
        np.minimum(result.colour, dtype.type(used * np.iinfo(dtype).max), out=result.colour)
        return result

    def _enlarge(self, pixels: np.ndarray, used: float, on_pixels: Callable[[int], None]) -> np.ndarray:
        """(H, W, 1 or 3) -> (4 H, 4 W, 1 or 3), by windows, made smaller for as long as memory does not suffice.

        Raises:
            SrganError: It does not even for a single patch.
        """
        height, width, _ = pixels.shape
        if (pixels.min(axis=(0, 1)) == pixels.max(axis=(0, 1))).all():  # one colour, down to a single pixel
            on_pixels(height * width)
            return np.tile(pixels[:1, :1], (SCALE * height, SCALE * width, 1))
        done: list[int] = []

        def note(count: int) -> None:
            done.append(count)
            on_pixels(count)

        plan = tiling.plan(height, width, self.tile, self.halo, self._affordable(pixels.nbytes))
        try:
            return tiling.run_tiled(partial(self._enlarge_windows, used=used), pixels, plan, SCALE, note)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._window_budget = plan.pixels * plan.batch // len(plan.windows) // 2
            if tiling.plan(height, width, self.tile, self.halo, self._affordable(pixels.nbytes)) == plan:
                raise SrganError("out of memory", "lower --tile, or close other programs") from error
        self._say(f"out of memory; going on with at most {self._window_budget:,} pixels at once")
        on_pixels(-sum(done))
        return self._enlarge(pixels, used, on_pixels)

    def _affordable(self, lr_bytes: int) -> int:
        """LR pixels at once: as many as the budget has, but on a CPU only half of what memory SR leaves free."""
        free = available() if self.device.startswith("cpu") else None
        if free is None:
            return self._window_budget
        room = free - 2 * SCALE**2 * lr_bytes  # SR, and its encoder's copy
        return max(1, min(self._window_budget, room // 2 // self._bytes_per_pixel))

    def _enlarge_windows(self, windows: np.ndarray, used: float) -> np.ndarray:
        """(B, h, w, 1 or 3) pixels -> (B, 4 h, 4 w, 1 or 3) pixels."""
        lr = to_tensor(windows, used)
        channels = lr.shape[-1]
        sr = self.run_network(np.repeat(lr, 3 // channels, axis=-1))
        if channels == 1:
            sr = sr.mean(axis=-1, keepdims=True)
        return to_pixels(sr, windows.dtype, used)


def _wrapped(picture: Picture, edge: int) -> Picture:
    """The picture with so many pixels around it of what lies at the opposite sides."""
    around = ((edge, edge), (edge, edge), (0, 0))
    return map_planes(picture, lambda pixels: np.pad(pixels, around, mode="wrap")) if edge else picture


def _inside(picture: Picture, edge: int) -> Picture:
    """The picture without so many pixels around it."""
    return map_planes(picture, lambda pixels: pixels[edge:-edge, edge:-edge]) if edge else picture


def _generators(options: Options) -> list[tuple[float, Generator]]:
    """The generators to run, each with its share of the result.

    Raises:
        SrganError: The weights cannot be loaded, or are those that make up the rest, too.
    """
    model = find_weights(options.model)
    if options.strength == 1:
        return [(1.0, load_generator(model))]
    rest = find_weights(PIXEL_MODEL)
    if model.resolve() == rest.resolve():
        raise UsageError(
            f"--strength mixes a model with {PIXEL_MODEL}, which is the model here",
            "choose another --model, such as srgan",
        )
    shares = [(options.strength, model), (1 - options.strength, rest)]
    return [(share, load_generator(path)) for share, path in shares if share]
