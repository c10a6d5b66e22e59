"""Back-projection: SR with what its reduction lacks of LR."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

BICUBIC_REACH = 2  # LR pixels, of a reduction and of an enlargement


@dataclass(frozen=True)
class BackProjection:
    """SR (B, 4 H, 4 W, C), LR (B, H, W, C) -> SR; float32 in [-1, 1].

    What the bicubic reduction of SR lacks of LR is enlarged bicubically and added. After Irani and Peleg, "Improving
    resolution by image registration", 1991, section 4. A network sees patterns of single pixels (thin lines, dithering)
    too seldom to give them their colour.

    Attributes:
        times: How often; each time less is lacking.
        side: What is added is the mean over squares of so many LR pixels, an odd number.
        most: What a pixel may lack, at most, to count for that.
    """

    times: int
    side: int = 1
    most: float = 2.0

    @property
    def reach(self) -> int:
        """How much farther than without it, in LR pixels, an input can change an output."""
        return self.times * (2 * BICUBIC_REACH + self.side // 2)

    def __call__(self, sr: np.ndarray, lr: np.ndarray) -> np.ndarray:
        """Add what is lacking."""
        for _ in range(self.times):
            lacking = lr - ops.clip(_resize(sr, lr), -1, 1)  # LR does not swing beyond white or black beside edges
            lacking = ops.clip(lacking, -self.most, self.most)
            mean = ops.average_pool(lacking, self.side, 1, "same", data_format="channels_last")
            sr = ops.clip(sr + _resize(mean, sr), -1, 1)
        return ops.convert_to_numpy(sr)


def _resize(pictures: Any, like: Any) -> Any:
    return ops.image.resize(pictures, like.shape[1:3], "bicubic", antialias=True, data_format="channels_last")


BACK_PROJECTIONS = {  # by what LR was in training
    "bicubic": BackProjection(3),  # once leaves a quarter of what thin lines lack
    "photo": BackProjection(1, 9, 16 / 127.5),  # in single pixels it lacks the damage, and beside edges more
}
