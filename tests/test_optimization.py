"""Learning rates by hand, and why batch norms need the statistics of many batches."""

import keras
import numpy as np
import pytest
from conftest import randomise
from keras import ops

from srgan_cli.model import Generator, GeneratorConfig
from srgan_cli.pictures.picture import to_tensor
from srgan_cli.training.optimization import (
    AveragingAdam,
    LearningRate,
    batch_norms,
    estimate_statistics,
    make_optimizer,
    rate_of_last_step,
)
from srgan_cli.training.options import TrainOptions


@pytest.mark.parametrize(
    ("schedule", "warmup", "rates"),
    [
        ("constant", 0, {0: 1, 50: 1, 99: 1}),
        ("constant", 9, {0: 0.1, 4: 0.5, 9: 1, 99: 1}),
        ("cosine", 0, {0: 1, 50: 0.505, 100: 0.01}),
        ("cosine", 20, {20: 1, 60: 0.505, 100: 0.01}),
        ("steps", 0, {0: 1, 49: 1, 50: 0.1, 99: 0.1}),
        ("cosine", 199, {0: 0.005, 99: 0.5}),  # a stage that ends before the warm-up does
    ],
)
def test_learning_rates(schedule: str, warmup: int, rates: dict[int, float]) -> None:
    rate = LearningRate(2.0, 100, schedule, warmup)
    for step, share in rates.items():
        assert float(rate(step)) == pytest.approx(2 * share, rel=1e-5)


def test_an_optimizer_is_what_was_chosen() -> None:
    chosen = TrainOptions(
        learning_rate=1e-3, schedule="cosine", warmup_steps=9, beta_1=0.8, clip_norm=0.5, average=0.9, steps=7
    )
    adam = make_optimizer(chosen, 100)
    assert (adam.beta_1, adam.clipnorm, adam.use_ema, adam.ema_momentum) == (0.8, 0.5, True, 0.9)
    adam.build([keras.Variable(np.zeros(1))])
    for step, rate in ((0, 1e-4), (9, 1e-3), (100, 1e-5)):
        adam.iterations.assign(step)
        assert float(keras.ops.convert_to_numpy(adam.learning_rate)) == pytest.approx(rate, rel=1e-5)


def test_averages_stay_out_of_the_network_until_asked_for() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(AveragingAdam(1.0, use_ema=True, ema_momentum=0.5), "mse")
    model.fit(np.ones((2, 1)), 10 * np.ones((2, 1)), batch_size=1, epochs=1, verbose=0)
    trained = float(model.get_weights()[0][0, 0])
    assert trained == pytest.approx(2, abs=0.1)  # two steps of 1
    model.optimizer.put_averages_into(model.trainable_variables)
    assert 0.5 < float(model.get_weights()[0][0, 0]) < trained - 0.2


def test_before_the_first_step_there_are_no_averages() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    optimizer = AveragingAdam(1.0, use_ema=True)
    optimizer.build(model.trainable_variables)
    optimizer.put_averages_into(model.trainable_variables)
    assert float(model.get_weights()[0][0, 0]) == 1


def test_precise_statistics_matter(photo: np.ndarray) -> None:
    """Moving statistics of momentum 0.8 are those of the last batch or so: here one that is unlike the others."""
    keras.utils.set_random_seed(0)
    generator = randomise(Generator(GeneratorConfig(filters=8, residual_blocks=2)))
    batches = [to_tensor(photo[None, top : top + 32, left : left + 32]) for top in (0, 48, 96) for left in (0, 80, 160)]
    dark = [batch * 0.05 - 0.95 for batch in batches[:2]]
    for batch in batches * 3 + dark:
        generator(batch, training=True)
    everything = np.concatenate(batches)

    def error() -> float:
        """RMS difference from what the network put out in training, with statistics of what it is given."""
        kept = generator.get_weights()
        wanted = np.array(generator(everything, training=True))
        generator.set_weights(kept)
        return float(np.sqrt(np.mean((np.array(generator(everything, training=False)) - wanted) ** 2)))

    moving = error()
    estimate_statistics(generator, batches)
    assert error() < 0.4 * moving
    assert {norm.momentum for norm in batch_norms(generator)} == {0.8}


def test_precise_statistics_are_those_of_all_batches_together(photo: np.ndarray) -> None:
    generator = randomise(Generator(GeneratorConfig(filters=8, residual_blocks=1)))
    batches = [to_tensor(photo[None, :32, :32]) * share for share in (0.1, 1.0)]  # unlike each other
    together = keras.Model(generator.input, generator.get_layer("block1_conv1").output)(np.concatenate(batches))
    estimate_statistics(generator, batches)
    norm = generator.get_layer("block1_norm1")
    np.testing.assert_allclose(norm.moving_mean, np.mean(together, axis=(0, 1, 2)), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, np.var(together, axis=(0, 1, 2)), rtol=1e-3, atol=1e-5)


def test_precise_statistics_of_one_batch_are_that_batch_s(photo: np.ndarray) -> None:
    generator = randomise(Generator(GeneratorConfig(filters=8, residual_blocks=1)))
    batch = to_tensor(photo[None])
    estimate_statistics(generator, [batch])
    np.testing.assert_allclose(generator(batch, training=False), generator(batch, training=True), atol=2e-4)


def test_the_rate_of_a_report_is_that_of_its_last_step() -> None:
    schedule = {"schedule": "steps", "learning_rate": 2.0, "warmup_steps": 1}
    optimizer = make_optimizer(TrainOptions(**schedule), 4)  # type: ignore[arg-type]
    variable = keras.Variable([1.0])
    optimizer.build([variable])
    rates = []
    for _ in range(4):
        optimizer.apply([ops.ones(1)], [variable])
        rates.append(rate_of_last_step(optimizer))
    assert rates == pytest.approx([1, 2, 0.2, 0.2])
