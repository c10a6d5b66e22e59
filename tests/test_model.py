"""The networks are those of the paper and travel safely."""

import json
import os
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from srgan_cli.errors import SrganError
from srgan_cli.layers import UpsampleConv2D
from srgan_cli.model import (
    Generator,
    GeneratorConfig,
    build_discriminator,
    load_discriminator,
    load_generator,
)


def count(variables: list[keras.Variable]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)


def test_generator_has_the_design_s_shape_and_size() -> None:
    generator = Generator()
    assert generator.count_params() == 2_042_691
    assert count(generator.trainable_variables) == 2_038_467
    assert generator.compute_output_shape((None, 64, 64, 3)) == (None, 256, 256, 3)


def test_discriminator_has_the_design_s_shape_and_size() -> None:
    discriminator = build_discriminator()
    assert discriminator.count_params() == 5_219_137
    assert count(discriminator.trainable_variables) == 5_215_425
    assert discriminator.compute_output_shape((None, 256, 256, 3)) == (None, 16, 16, 1)
    probability = ops.convert_to_numpy(discriminator(np.zeros((1, 32, 48, 3), "float32")))
    assert probability.shape == (1, 2, 3, 1)
    assert (probability > 0).all()
    assert (probability < 1).all()


def test_the_discriminator_is_the_design_s_layer_by_layer() -> None:
    found = build_discriminator().layers[1:]
    expected: list[tuple[type, Any]] = []
    for number in range(1, 9):
        expected += [(layers.Conv2D, (2 - number % 2,) * 2), (layers.LeakyReLU, None)]
        expected += [(layers.BatchNormalization, None)] * (number > 1)
    expected += [(layers.Dense, None), (layers.LeakyReLU, None), (layers.Dense, None)]
    assert [(type(layer), getattr(layer, "strides", None)) for layer in found] == expected
    assert {layer.negative_slope for layer in found if isinstance(layer, layers.LeakyReLU)} == {0.2}


ON_JAX = """
import jax
from keras import ops
from srgan_cli.training.objectives import adversarial_loss
gradient = jax.grad(lambda logit: adversarial_loss(ops.sigmoid(logit)))
print([float(gradient(ops.convert_to_tensor(logit, "float32"))) for logit in (-60, -20, 0, 20)])
"""


def test_a_discriminator_that_is_sure_still_teaches_on_jax() -> None:
    pytest.importorskip("jax")
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", ON_JAX], capture_output=True, text=True, env=environment, check=True)
    assert json.loads(done.stdout) == pytest.approx([-1, -1, -0.5, 0], abs=1e-5)


def test_batch_norms_have_momentum_0_8() -> None:
    norms = [
        layer
        for model in (Generator(), build_discriminator())
        for layer in model.layers
        if isinstance(layer, layers.BatchNormalization)
    ]
    assert len(norms) == 33 + 7
    assert {norm.momentum for norm in norms} == {0.8}


def test_output_is_within_the_range_of_a_tensor(small_generator: Generator) -> None:
    lr = np.random.default_rng(0).uniform(-1, 1, (2, 5, 7, 3)).astype("float32")
    sr = small_generator.predict_on_batch(lr)
    assert sr.shape == (2, 20, 28, 3)
    assert np.abs(sr).max() <= 1


def test_receptive_radius_of_the_paper_s_network_is_40() -> None:
    assert GeneratorConfig().receptive_radius == 40


@pytest.mark.parametrize("blocks", [1, 2])
def test_nothing_beyond_the_receptive_radius_changes_an_output(blocks: int) -> None:
    config = GeneratorConfig(filters=4, residual_blocks=blocks)
    generator, radius = Generator(config), config.receptive_radius
    lr = np.random.default_rng(0).uniform(-1, 1, (1, 3, 2 * radius + 9, 3)).astype("float32")
    changed = lr.copy()
    changed[:, :, 0] *= -1
    difference = np.abs(generator.predict_on_batch(lr) - generator.predict_on_batch(changed)).max(axis=(0, 1, 3))
    assert difference[: 4 * radius].any()
    assert not difference[4 * (radius + 1) :].any()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 5), (6, 4)])
def test_upsample_conv_equals_upsampling_and_convolution(height: int, width: int) -> None:
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype("float32")
    ours = UpsampleConv2D(5)
    theirs = keras.Sequential([layers.UpSampling2D(2), layers.Conv2D(5, 3, padding="same", activation="relu")])
    ours.build(x.shape)
    theirs.build(x.shape)
    ours.bias.assign(np.random.default_rng(1).normal(size=5))
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ops.convert_to_numpy(ours(x)), ops.convert_to_numpy(theirs(x)), atol=2e-6)
    assert ours.compute_output_shape((None, height, None, 3)) == (None, 2 * height, None, 5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradients are taken with TensorFlow here")
def test_upsample_conv_has_the_gradients_of_upsampling_and_convolution() -> None:
    import tensorflow as tf

    x = tf.random.stateless_normal((2, 4, 6, 3), seed=(0, 0))
    ours = UpsampleConv2D(5)
    theirs = keras.Sequential([layers.UpSampling2D(2), layers.Conv2D(5, 3, padding="same", activation="relu")])
    ours.build(x.shape)
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    gradients = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_mean(tf.square(layer(x) - 0.5))
        gradients.append(tape.gradient(loss, [x, *layer.trainable_variables]))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-6)


def test_saved_generator_loads_bit_for_bit(small_generator: Generator, tmp_path: Path) -> None:
    small_generator.save(tmp_path / "g.keras")
    for load in (load_generator, keras.saving.load_model):
        loaded = load(tmp_path / "g.keras")
        assert loaded.settings == small_generator.settings
        for saved, read in zip(small_generator.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(saved, read)


def rewrite_config(path: Path, **changes: object) -> None:
    """Change entries in the configuration inside a `.keras` file, or take them out (None)."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    entries = {**config["config"], **changes}
    config["config"] = {name: value for name, value in entries.items() if value is not None}
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    "changes",
    [
        {"filters": 10**9},
        {"filters": "64"},
        {"residual_blocks": -1},
        {"residual_blocks": 3},
        {"filters": 4},
        {"degradation": "rain"},
        {"filters": 8.0},
    ],
)
def test_weights_with_a_false_configuration_are_refused(
    small_generator: Generator, tmp_path: Path, changes: dict[str, object]
) -> None:
    small_generator.save(tmp_path / "g.keras")
    rewrite_config(tmp_path / "g.keras", **changes)
    with pytest.raises(SrganError, match=r"g\.keras: not the weights of a generator"):
        load_generator(tmp_path / "g.keras")


def test_weights_tell_what_they_were_trained_on(tmp_path: Path) -> None:
    Generator(GeneratorConfig(8, 1, "photo")).save(tmp_path / "g.keras")
    assert load_generator(tmp_path / "g.keras").settings.degradation == "photo"
    rewrite_config(tmp_path / "g.keras", degradation=None)
    assert load_generator(tmp_path / "g.keras").settings.degradation == "bicubic"


def test_loading_runs_no_code_of_the_file(small_generator: Generator, tmp_path: Path) -> None:
    small_generator.save(tmp_path / "g.keras")
    trace = tmp_path / "trace"
    rewrite_config(
        tmp_path / "g.keras",
        layers=[{"class_name": "Lambda", "config": {"function": f"lambda x: open({str(trace)!r}, 'w')"}}],
    )
    load_generator(tmp_path / "g.keras")
    assert not trace.exists()


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.99])
def test_truncated_weights_are_one_sentence(small_generator: Generator, tmp_path: Path, keep: float) -> None:
    path = tmp_path / "g.keras"
    small_generator.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep if keep > 1 else keep * len(content))])
    with pytest.raises(SrganError, match="damaged"):
        load_generator(path)


def test_weights_that_memory_does_not_suffice_for_are_not_called_damaged(
    small_generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*_: object) -> None:
        raise MemoryError

    small_generator.save(tmp_path / "g.keras")
    monkeypatch.setattr(keras.Model, "load_weights", exhaust)
    for load in (load_generator, partial(load_discriminator, build_discriminator())):
        with pytest.raises(SrganError) as caught:
            load(tmp_path / "g.keras")
        assert caught.value.message == f"{tmp_path / 'g.keras'}: out of memory"


def test_missing_weights_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SrganError, match="no such file"):
        load_generator(tmp_path / "g.keras")
