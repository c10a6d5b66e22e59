"""The content loss by features, with a VGG19 of random weights."""

from pathlib import Path
from typing import Literal

import keras
import numpy as np
import pytest
import tensorflow as tf

from srgan_cli.errors import SrganError
from srgan_cli.pictures.picture import to_tensor
from srgan_cli.training.losses import COSINE_LAYERS, IMAGENET_MEAN_BGR, build_features, content_loss, pixel_loss
from srgan_cli.training.options import TrainOptions


@pytest.fixture(scope="module")
def vgg() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.applications.VGG19(include_top=False, weights=None)


@pytest.fixture(scope="module")
def weights(vgg: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("vgg") / "vgg19.weights.h5"
    vgg.save_weights(path)
    return str(path)


@pytest.fixture
def pair(photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hr = to_tensor(np.stack([photo[:32, :32], photo[-32:, -32:]]))
    return hr, hr[:, ::-1]


def test_cosine_distance_of_features(vgg: keras.Model, weights: str, pair: tuple[np.ndarray, np.ndarray]) -> None:
    taps = keras.Model(vgg.input, [vgg.get_layer(name).output for name in COSINE_LAYERS])
    bgr = [(picture[..., ::-1] + 1) * 127.5 - IMAGENET_MEAN_BGR for picture in pair]
    unit = [
        [np.array(layer) / np.linalg.norm(layer, axis=-1, keepdims=True) for layer in taps(picture)] for picture in bgr
    ]
    expected = sum(1 - (a * b).sum(axis=-1).mean() for a, b in zip(*unit, strict=True))
    loss = content_loss(TrainOptions(content_loss="cosine", vgg_weights=weights))
    assert float(loss(*pair)) == pytest.approx(expected, rel=1e-4)
    assert float(loss(pair[0], pair[0])) == pytest.approx(0, abs=1e-5)


def test_pixels_are_compared_as_asked_for() -> None:
    hr, sr = np.zeros((1, 2, 2, 3), np.float32), np.full((1, 2, 2, 3), 0.5, np.float32)
    assert float(pixel_loss(TrainOptions(pixel_loss="l1"))(hr, sr)) == 0.5
    assert float(pixel_loss(TrainOptions(pixel_loss="mse"))(hr, sr)) == 0.25


@pytest.mark.parametrize("name", ["vgg", "cosine"])
def test_features_of_nothing_have_a_gradient(
    name: Literal["vgg", "cosine"], weights: str, pair: tuple[np.ndarray, np.ndarray]
) -> None:
    loss = content_loss(TrainOptions(content_loss=name, vgg_weights=weights))
    mean_colour = np.divide(IMAGENET_MEAN_BGR[::-1], 127.5).astype("float32") - 1  # without biases no feature is active
    sr = tf.constant(np.broadcast_to(mean_colour, pair[0].shape))
    with tf.GradientTape() as tape:
        tape.watch(sr)
        value = loss(pair[0], sr)
    assert np.isfinite(np.array(tape.gradient(value, sr))).all()


@pytest.mark.parametrize("layer", ["block3_conv3", "block5_conv4"])
def test_vgg_compares_one_layer(
    layer: Literal["block3_conv3", "block5_conv4"],
    vgg: keras.Model,
    weights: str,
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    tap = keras.Model(vgg.input, vgg.get_layer(layer).output)
    hr, sr = (np.array(tap((picture[..., ::-1] + 1) * 127.5 - IMAGENET_MEAN_BGR)) / 12.75 for picture in pair)
    loss = content_loss(TrainOptions(vgg_weights=weights, vgg_layer=layer))
    assert float(loss(*pair)) == pytest.approx(np.square(hr - sr).mean(), rel=1e-4)


def test_a_wrong_file_of_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "vgg.h5").write_bytes(b"no weights")
    with pytest.raises(SrganError, match=r"the VGG19 weights cannot be loaded from .*vgg\.h5 ") as caught:
        build_features(tmp_path / "vgg.h5", ["block1_conv1"])
    assert "notop.h5" in caught.value.hint
