"""How far SR is from HR: in pixels, or in the features of a VGG19 trained on ImageNet and frozen."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from srgan_cli.errors import SrganError
from srgan_cli.files import reason
from srgan_cli.options import TrainOptions

IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
Loss = Callable[[Any, Any], Any]  # (HR, SR), each (B, H, W, 3) in [-1, 1] -> a scalar


class ReplicaLoss(keras.losses.Loss):
    """A function of (HR, SR) as `compile` takes it.

    Under a `tf.distribute` strategy Keras divides it by the number of replicas, because it adds up their gradients.
    """

    def __init__(self, function: Loss) -> None:
        super().__init__(name="loss")
        self._function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The value of the function, (1,)."""
        return ops.reshape(self._function(y_true, y_pred), (1,))


def pixel_loss(options: TrainOptions) -> Loss:
    """The loss of the first stage."""
    return {"mse": _mean_squared_error, "l1": _mean_absolute_error}[options.pixel_loss]


def content_loss(options: TrainOptions) -> Loss:
    """The content loss of the second stage: the mean squared error of features or of pixels.

    Raises:
        SrganError: The features' weights can neither be read nor downloaded.
    """
    if options.content_loss == "mse":
        return _mean_squared_error
    features = build_features(Path(options.vgg_weights) if options.vgg_weights else None, options.vgg_layer)
    return lambda hr, sr: _mean_squared_error(ops.stop_gradient(features(hr)), features(sr))


def _mean_squared_error(hr: Any, sr: Any) -> Any:
    return ops.mean(ops.square(ops.cast(hr, "float32") - ops.cast(sr, "float32")))


def _mean_absolute_error(hr: Any, sr: Any) -> Any:
    return ops.mean(ops.absolute(ops.cast(hr, "float32") - ops.cast(sr, "float32")))


def build_features(weights: Path | None, layer: str = "block3_conv3") -> keras.Model:
    """VGG19 up to `layer`, frozen: RGB (B, H, W, 3) in [-1, 1] -> features / 12.75.

    Args:
        weights: A file for `keras.applications.VGG19(include_top=False)`; None downloads Keras's.
        layer: `block3_conv3`, or `block5_conv4` for the paper's VGG54.

    Raises:
        SrganError: The weights can neither be read nor downloaded.
    """
    try:
        with redirect_stdout(sys.stderr):  # where Keras would show its download
            vgg = keras.applications.VGG19(include_top=False, weights=str(weights) if weights else "imagenet")
    except Exception as error:  # the network, HDF5 and Keras each have their own ways to fail
        raise SrganError(
            f"the VGG19 weights cannot be loaded ({reason(error)})",
            "connect to the internet for a download, name a file with --vgg-weights, or use --content-loss mse",
        ) from error
    cut = keras.Model(vgg.input, vgg.get_layer(layer).output)
    features = keras.models.clone_model(cut)  # a copy, so that the layers behind the cut do not stay in memory
    features.set_weights(cut.get_weights())
    rgb = keras.Input((None, None, 3))
    # What VGG19 was trained on: BGR in [0, 255] minus the mean colour of ImageNet.
    bgr = layers.Rescaling(127.5, offset=[127.5 - mean for mean in IMAGENET_MEAN_BGR])(rgb[..., ::-1])
    return keras.Model(rgb, layers.Rescaling(1 / 12.75)(features(bgr)), trainable=False)
