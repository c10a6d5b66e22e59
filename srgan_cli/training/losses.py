"""How far SR is from HR: in pixels, or in the features of a VGG19 trained on ImageNet and frozen."""

import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from srgan_cli.errors import SrganError, reason
from srgan_cli.training.options import TrainOptions

VGG_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"  # as Keras calls it
IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
COSINE_LAYERS = ("block1_conv2", "block2_conv2", "block3_conv4", "block4_conv4", "block5_conv4")  # each block's last
Loss = Callable[[Any, Any], Any]  # (HR, SR), each (B, H, W, 3) in [-1, 1] -> a scalar


def pixel_loss(options: TrainOptions) -> Loss:
    """The loss of the first stage."""
    return {"mse": _mean_squared_error, "l1": _mean_absolute_error}[options.pixel_loss]


def content_loss(options: TrainOptions) -> Loss:
    """The content loss of the second stage: the mean squared error of features or of pixels, or a cosine distance.

    The cosine distance is that of the channels at each position, a mean over positions and a sum over the ends of the
    five blocks: half of eq. 1 of Zhang et al. 2018 (https://arxiv.org/abs/1801.03924) with all w = 1. Each layer counts
    alike, whatever the range of its features.

    Raises:
        SrganError: The features' weights can neither be read nor downloaded.
    """
    if options.content_loss == "mse":
        return _mean_squared_error
    compare, names = {
        "vgg": (_mean_squared_error, (options.vgg_layer,)),
        "cosine": (_cosine_distance, COSINE_LAYERS),
    }[options.content_loss]
    network = build_features(Path(options.vgg_weights) if options.vgg_weights else None, names)

    def features(picture: Any) -> list[Any]:
        return keras.tree.flatten(network(picture))  # of a list of one, Keras returns what is in it

    return lambda hr, sr: sum(compare(ops.stop_gradient(a), b) for a, b in zip(features(hr), features(sr), strict=True))


def _mean_squared_error(hr: Any, sr: Any) -> Any:
    return ops.mean(ops.square(ops.cast(hr, "float32") - ops.cast(sr, "float32")))


def _mean_absolute_error(hr: Any, sr: Any) -> Any:
    return ops.mean(ops.absolute(ops.cast(hr, "float32") - ops.cast(sr, "float32")))


def _cosine_distance(hr: Any, sr: Any) -> Any:
    return 1 + ops.mean(keras.losses.cosine_similarity(ops.cast(hr, "float32"), ops.cast(sr, "float32")))


def build_features(weights: Path | None, names: Sequence[str]) -> keras.Model:
    """Layers of VGG19, frozen: RGB (B, H, W, 3) in [-1, 1] -> a list of features / 12.75.

    Args:
        weights: A file for `keras.applications.VGG19(include_top=False)`; None downloads Keras's.
        names: Of the layers, such as `block3_conv3`, or `block5_conv4` for the paper's VGG54.

    Raises:
        SrganError: The weights can neither be read nor downloaded.
    """
    if weights and not weights.is_file():
        raise SrganError(f"{weights}: there is no such file", "leave --vgg-weights out, and Keras downloads them")
    try:
        with redirect_stdout(sys.stderr), warnings.catch_warnings(action="ignore"):  # where Keras shows its download
            vgg = keras.applications.VGG19(include_top=False, weights=str(weights) if weights else "imagenet")
    except Exception as error:  # the network, HDF5 and Keras each have their own ways to fail
        place, hint = (f" from {weights}", "") if weights else ("", "connect to the internet for a download, ")
        raise SrganError(
            f"the VGG19 weights cannot be loaded{place} ({reason(error)})",
            f"{hint}name {VGG_FILE} with --vgg-weights, or use --content-loss mse",
        ) from error
    cut = keras.Model(vgg.input, [vgg.get_layer(name).output for name in names])
    features = keras.models.clone_model(cut)  # a copy, so that the layers behind the cut do not stay in memory
    features.set_weights(cut.get_weights())
    rgb = keras.Input((None, None, 3))
    # What VGG19 was trained on: BGR in [0, 255] minus the mean colour of ImageNet.
    bgr = layers.Rescaling(127.5, offset=[127.5 - mean for mean in IMAGENET_MEAN_BGR])(rgb[..., ::-1])
    return keras.Model(rgb, [layers.Rescaling(1 / 12.75)(output) for output in features(bgr)], trainable=False)
