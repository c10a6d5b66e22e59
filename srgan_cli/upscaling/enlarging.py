"""Planes of any size -> four times as large, by as many windows at once as memory allows."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from srgan_cli import SCALE
from srgan_cli.errors import SrganError, is_out_of_memory
from srgan_cli.pictures.picture import to_pixels, to_tensor
from srgan_cli.pictures.tones import Tones
from srgan_cli.upscaling import tiling
from srgan_cli.upscaling.inference import Network, blend
from srgan_cli.upscaling.memory import available

MEMORY_BUDGET = 2 * 2**30  # bytes that one call of the network may take


class Enlarger:
    """Networks, each with its share of the result, and the windows that they are shown.

    Attributes:
        tile: Side of a patch in LR pixels.
        halo: Real neighbours read around it, in LR pixels.
        run_network: LR (B, h, w, 3) -> SR (B, 4 h, 4 w, 3), float32 RGB in [-1, 1].
        repairs: Whether one of the networks learned to repair damage.
        receptive_radius: From how far an LR pixel can reach, in LR pixels: a halo of it makes tiles exact.

    Args:
        networks: On one device, in one precision.
        tile: Side of a patch in LR pixels.
        halo: Likewise; larger than the receptive radius, it is made that.
        say: Told when less is computed at a time.
    """

    def __init__(
        self, networks: Sequence[tuple[float, Network]], tile: int, halo: int, say: Callable[[str], None]
    ) -> None:
        self.tile, self._say, self._networks = tile, say, [network for _, network in networks]
        self.run_network = blend(networks)
        self.receptive_radius = max(network.receptive_radius for network in self._networks)
        self.halo = min(halo, self.receptive_radius)
        self.repairs = any(network.generator.settings.degradation != "bicubic" for network in self._networks)
        self._on_cpu = self._networks[0].device.startswith("cpu")
        self._window_budget = self._pixels_within(MEMORY_BUDGET)

    def enlarge(self, pixels: np.ndarray, tones: Tones, on_pixels: Callable[[int], None]) -> np.ndarray:
        """(H, W, 1 or 3) -> (4 H, 4 W, 1 or 3), by windows, made smaller for as long as memory does not suffice.

        Raises:
            SrganError: It does not even for a single patch.
        """
        height, width, channels = pixels.shape
        if (pixels[0] == pixels[0, 0]).all() and (pixels == pixels[0]).all():  # one colour, down to a single pixel
            on_pixels(height * width)
            return np.tile(pixels[:1, :1], (SCALE * height, SCALE * width, 1))
        plan = tiling.plan(height, width, self.tile, self.halo, self._affordable(pixels.nbytes))
        progress = _Progress(on_pixels, height * width / plan.pixels / len(self._networks))
        for network in self._networks:
            network.on_pixels = progress.advance
        try:
            run = partial(self._run_windows, tones=tones)
            finish = partial(_to_pixels, channels=channels, dtype=pixels.dtype, tones=tones)
            return tiling.run_tiled(run, pixels, plan, SCALE, progress.finish, finish)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._window_budget = plan.pixels * plan.batch // len(plan.windows) // 2
            if tiling.plan(height, width, self.tile, self.halo, self._affordable(pixels.nbytes)) == plan:
                raise SrganError("out of memory", "lower --tile, or close other programs") from error
        self._say(f"out of memory; going on with at most {self._window_budget:,} pixels at once")
        progress.take_back()
        return self.enlarge(pixels, tones, on_pixels)

    def _affordable(self, lr_bytes: int) -> int:
        """LR pixels at once: as many as the budget has, but on a CPU only half of what memory SR leaves free."""
        free = available() if self._on_cpu else None
        if free is None:
            return self._window_budget
        room = free - 2 * SCALE**2 * lr_bytes  # SR, and its encoder's copy
        return max(1, min(self._window_budget, self._pixels_within(room // 2)))

    def _pixels_within(self, memory: int) -> int:
        return min(network.pixels_within(memory) for network in self._networks)

    def _run_windows(self, windows: np.ndarray, tones: Tones) -> np.ndarray:
        """(B, h, w, 1 or 3) pixels -> (B, 4 h, 4 w, 3) float32."""
        lr = to_tensor(windows, tones)
        return self.run_network(np.repeat(lr, 3 // lr.shape[-1], axis=-1))


class _Progress:
    """Tells how many LR pixels of a picture were finished, also while a window takes long.

    Args:
        on_pixels: Is told.
        share: Of a window's pixels, halo included, in each network: what part of them the picture has.
    """

    def __init__(self, on_pixels: Callable[[int], None], share: float) -> None:
        self._on_pixels, self._share = on_pixels, share
        self._finished = self._ahead = 0

    def advance(self, pixels: float) -> None:
        """Some of the present windows' pixels are done."""
        count = int(self._share * pixels)
        self._ahead += count
        self._on_pixels(count)

    def finish(self, count: int) -> None:
        """So many of the picture's pixels are, by the present windows."""
        self._finished += count
        self._on_pixels(count - self._ahead)
        self._ahead = 0

    def take_back(self) -> None:
        """All has to be done once more."""
        self._on_pixels(-self._finished - self._ahead)


def _to_pixels(sr: np.ndarray, channels: int, dtype: np.dtype[Any], tones: Tones) -> np.ndarray:
    """(H, W, 3) float32 -> (H, W, 1 or 3) pixels."""
    if channels == 1:
        red, green, blue = np.moveaxis(sr, -1, 0)
        sr = ((red + green + blue) / np.float32(3))[..., None]  # as `mean`, which is slow along so short an axis
    return to_pixels(sr, dtype, tones)
