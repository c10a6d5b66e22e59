"""What a run looks like from outside: the generator as it would be released, on squares that stay the same."""

import math
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from keras import ops

from srgan_cli import SCALE
from srgan_cli.device import computing_in
from srgan_cli.errors import SrganError
from srgan_cli.metrics import luma, psnr, ssim
from srgan_cli.model import Generator, load_generator
from srgan_cli.pictures.picture import to_pixels
from srgan_cli.training.batches import Batches
from srgan_cli.training.data import Pictures
from srgan_cli.training.losses import Loss
from srgan_cli.training.optimization import estimate_statistics
from srgan_cli.training.options import TrainOptions

SQUARES = 8
STATISTICS_SQUARES, STATISTICS_BATCHES = 64, 8


class Validation:
    """Fixed squares, and the float32 generator that enlarges them.

    Args:
        options: Of the run; `sampling` must be chosen.
        pictures: Its training pictures.
        generator: Of the run, for its shape.
    """

    def __init__(self, options: TrainOptions, pictures: Pictures, generator: Generator) -> None:
        self.pictures = Pictures(options.validation, 0) if options.validation else pictures
        fixed = replace(options, batch_size=min(SQUARES, len(self.pictures)), seed=options.seed + 1)
        self.lr, self.hr = Batches(self.pictures, fixed, as_floats=True)[0]
        count = max(STATISTICS_BATCHES, STATISTICS_SQUARES // options.batch_size)
        batches = Batches(pictures, options, as_floats=True)
        squares = [batches[step][0] for step in range(0 if options.batch_norm == "frozen" else count)]
        self._statistics_of = np.array_split(np.concatenate(squares), STATISTICS_BATCHES) if squares else []
        with computing_in("float32"):
            self.released = Generator(generator.settings)

    def release(self, weights: list[np.ndarray]) -> None:
        """Give the released generator these weights, and its batch norms the statistics of many batches."""
        self.released.set_weights(weights)
        if self._statistics_of:
            estimate_statistics(self.released, self._statistics_of)

    def enlarge(self) -> np.ndarray:
        """SR (B, hr_size, hr_size, 3) in [-1, 1] of the squares."""
        return ops.convert_to_numpy(self.released(self.lr, training=False))

    def score(self, sr: np.ndarray, loss: Loss) -> dict[str, float]:
        """Means over the squares: `psnr` in dB and `ssim` on luma, and `validation`, the content loss.

        Args:
            sr: From `enlarge`.
            loss: (HR, SR) -> a scalar.
        """
        losses = [loss(self.hr[i : i + 1], sr[i : i + 1]) for i in range(len(sr))]
        pairs = [(luma(a), luma(b)) for a, b in zip(*map(to_pixels, (sr, self.hr)), strict=True)]
        return {
            "psnr": float(np.mean([psnr(a, b, SCALE) for a, b in pairs])),
            "ssim": float(np.mean([ssim(a, b, SCALE) for a, b in pairs])),
            "validation": float(np.mean([ops.convert_to_numpy(each) for each in losses])),
        }

    def measure(self, path: Path, loss: Loss) -> float:
        """The `validation` loss of a released generator in a file; infinite if it cannot be read."""
        try:
            self.released.set_weights(load_generator(path).get_weights())
        except (SrganError, ValueError):  # the latter: of another size
            return math.inf
        return self.score(self.enlarge(), loss)["validation"]

    def is_sound(self, generator: Generator, discriminator: keras.Model, loss: Loss) -> bool:
        """Whether the networks of a run, as they are in training, still give numbers."""
        with keras.StatelessScope():  # leaves the batch norms' moving statistics as they are
            sr = generator(self.lr[:1], training=True)
            probability = discriminator(sr, training=True)
        values = loss(self.hr[:1], sr), ops.mean(probability)
        return all(math.isfinite(float(ops.convert_to_numpy(value))) for value in values)

    def sheet(self, sr: np.ndarray) -> np.ndarray:
        """(B hr_size, 3 hr_size, 3) uint8: a row of LR (enlarged by repeating pixels), SR and HR for each square."""
        lr = self.lr.repeat(SCALE, axis=1).repeat(SCALE, axis=2)
        columns = [np.concatenate(list(to_pixels(t))) for t in (lr, sr, self.hr)]
        return np.concatenate(columns, axis=1)
