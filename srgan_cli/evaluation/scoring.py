"""Pairs of pictures -> scores, for any number of models beside bicubic interpolation."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from srgan_cli import SCALE
from srgan_cli.degradation import bicubic, resize
from srgan_cli.errors import OutOfMemoryError, SrganError, is_out_of_memory, said_of
from srgan_cli.evaluation.lpips import LEAST_SIDE, Lpips
from srgan_cli.evaluation.pairs import Pair, match_names
from srgan_cli.metrics import METRICS, SSIM_WINDOW, Metric, Scores, colour_shift, luma, psnr, ssim
from srgan_cli.pictures.alpha import flatten
from srgan_cli.pictures.images import read_picture
from srgan_cli.pictures.picture import Picture, as_rgb8
from srgan_cli.released import is_run, released
from srgan_cli.upscaling.upscaler import Options, Upscaler

BICUBIC = "bicubic"
MADE = "antialiased bicubic"
Model = Callable[[Pair, Picture], Picture]  # a pair and its LR picture -> SR


@dataclass(frozen=True)
class Protocol:
    """How pictures are compared; without it a number means nothing.

    Attributes:
        channel: `y`, the luma of BT.601 in studio range, or `rgb`.
        border: HR pixels left out at each edge by PSNR and SSIM.
        lr: How LR came about, in words.
        lpips: Whether that is measured, too.
        device: Where the models are computed, in Keras's words; None if all results were given.
        precision: In which they are; LPIPS is in float32.
        back_projection: Whether what SR lacks of LR is added to it; see `inference.Network`.
    """

    channel: Literal["y", "rgb"] = "y"
    border: int = SCALE
    lr: str = MADE
    lpips: bool = True
    device: str | None = None
    precision: str | None = None
    back_projection: bool | None = None

    @property
    def metrics(self) -> list[Metric]:
        """What is measured, in the order in which it is shown."""
        return [metric for metric in METRICS if self.lpips or metric.key != "lpips"]

    def __str__(self) -> str:
        """One line for people."""
        lpips = " LPIPS v0.1 SqueezeNet on the whole RGB picture;" if self.lpips else ""
        channel = {"y": "BT.601 studio luma", "rgb": "RGB"}[self.channel]
        return (
            f"x{SCALE}, HR cropped to multiples of {SCALE}, LR: {self.lr}; SR rounded to 8 bits;"
            f" PSNR and SSIM ({SSIM_WINDOW}x{SSIM_WINDOW} Gaussian, sigma 1.5) on {channel}"
            f" without a border of {self.border};{lpips}"
            " colour shift: of the reduced SR against LR, largest channel; means over pictures"
            + (f"; models computed on {self.device} in {self.precision}" if self.device else "")
            + (", back-projected" if self.back_projection else "")
        )


def origin_of_lr(folder: Path | None) -> str:
    """How LR came about, in words: from this folder, or, if that is None, made from HR."""
    return f"given ({folder.resolve().name})" if folder else MADE


@dataclass(frozen=True)
class Failure:
    """A picture that was not measured, and why."""

    source: Path
    error: SrganError


@dataclass(frozen=True)
class Result:
    """What came of one pair.

    Attributes:
        name: Of the pair.
        hr: (H, W, 3) uint8, sides multiples of 4.
        sr: Model -> SR shaped as `hr`; bicubic first.
        scores: Of each model.
    """

    name: str
    hr: np.ndarray
    sr: dict[str, np.ndarray]
    scores: Scores


def load_models(options: Sequence[Options], pairs: Sequence[Pair]) -> dict[str, Model]:
    """The name as given on the command line -> the model.

    Args:
        options: One for each model; its `model` may also be a folder of SR pictures that another program made.
        pairs: That will be evaluated.

    Raises:
        SrganError: Weights cannot be loaded, a picture of such a folder is missing, or one is called `bicubic`.
    """
    if any(o.model == BICUBIC for o in options):
        raise SrganError(f"{BICUBIC} is always in the table", f"leave it out, or name a folder as ./{BICUBIC}")
    ready_made = {o.model: _ready_made(Path(o.model), pairs) for o in options if o.model not in {"", *released()}}
    return {o.model: ready_made.get(o.model) or _Computed(o) for o in options}


class _Computed:
    """A model that is run."""

    def __init__(self, options: Options) -> None:
        self.upscaler = Upscaler(options)

    def __call__(self, _: Pair, lr: Picture) -> Picture:
        return self.upscaler.upscale(lr)


def computed_in(models: Mapping[str, Model]) -> tuple[str, str, bool] | tuple[()]:
    """Device and precision of the models that are run, and whether they are back-projected; nothing without any."""
    upscalers = [model.upscaler for model in models.values() if isinstance(model, _Computed)]
    return next(((each.device, each.precision, each.options.back_projection) for each in upscalers), ())


def _ready_made(folder: Path, pairs: Sequence[Pair]) -> Model | None:
    if not folder.is_dir() or is_run(folder) or (folder / "generator.keras").exists():
        return None
    files = match_names({pair.name: pair.hr for pair in pairs}, folder)
    return lambda pair, _: _read_visible(files[pair.name])


def evaluate(
    pairs: Sequence[Pair], models: Mapping[str, Model], protocol: Protocol, distance: Lpips | None
) -> Iterator[Result | Failure]:
    """Compare each pair's SR with its HR; the next pair is read meanwhile. One that fails does not end it.

    Args:
        pairs: From `pairs.find_pairs`.
        models: From `load_models`.
        protocol: What is compared.
        distance: Computes LPIPS; None leaves it out.
    """
    for pair, pictures in _read_ahead(pairs):
        try:
            hr, lr = pictures()
            yield _compare(pair, hr, lr, models, protocol, distance)
        except SrganError as error:
            yield Failure(pair.hr, error)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            yield Failure(pair.hr, OutOfMemoryError(pair.hr, "leave it out, or --no-lpips"))


def _read_ahead(pairs: Sequence[Pair]) -> Iterator[tuple[Pair, Callable[[], tuple[np.ndarray, Picture]]]]:
    with ThreadPoolExecutor(max_workers=1) as pool:
        reading = [pool.submit(_read, pair) for pair in pairs[:1]]
        for pair, following in zip(pairs, [*pairs[1:], None], strict=True):
            future = reading.pop()
            if following:
                reading.append(pool.submit(_read, following))
            yield pair, future.result


def _read_visible(path: Path) -> Picture:
    """A picture as it looks on white, since nobody sees what colours lie under transparency."""
    return flatten(read_picture(path), (255, 255, 255))


def _read(pair: Pair) -> tuple[np.ndarray, Picture]:
    """HR (4 h, 4 w, 3) uint8, cropped to multiples of 4, and LR (h, w), grey if HR is."""
    picture = _read_visible(pair.hr)
    height, width = (side // SCALE for side in picture.colour.shape[:2])
    hr = as_rgb8(picture.colour)[: SCALE * height, : SCALE * width]
    if not pair.lr:
        if not hr.size:
            raise SrganError(f"{pair.hr}: is under {SCALE} pixels high or wide", "leave it out")
        return hr, Picture(bicubic(hr)[..., : picture.colour.shape[-1]])
    lr = _read_visible(pair.lr)
    if lr.colour.shape[:2] != (height, width):
        size = "{1}x{0}".format(*lr.colour.shape)
        raise SrganError(
            f"{pair.lr}: is {size}, but a quarter of {pair.hr} is {width}x{height}", "give the LR of this HR"
        )
    return hr, lr


def _compare(
    pair: Pair, hr: np.ndarray, lr: Picture, models: Mapping[str, Model], protocol: Protocol, distance: Lpips | None
) -> Result:
    least = SCALE * math.ceil(max(SSIM_WINDOW + 2 * protocol.border, LEAST_SIDE if distance else 0) / SCALE)
    if min(hr.shape[:2]) < least:
        size = "{1}x{0}".format(*hr.shape)
        raise SrganError(
            f"{pair.hr}: {size} is too small, the metrics need {least} pixels a side",
            _how_to_measure(min(hr.shape[:2]), protocol),
        )
    lr8 = as_rgb8(lr.colour)
    sr = {BICUBIC: resize(lr8, *hr.shape[:2])}
    for name, model in models.items():
        with said_of(f"{pair.hr} by {name}"):
            sr[name] = as_rgb8(model(pair, lr).colour)
        if sr[name].shape != hr.shape:
            width, height = sr[name].shape[1::-1]
            raise SrganError(
                f"{pair.name}: {name} has {width}x{height} pixels, HR {hr.shape[1]}x{hr.shape[0]}",
                "give results four times as large as LR",
            )
    scores = {name: _score(picture, hr, lr8, protocol, distance) for name, picture in sr.items()}
    return Result(pair.name, hr, sr, scores)


def _how_to_measure(side: int, protocol: Protocol) -> str:
    """What helps a picture of so few pixels a side."""
    if side < SSIM_WINDOW:
        return "leave it out"
    lower = f"use --border {(side - SSIM_WINDOW) // 2}" if side < SSIM_WINDOW + 2 * protocol.border else ""
    return " and ".join(filter(None, [lower, "add --no-lpips" if protocol.lpips and side < LEAST_SIDE else ""]))


def _score(
    sr: np.ndarray, hr: np.ndarray, lr: np.ndarray, protocol: Protocol, distance: Lpips | None
) -> dict[str, float]:
    """By `Metric.key`; all three are (H, W, 3) uint8."""
    a, b = (luma(sr), luma(hr)) if protocol.channel == "y" else (sr, hr)
    scores = {"psnr": psnr(a, b, protocol.border), "ssim": ssim(a, b, protocol.border)}
    if distance:
        scores["lpips"] = distance(sr, hr)
    return {**scores, "colour_shift": colour_shift(bicubic(sr), lr)}
