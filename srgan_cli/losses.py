"""How far SR is from HR: in pixels, or in the features of a VGG19 trained on ImageNet and frozen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from srgan_cli.errors import SrganError
from srgan_cli.options import TrainOptions

IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
Loss = Callable[[Any, Any], Any]  # (HR, SR), each (B, H, W, 3) in [-1, 1] -> a scalar


def pixel_loss(options: TrainOptions) -> Loss:
    """The loss of the first stage, one of Keras's, which `compile` takes."""
    return {"mse": keras.losses.MeanSquaredError, "l1": keras.losses.MeanAbsoluteError}[options.pixel_loss]()


def content_loss(options: TrainOptions) -> Loss:
    """The content loss of the second stage: the mean squared error of features or of pixels.

    Raises:
        SrganError: The features' weights can neither be read nor downloaded.
    """
    if options.content_loss == "mse":
        return _mean_squared_error
    features = build_features(Path(options.vgg_weights) if options.vgg_weights else None, options.vgg_layer)
    return lambda hr, sr: _mean_squared_error(ops.stop_gradient(features(hr)), features(sr))


def _mean_squared_error(a: Any, b: Any) -> Any:
    return ops.mean(ops.square(ops.cast(a, "float32") - ops.cast(b, "float32")))


def build_features(weights: Path | None, layer: str = "block3_conv3") -> keras.Model:
    """VGG19 up to `layer`, frozen: RGB (B, H, W, 3) in [-1, 1] -> features / 12.75.

    Args:
        weights: A file for `keras.applications.VGG19(include_top=False)`; None downloads Keras's.
        layer: `block3_conv3`, or `block5_conv4` for the paper's VGG54.

    Raises:
        SrganError: The weights can neither be read nor downloaded.
    """
    try:
        vgg = keras.applications.VGG19(include_top=False, weights=str(weights) if weights else "imagenet")
        features = vgg.get_layer(layer).output
    except Exception as error:  # the network, HDF5 and Keras each have their own ways to fail
        raise SrganError(
            f"the VGG19 weights cannot be loaded ({str(error).splitlines()[0]})",
            "connect to the internet for a download, name a file with --vgg-weights, or use --content-loss mse",
        ) from error
    vgg.trainable = False
    rgb = keras.Input((None, None, 3))
    # What VGG19 was trained on: BGR in [0, 255] minus the mean colour of ImageNet.
    bgr = layers.Rescaling(127.5, offset=[127.5 - mean for mean in IMAGENET_MEAN_BGR])(rgb[..., ::-1])
    return keras.Model(rgb, layers.Rescaling(1 / 12.75)(keras.Model(vgg.input, features)(bgr)), trainable=False)
