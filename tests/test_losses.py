"""The content loss by features, with a VGG19 of random weights."""

from pathlib import Path

import keras
import numpy as np
import pytest

from srgan_cli.images import to_tensor
from srgan_cli.losses import IMAGENET_MEAN_BGR, content_loss
from srgan_cli.options import TrainOptions


@pytest.mark.parametrize("layer", ["block3_conv3", "block5_conv4"])
def test_features_of_one_layer_are_compared(layer: str, photo: np.ndarray, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    vgg = keras.applications.VGG19(include_top=False, weights=None)
    vgg.save_weights(tmp_path / "vgg19.weights.h5")
    options = TrainOptions.from_mapping({"vgg_weights": str(tmp_path / "vgg19.weights.h5"), "vgg_layer": layer}, "test")
    hr = to_tensor(photo[:32, :32])[None]
    loss = float(content_loss(options)(hr, hr[:, ::-1]))
    (tmp_path / "vgg19.weights.h5").unlink()  # 80 MB
    tap = keras.Model(vgg.input, vgg.get_layer(layer).output)
    a, b = (np.array(tap((rgb[..., ::-1] + 1) * 127.5 - IMAGENET_MEAN_BGR)) / 12.75 for rgb in (hr, hr[:, ::-1]))
    assert loss == pytest.approx(np.square(a - b).mean(), rel=1e-4)
