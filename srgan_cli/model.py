"""The networks, generator and discriminator; saving and loading.

After Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network",
CVPR 2017 (https://arxiv.org/abs/1609.04802), Figure 4. Tensors are (batch, height, width, channels), float,
RGB in [-1, 1]. Everything is written in `keras.ops` and `keras.layers`: the numbers are the same on every backend.
"""

import json
import math
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
from keras import KerasTensor, layers, ops

from srgan_cli import SCALE
from srgan_cli.device import computing_in
from srgan_cli.errors import SrganError, weights_errors
from srgan_cli.layers import RowConv2D, UpsampleConv2D, split_by_weight
from srgan_cli.options import Degradation

UPSAMPLINGS = int(math.log2(SCALE))
BATCH_NORM_MOMENTUM = 0.8
LEAKY_SLOPE = 0.2


@dataclass(frozen=True)
class GeneratorConfig:
    """What has to be known to build a generator again before its numbers are loaded.

    Attributes:
        filters: Channels of the residual blocks.
        residual_blocks: Number of residual blocks.
        degradation: What LR it was trained on.
    """

    filters: int = 64
    residual_blocks: int = 16
    degradation: Degradation = "bicubic"

    def __post_init__(self) -> None:
        """Refuse values that no generator can have (a damaged or hostile file may hold any)."""
        for name, value in asdict(self).items():
            possible = get_args(Degradation) if name == "degradation" else range(1, 1025)
            if type(value) is not type(possible[0]) or value not in possible:
                raise SrganError(f"a generator cannot have {name}={value!r}")

    @property
    def receptive_radius(self) -> int:
        """How far away, in LR pixels, an input can still change an output.

        The two 9x9 convolutions reach 4 pixels of the picture they see, each 3x3 one 1 pixel; behind the k-th x2 step
        a pixel is 2^-k LR pixels wide.
        """
        first, trunk, last = 4, 2 * self.residual_blocks + 1, 4 / SCALE
        upsampling = sum(2.0**-step for step in range(UPSAMPLINGS))
        return math.ceil(first + trunk + upsampling + last)

    @property
    def tail_radius(self) -> int:
        """The same of what comes from the first upsampling on, to the pixel."""
        radius = 4  # of the last convolution, in SR pixels
        for _ in range(UPSAMPLINGS):
            radius = math.ceil((radius + 1) / 2)
        return radius


def _batch_norm(name: str) -> layers.Layer:
    return layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=name)


def _residual_block(inputs: KerasTensor, filters: int, name: str) -> KerasTensor:
    x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"{name}_conv1")(inputs)
    x = _batch_norm(f"{name}_norm1")(x)
    x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv2")(x)
    x = _batch_norm(f"{name}_norm2")(x)
    return layers.Add(dtype="float32", name=f"{name}_add")([inputs, x])


@keras.saving.register_keras_serializable("srgan")
class Generator(keras.Model):
    """LR (B, H, W, 3) -> SR (B, 4 H, 4 W, 3), RGB in [-1, 1], any H and W.

    A `keras.Model` whose saved form holds its `GeneratorConfig`, so that loading it needs only a path.

    Made in half precision, some parts stay float32, which cost little and would otherwise lose grey levels: the first
    convolution, the running sum of the residual blocks and, beside bfloat16, some channels behind the last upsampling.
    """

    def __init__(self, config: GeneratorConfig | None = None, **kwargs: Any) -> None:
        self.settings = config = config or GeneratorConfig()
        inputs = keras.Input((None, None, 3), name="lr")
        first = x = layers.Conv2D(config.filters, 9, padding="same", activation="relu", dtype="float32", name="first")(
            inputs
        )
        for block in range(config.residual_blocks):
            x = _residual_block(x, config.filters, name=f"block{block + 1}")
        x = layers.Conv2D(config.filters, 3, padding="same", name="trunk_conv")(x)
        x = layers.Add(dtype="float32", name="trunk_add")([first, _batch_norm("trunk_norm")(x)])
        channels = 4 * config.filters
        for step in range(1, UPSAMPLINGS):
            x = UpsampleConv2D(channels, name=f"upsample{step}")(x)
        parts = split_by_weight(np.ones((1, 1, channels, 1)), keras.config.dtype_policy().compute_dtype)
        x = UpsampleConv2D(channels, parts, name=f"upsample{UPSAMPLINGS}")(x)
        sr = RowConv2D(3, 9, padding="same", parts=parts, name="last")(x)
        # tanh in float32: bfloat16 has only 256 values between 0.5 and 1.
        sr = layers.Activation("tanh", dtype="float32", name="sr")(sr)
        super().__init__(inputs, sr, **kwargs)

    def split_tail(self) -> None:
        """Choose, by the current weights, which channels stay float32 beside bfloat16; call before using it."""
        last = self.get_layer("last")
        last.parts = split_by_weight(ops.convert_to_numpy(last.kernel), last.compute_dtype)
        self.get_layer(f"upsample{UPSAMPLINGS}").parts = last.parts

    def get_config(self) -> dict[str, Any]:
        """The fields of the `GeneratorConfig`."""
        return {"name": self.name, **asdict(self.settings)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Generator":
        """What `get_config` tells of; `keras.saving.load_model` calls it."""
        known = {"degradation": "bicubic", **config}  # which early files do not say
        return cls(GeneratorConfig(**{name: known[name] for name in asdict(GeneratorConfig())}), name=config["name"])


def build_discriminator() -> keras.Model:
    """HR or SR (B, H, W, 3) in [-1, 1], sides multiples of 16 -> probabilities of being HR (B, H/16, W/16, 1)."""
    x = inputs = keras.Input((None, None, 3), name="hr_or_sr")
    for number, filters in enumerate((64, 64, 128, 128, 256, 256, 512, 512), start=1):
        x = layers.Conv2D(filters, 3, strides=2 - number % 2, padding="same", name=f"conv{number}")(x)
        x = layers.LeakyReLU(LEAKY_SLOPE, name=f"leaky{number}")(x)
        if number > 1:
            x = _batch_norm(f"norm{number}")(x)
    x = layers.Dense(1024, name="dense1")(x)
    x = layers.LeakyReLU(LEAKY_SLOPE, name="leaky9")(x)
    probability = layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(inputs, probability, name="discriminator")


def load_generator(path: Path) -> Generator:
    """The generator saved at `path`, in float32.

    Only numbers are read: the fields of `GeneratorConfig` from the file's JSON, and arrays into our own
    network. Nothing in the file can name code to run.

    Raises:
        SrganError: The file is missing, damaged, or not a generator of this program.
    """
    if not path.exists():
        raise SrganError(f"{path}: there is no such file", "name released weights, a .keras file or a run")
    hint = "use a generator.keras written by `srgan train`, or download it again"
    with weights_errors(path, "a generator, or damaged", hint):
        with zipfile.ZipFile(path) as archive:
            saved = json.loads(archive.read("config.json"))
        with computing_in("float32"):
            generator = Generator.from_config(saved["config"])
        generator.load_weights(path)
    return generator


def load_discriminator(discriminator: keras.Model, path: Path) -> None:
    """Give a discriminator the weights saved at `path`, of which, too, only numbers are read.

    Raises:
        SrganError: The file is damaged, or not a discriminator of this program.
    """
    hint = "take it away to start with a new discriminator"
    with weights_errors(path, "a discriminator, or damaged", hint):
        discriminator.load_weights(path)
