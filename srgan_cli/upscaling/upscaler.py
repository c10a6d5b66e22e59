"""Pixels -> pixels four times as large."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np

from srgan_cli import DEFAULT_HALO, DEFAULT_MODEL, DEFAULT_TILE, SCALE
from srgan_cli.device import choose_device, choose_precision
from srgan_cli.errors import UsageError
from srgan_cli.model import load_generator
from srgan_cli.options import AnyDevice, AnyPrecision
from srgan_cli.pictures.alpha import bleed
from srgan_cli.pictures.neighbours import is_grey
from srgan_cli.pictures.picture import Picture, map_planes, to_16_bits
from srgan_cli.pictures.tones import WHOLE, Tones, tones_of
from srgan_cli.released import find_weights
from srgan_cli.upscaling.enlarging import Enlarger
from srgan_cli.upscaling.inference import Network
from srgan_cli.upscaling.overlay import overlay_of
from srgan_cli.upscaling.sizes import Size, to_size
from srgan_cli.upscaling.solid import keep_areas, keep_neutral, keep_seen, keep_solid

PIXEL_MODEL = "srresnet"


@dataclass(frozen=True)
class Options:
    """How to upscale.

    Attributes:
        model: Name of released weights, a `.keras` file, or a run folder.
        tile: Side of a patch in LR pixels.
        halo: Real neighbours read around it, in LR pixels.
        device: `auto`, `cpu` or `gpu`.
        precision: `auto`, `float32`, `bfloat16` or `float16`.
        self_ensemble: Whether to take the mean over flips and quarter turns, which takes eight times as long.
        seamless: Whether the picture is a texture whose opposite edges meet.
        strength: 0 to 1: the model's share in the result; the rest is that of `srresnet`, which pixels alone taught.
        back_projection: Whether to add what the result lacks of the picture; see `inference.Network`.

    Raises:
        UsageError: They make no sense.
    """

    model: str = DEFAULT_MODEL
    tile: int = DEFAULT_TILE
    halo: int = DEFAULT_HALO
    device: str = "auto"
    precision: str = "auto"
    self_ensemble: bool = False
    seamless: bool = False
    strength: float = 1.0
    back_projection: bool = True

    def __post_init__(self) -> None:
        """Check what the command line has not."""
        if not 0 <= self.strength <= 1:
            raise UsageError(f"strength is {self.strength}", "use a number from 0 to 1")
        for name, value, kind in (("device", self.device, AnyDevice), ("precision", self.precision, AnyPrecision)):
            if value not in get_args(kind):
                raise UsageError(f"{name} is {value!r}", f"use one of {', '.join(get_args(kind))}")
        if self.tile < 1:
            raise UsageError(f"tile is {self.tile}", "use 64 or so")
        if self.halo < 0:
            raise UsageError(f"halo is {self.halo}", f"use 0 or more, such as {DEFAULT_HALO}")
        if self.seamless and self.halo == 0:
            raise UsageError("without a halo no edges meet", "leave --halo or --seamless out")


class Upscaler:
    """A generator, ready to enlarge any number of pictures.

    Attributes:
        options: As given.
        device: In Keras's words, such as `gpu:0`.
        precision: `float32`, `bfloat16` or `float16`.
        colour: Enlarges colours.

    Raises:
        SrganError: The weights cannot be loaded, or the device is not there.
    """

    def __init__(self, options: Options, say: Callable[[str], None] = lambda _: None) -> None:
        self.options, self._say = options, say
        self.device = choose_device(options.device)
        self.precision = choose_precision(options.precision, self.device)
        self._shares = _shares(options)
        self.colour = self._enlarger(self._shares)
        self._edge = self.colour.halo if options.seamless else 0  # of what lies at the opposite sides

    @cached_property
    def alpha(self) -> Enlarger:
        """Enlarges transparency: by the network that invents nothing, since texture frays an edge."""
        shares = {find_weights(PIXEL_MODEL): 1.0}
        return self.colour if self._shares == shares else self._enlarger(shares)

    def _enlarger(self, shares: dict[Path, float]) -> Enlarger:
        options = self.options
        rest = (self.device, self.precision, options.self_ensemble, options.back_projection, self._say)
        with keras.device(self.device):
            networks = [(share, Network(load_generator(path), *rest)) for path, share in shares.items()]
        return Enlarger(networks, options.tile, options.halo, self._say)

    def upscale(
        self, picture: Picture, on_pixels: Callable[[int], None] = lambda _: None, size: Size | None = None
    ) -> Picture:
        """Enlarge colour and, if it varies, alpha.

        Args:
            picture: Any size from 1x1 up.
            on_pixels: Told how many LR pixels were finished; they add up to `size.pixels`, twice that with alpha, and
                to more in a seamless texture, whose edges are continued by what lies at the opposite ones.
            size: Of the result; None for four times the picture's. What is not just that is reached by further passes
                and antialiased reductions; what is no larger than the picture by a reduction alone, unless a network
                repairs damage.

        Raises:
            SrganError: Memory does not suffice for a single patch, or the network returns NaN or infinite values.
        """
        size, lr_size = size or Size(), picture.colour.shape[:2]
        if overlay := overlay_of(picture):
            sr = self.upscale(overlay.lifted(picture), on_pixels, size)
            overlay.put_back(sr)
            return sr
        wanted, passes = size.of(*lr_size), size.passes(*lr_size)
        around = _wrapped(picture, self._edge)
        picture = _inside(replace(around, colour=bleed(around)), self._edge)
        tones = tones_of(picture.colour)  # of the whole, so that all windows agree
        if wanted == (SCALE * lr_size[0], SCALE * lr_size[1]):
            return self._pass(picture, tones, on_pixels)
        dtype, picture = picture.colour.dtype, to_16_bits(picture)
        if not self.colour.repairs and all(end <= side for end, side in zip(wanted, lr_size, strict=True)):
            on_pixels(size.pixels(*lr_size) * (1 + (picture.alpha is not None)))
            return self._reduced(picture, wanted, dtype, tones)  # back-projected, a network's is hardly another
        for given in passes[1:]:
            picture = self._reduced(self._pass(picture, tones, on_pixels), given, np.dtype(np.uint16), tones)
        return self._reduced(self._pass(picture, tones, on_pixels), wanted, dtype, tones)

    def _pass(self, picture: Picture, tones: Tones, on_pixels: Callable[[int], None]) -> Picture:
        """The picture, four times as large."""
        picture = _wrapped(picture, self._edge)
        shown = tones.cut(picture.colour)
        seen = shown[..., :1] if is_grey(shown).all() else shown  # a third of the work, and no colour comes up
        colour = self.colour.enlarge(seen, tones, on_pixels)
        keep_areas(colour, seen, tones, self.colour.repairs)
        keep_neutral(colour, seen)
        if seen.shape != shown.shape:
            colour = colour.repeat(shown.shape[-1], axis=-1)
        tones.put_back(colour, picture.colour, shown)
        sr = replace(picture, colour=colour)
        if picture.alpha is not None:
            sr = replace(sr, alpha=keep_solid(self.alpha.enlarge(picture.alpha, WHOLE, on_pixels), picture))
            keep_seen(sr, picture)
        return _inside(sr, SCALE * self._edge)

    def _reduced(self, sr: Picture, size: tuple[int, int], dtype: np.dtype[Any], tones: Tones) -> Picture:
        margin = SCALE * self._edge
        result = to_size(_wrapped(sr, margin), *size, dtype, margin)
        if dtype == np.uint16:  # the reduction swings beyond white
            np.minimum(result.colour, np.uint16(tones.white), out=result.colour)
        return result


def _wrapped(picture: Picture, edge: int) -> Picture:
    """The picture with so many pixels around it of what lies at the opposite sides."""
    around = ((edge, edge), (edge, edge), (0, 0))
    return map_planes(picture, lambda pixels: np.pad(pixels, around, mode="wrap")) if edge else picture


def _inside(picture: Picture, edge: int) -> Picture:
    """The picture without so many pixels around it."""
    return map_planes(picture, lambda pixels: pixels[edge:-edge, edge:-edge]) if edge else picture


def _shares(options: Options) -> dict[Path, float]:
    """The files of the generators to run, each with its share of the result.

    Raises:
        SrganError: They are not there, or the model's is the one that makes up the rest, too.
    """
    model = find_weights(options.model)
    if options.strength == 1:
        return {model: 1.0}
    rest = find_weights(PIXEL_MODEL)
    if model.resolve() == rest.resolve():
        raise UsageError(
            f"--strength mixes a model with {PIXEL_MODEL}, which is the model here",
            "choose another --model, such as srgan",
        )
    shares = {model: options.strength, rest: 1 - options.strength}
    return {path: share for path, share in shares.items() if share}
