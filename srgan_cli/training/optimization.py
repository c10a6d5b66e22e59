"""How weights follow gradients: Adam with averages, learning-rate schedules, and statistics for batch norms."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from srgan_cli.model import Generator
from srgan_cli.training.options import TrainOptions

STEP_AT, STEP_TO = 0.5, 0.1  # schedule "steps", as in the paper: after half of them a tenth of the rate
COSINE_TO = 0.01


class AveragingAdam(keras.optimizers.Adam):
    """Adam whose moving averages of the weights (`use_ema`) stay out of the network until they are asked for.

    Keras puts them in at the end of every `fit`; here a run is many of those.
    """

    def finalize_variable_values(self, var_list: list[Any]) -> None:
        """Do nothing at the end of a `fit`."""

    def put_averages_into(self, variables: list[Any]) -> None:
        """Overwrite the variables with their averages, if any are kept."""
        steps = int(ops.convert_to_numpy(self.iterations))
        if steps:  # else they are zeros: loss scaling has skipped every step so far
            super().finalize_variable_values(variables)


def make_optimizer(options: TrainOptions, steps: int) -> AveragingAdam:
    """The optimizer of a stage of so many steps."""
    return AveragingAdam(
        LearningRate(options.learning_rate, steps, options.schedule, options.warmup_steps),
        beta_1=options.beta_1,
        clipnorm=options.clip_norm,
        use_ema=options.average > 0,
        ema_momentum=options.average,
    )


class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate by step: rises linearly during a warm-up, then as the schedule says.

    Args:
        highest: The rate behind the warm-up.
        steps: Of the stage.
        schedule: `constant`; `cosine`, down to a hundredth at the end; `steps`, a tenth from half of the steps on.
        warmup_steps: Steps of the warm-up.
    """

    def __init__(self, highest: float, steps: int, schedule: str, warmup_steps: int) -> None:
        self.highest, self.steps, self.schedule, self.warmup_steps = highest, steps, schedule, warmup_steps

    def __call__(self, step: Any) -> Any:
        """The rate at a step, a scalar."""
        step = ops.cast(step, "float32")
        warm = ops.minimum(1.0, (step + 1) / (self.warmup_steps + 1))
        done = ops.clip((step - self.warmup_steps) / max(1, self.steps - self.warmup_steps), 0.0, 1.0)
        factor: Any = 1.0
        if self.schedule == "cosine":
            factor = COSINE_TO + (1 - COSINE_TO) * 0.5 * (1 + ops.cos(np.pi * done))
        elif self.schedule == "steps":
            factor = ops.where(step < STEP_AT * self.steps, 1.0, STEP_TO)
        return self.highest * warm * factor


def rate_of_last_step(optimizer: AveragingAdam) -> float:
    """The learning rate of the last step that was done; `optimizer.learning_rate` is that of the next."""
    return float(ops.convert_to_numpy(optimizer._learning_rate(ops.maximum(optimizer.iterations - 1, 0))))


def batch_norms(model: keras.Model) -> list[layers.BatchNormalization]:
    """All batch norms of a network."""
    return [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]


def estimate_statistics(generator: Generator, batches: Iterable[np.ndarray]) -> None:
    """Set every batch norm's moving statistics to those of many batches together (precise batch norm).

    With momentum 0.8 they otherwise follow the last handful of training batches. After Wu and Johnson, "Rethinking
    'Batch' in BatchNorm", 2021 (https://arxiv.org/abs/2105.07576), section 3: the mean of the batches' means, and the
    mean of their squares (variance + mean^2) minus its square.

    Args:
        generator: In float32; changed in place.
        batches: LR (B, h, w, 3) each, at least one.
    """
    norms = batch_norms(generator)
    trunk = keras.Model(generator.input, generator.get_layer("trunk_add").output)  # behind it are no batch norms
    momentums = [norm.momentum for norm in norms]
    moments = []  # for each batch and batch norm: mean and mean of squares
    for norm in norms:
        norm.momentum = 0.0  # so that the moving statistics are those of the last batch
    for lr in batches:
        trunk(lr, training=True)
        statistics = [[np.array(v, np.float64) for v in (n.moving_mean, n.moving_variance)] for n in norms]
        moments.append([(mean, variance + mean**2) for mean, variance in statistics])
    for norm, momentum, of_batches in zip(norms, momentums, zip(*moments, strict=True), strict=True):
        mean, squares = np.mean(of_batches, axis=0)
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(squares - mean**2)
        norm.momentum = momentum
