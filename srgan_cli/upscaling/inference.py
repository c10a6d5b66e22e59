"""A trained generator as it is run: fused, on a device, in a precision, checked, and corrected."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import keras
import numpy as np

from srgan_cli.errors import SrganError, networks_errors
from srgan_cli.model import Generator
from srgan_cli.upscaling.fusion import PART_BYTES, FusedGenerator
from srgan_cli.upscaling.memory import BESIDE_PARTS
from srgan_cli.upscaling.projection import BACK_PROJECTIONS, BackProjection

BLACK = -0.99  # as good as 0 of 255
SYMMETRIES = tuple(product(range(4), (1, -1)))  # quarter turns, and the order of columns


class Network:
    """LR (B, H, W, 3) -> SR (B, 4 H, 4 W, 3), float32 RGB in [-1, 1].

    Args:
        generator: A trained one.
        device: In Keras's words, such as `gpu:0`.
        precision: `float32`, `bfloat16` or `float16`.
        self_ensemble: Give the mean over the eight flips and quarter turns of the input (Timofte et al. 2016, "Seven
            ways to improve example-based single image super resolution", section 3.5).
        back_projection: Add what SR lacks of LR. A generator that learned to repair lacks damage, too, so of its SR
            only the mean of areas is made right.
        say: Told when something had to be computed again.

    Attributes:
        receptive_radius: How far away, in LR pixels, an input can still change an output.
        on_pixels: Told, during a long call, how many of its LR pixels were finished; they add up to all.
    """

    def __init__(
        self,
        generator: Generator,
        device: str,
        precision: str,
        self_ensemble: bool,
        back_projection: bool,
        say: Callable[[str], None],
    ) -> None:
        self.generator, self.device, self.precision = generator, device, precision
        self._self_ensemble, self._say = self_ensemble, say
        self.on_pixels: Callable[[float], None] = lambda _: None
        self._project = BACK_PROJECTIONS[generator.settings.degradation] if back_projection else BackProjection(0)
        self.receptive_radius = generator.settings.receptive_radius + self._project.reach
        self._by_parts = device.startswith("cpu")  # a GPU's features would have to come back, and go there once more
        with keras.device(device):
            self._fused = FusedGenerator(generator, precision)

    def __call__(self, lr: np.ndarray) -> np.ndarray:
        """Enlarge windows.

        Raises:
            SrganError: The network returns NaN or infinite values.
        """
        sr = _mean_over_symmetries(self._run, lr) if self._self_ensemble else self._run(lr)
        with networks_errors(), keras.device(self.device):
            return self._project(sr, lr)

    def _run(self, lr: np.ndarray) -> np.ndarray:
        with networks_errors(), keras.device(self.device):
            sr = self._predict(self._fused, lr)
            if self.precision != "float32" and not _is_plausible(lr, sr):
                self._say(f"a window came out empty in {self.precision} and is computed again in float32")
                sr = self._predict(self._exact, lr)
        if not np.isfinite(sr).all():
            raise SrganError(
                "the network returned NaN or infinite values", "its training diverged; use another --model"
            )
        return sr

    def _predict(self, network: FusedGenerator, lr: np.ndarray) -> np.ndarray:
        if not self._by_parts:
            return np.asarray(network.predict_on_batch(lr))
        calls = len(SYMMETRIES) if self._self_ensemble else 1
        return network.predict_by_parts(lr, lambda pixels: self.on_pixels(pixels / calls))

    def pixels_within(self, memory: int) -> int:
        """LR pixels that can be enlarged at once in so many bytes."""
        whole = memory // self._fused.bytes_per_pixel
        return max(whole, (memory - PART_BYTES) // BESIDE_PARTS) if self._by_parts else whole

    @cached_property
    def _exact(self) -> FusedGenerator:
        return FusedGenerator(self.generator)


def blend(networks: Sequence[tuple[float, Network]]) -> Callable[[np.ndarray], np.ndarray]:
    """The sum of what networks make of the same windows, each times its share, as one network.

    Wang et al. ("ESRGAN", 2018, section 3.4) interpolate the networks' numbers instead, which takes half the time. That
    needs one to descend from the other, and leaves less texture for the same PSNR (weights/EXPERIMENTS.md).
    """
    if len(networks) == 1:
        return networks[0][1]
    return lambda lr: np.sum([np.float32(share) * network(lr) for share, network in networks], axis=0)


def _is_plausible(lr: np.ndarray, sr: np.ndarray) -> bool:
    """Whether SR has numbers only, and is not black where LR is not; half precision may overflow to either."""
    if not np.isfinite(sr).all():
        return False
    black = sr.max(axis=(1, 2, 3)) <= BLACK
    return not (black & (lr.mean(axis=(1, 2, 3)) > BLACK)).any()


def _mean_over_symmetries(network: Callable[[np.ndarray], np.ndarray], lr: np.ndarray) -> np.ndarray:
    """The mean of what a network makes of the eight flips and quarter turns of (B, H, W, C), each turned back."""
    total: Any = 0
    for turns, step in SYMMETRIES:
        sr = network(np.ascontiguousarray(np.rot90(lr, turns, axes=(1, 2))[:, :, ::step]))
        total = total + np.rot90(sr[:, :, ::step], -turns, axes=(1, 2))
    return np.asarray(total / np.float32(len(SYMMETRIES)))
