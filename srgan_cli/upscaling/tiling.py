"""The geometry of patches, halos and windows, along one axis and then as a product of two; NumPy only.

A picture is cut into patches of `tile` LR pixels. A window is a rectangle of neighbouring patches, its core, together
with a halo of at least `halo` real pixels on every side, clipped (not padded) at the picture's edge. The network sees
windows; of each result only the core is kept. If the halo is at least the network's receptive radius, the outcome is
that of the whole picture.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np


@dataclass(frozen=True)
class Segment:
    """A window along one axis, in LR pixels: it reads `length` pixels from `start` and keeps `core_start:core_stop`."""

    start: int
    length: int
    core_start: int
    core_stop: int

    @property
    def read(self) -> slice:
        """What the network is given, in the LR picture."""
        return slice(self.start, self.start + self.length)

    def keep(self, scale: int) -> slice:
        """The core inside the network's output for this window."""
        return slice(scale * (self.core_start - self.start), scale * (self.core_stop - self.start))

    def place(self, scale: int) -> slice:
        """The core in the SR picture."""
        return slice(scale * self.core_start, scale * self.core_stop)


Window = tuple[Segment, Segment]  # rows, columns


def pixels_in(rows: Segment, columns: Segment) -> int:
    """LR pixels in the core of a window."""
    return (rows.core_stop - rows.core_start) * (columns.core_stop - columns.core_start)


@dataclass(frozen=True)
class Tiling:
    """The windows of one picture, all of one shape, and how many go through the network at once.

    Attributes:
        windows: Every window; their cores cover the picture exactly once.
        batch: Windows per call of the network.
    """

    windows: list[Window]
    batch: int

    @property
    def pixels(self) -> int:
        """LR pixels that go through the network, halos included."""
        return sum(rows.length * columns.length for rows, columns in self.windows)


def split_axis(size: int, tile: int, halo: int, patches: int) -> list[Segment]:
    """Cut an axis of `size` LR pixels into segments of `patches` patches that all read the same length.

    At the picture's edges, where there is nothing to read beyond, a segment reads more on its other side instead, so
    that all are equally long.
    """
    core = patches * tile
    length = min(size, core + 2 * halo)
    return [
        Segment(
            start=min(max(core_start - halo, 0), size - length),
            length=length,
            core_start=core_start,
            core_stop=min(core_start + core, size),
        )
        for core_start in range(0, size, core)
    ]


def plan(height: int, width: int, tile: int, halo: int, budget: int) -> Tiling:
    """The tiling of a picture that computes the fewest pixels.

    Args:
        height: LR pixels.
        width: LR pixels.
        tile: Side of a patch in LR pixels, at least 1.
        halo: Real neighbours that a core is given on each side, in LR pixels.
        budget: The most LR pixels that go through the network at once; a single patch with its halo is let through
            even if it is larger.
    """
    patches = _patches_per_window(height, width, tile, halo, budget)
    rows, columns = (split_axis(size, tile, halo, count) for size, count in zip((height, width), patches, strict=True))
    windows = list(product(rows, columns))
    calls = math.ceil(len(windows) / max(1, budget // (rows[0].length * columns[0].length)))
    return Tiling(windows, math.ceil(len(windows) / calls))


def _patches_per_window(height: int, width: int, tile: int, halo: int, budget: int) -> tuple[int, int]:
    """How many patches (down, across) a window should have, so that the fewest pixels are computed."""

    def candidates(size: int) -> Iterator[tuple[int, int, int]]:
        """Every (patches, pixels read by a window, pixels read by all windows) along one axis."""
        for count in range(1, math.ceil(size / tile) + 1):
            length = min(size, count * tile + 2 * halo)
            if count == 1 or length <= budget:
                yield count, length, length * math.ceil(size / (count * tile))

    best = (math.inf, 1, 1)
    across = list(candidates(width))
    for down, window_height, total_height in candidates(height):
        for count, window_width, total_width in across:
            fits = window_height * window_width <= budget or down == count == 1
            if fits and (total_height * total_width, down, count) < best:
                best = (total_height * total_width, down, count)
    return best[1], best[2]


def run_tiled(
    network: Callable[[np.ndarray], np.ndarray],
    picture: np.ndarray,
    tiling: Tiling,
    scale: int,
    on_pixels: Callable[[int], None] = lambda _: None,
    finish: Callable[[np.ndarray], np.ndarray] = lambda core: core,
) -> np.ndarray:
    """Enlarge a picture window by window.

    Args:
        network: (B, h, w, C) parts of the picture -> (B, scale h, scale w, any). It is always given the same shape: a
            last, smaller batch is filled up by repeating its last window.
        picture: (H, W, C).
        tiling: From `plan` for this height and width.
        scale: SR pixels per LR pixel.
        on_pixels: Told how many LR pixels of the picture each call finished.
        finish: What is kept of one window's output -> (any, any, C), in the picture's dtype. Halos, which may be most
            of an output, are spared it.

    Returns:
        (scale H, scale W, C).
    """
    height, width, channels = picture.shape
    sr = np.empty((scale * height, scale * width, channels), picture.dtype)
    for first in range(0, len(tiling.windows), tiling.batch):
        windows = tiling.windows[first : first + tiling.batch]
        padded = windows + windows[-1:] * (tiling.batch - len(windows))
        outputs = network(np.stack([picture[rows.read, columns.read] for rows, columns in padded]))
        for (rows, columns), output in zip(windows, outputs, strict=False):
            sr[rows.place(scale), columns.place(scale)] = finish(output[rows.keep(scale), columns.keep(scale)])
        on_pixels(sum(pixels_in(*window) for window in windows))
    return sr
