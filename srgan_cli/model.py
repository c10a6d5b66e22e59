"""The networks: generator, discriminator, `UpsampleConv2D`, saving and loading.

After Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network",
CVPR 2017 (https://arxiv.org/abs/1609.04802), Figure 4. Tensors are (batch, height, width, channels), float,
RGB in [-1, 1]. Everything is written in `keras.ops` and `keras.layers`: the numbers are the same on every backend.
"""

import json
import math
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
from keras import KerasTensor, layers, ops

from srgan_cli import SCALE
from srgan_cli.errors import SrganError

UPSAMPLINGS = int(math.log2(SCALE))
BATCH_NORM_MOMENTUM = 0.8
LEAKY_SLOPE = 0.2


@dataclass(frozen=True)
class GeneratorConfig:
    """What has to be known to build a generator again before its numbers are loaded.

    Attributes:
        filters: Channels of the residual blocks.
        residual_blocks: Number of residual blocks.
    """

    filters: int = 64
    residual_blocks: int = 16

    def __post_init__(self) -> None:
        """Refuse values that no generator can have (a damaged or hostile file may hold any)."""
        for name, value in asdict(self).items():
            if not (isinstance(value, int) and 1 <= value <= 1024):
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


@keras.saving.register_keras_serializable("srgan")
class UpsampleConv2D(layers.Layer):
    """Nearest-neighbour x2, then a 3x3 `same` convolution and a relu, in one layer with 2.25 times fewer products.

    Along one axis the enlarged picture repeats each pixel, so a 3-tap kernel (k0, k1, k2) there sees only two
    different pixels: (k0, k1 + k2) for the even outputs and (k0 + k1, k2) for the odd ones. In two dimensions the
    four combinations are four 2x2 kernels on the small picture, whose outputs interleave. The variable is the 3x3
    kernel, so weights can be exchanged with `UpSampling2D` + `Conv2D`.

    Input (B, H, W, C), output (B, 2H, 2W, filters).
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the 3x3 kernel (3, 3, C, filters) and the bias (filters,)."""
        self.kernel = self.add_weight(
            name="kernel", shape=(3, 3, input_shape[-1], self.filters), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        """Convolve once with the four 2x2 kernels side by side, then interleave."""
        kernel = phase_kernels(ops.cast(self.kernel, self.compute_dtype))
        phases = ops.conv(ops.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0))), kernel, padding="valid")
        phases = phases + ops.tile(ops.cast(self.bias, self.compute_dtype), 4)
        return interleave(ops.relu(phases), self.filters)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, H, W, C) -> (B, 2H, 2W, filters); an unknown side stays unknown."""
        batch, height, width, _ = input_shape
        return batch, height and 2 * height, width and 2 * width, self.filters

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "filters": self.filters}


def phase_kernels(kernel: Any) -> Any:
    """The 3x3 kernel (3, 3, C, F) as its four 2x2 phase kernels (2, 2, C, 4 F), in the order of `interleave`."""

    def halves(taps: Any) -> tuple[Any, Any]:
        return ops.stack([taps[0], taps[1] + taps[2]]), ops.stack([taps[0] + taps[1], taps[2]])

    phases = []
    for rows in halves(kernel):
        for columns in halves(ops.swapaxes(rows, 0, 1)):
            phases.append(ops.swapaxes(columns, 0, 1))
    return ops.concatenate(phases, axis=-1)


def interleave(phases: Any, filters: int) -> Any:
    """(B, H + 1, W + 1, 4 F) phases of the padded picture -> (B, 2H, 2W, F).

    Output (2i + a, 2j + b) is phase (a, b) at (i + a, j + b): the odd outputs lie behind their pixel, so their 2x2
    kernel starts one pixel later.
    """
    corners = [
        phases[:, a : a - 1 or None, b : b - 1 or None, (2 * a + b) * filters : (2 * a + b + 1) * filters]
        for a in (0, 1)
        for b in (0, 1)
    ]
    return ops.depth_to_space(ops.concatenate(corners, axis=-1), 2, data_format="channels_last")


def _batch_norm(name: str) -> layers.Layer:
    return layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=name)


def _residual_block(inputs: KerasTensor, filters: int, name: str) -> KerasTensor:
    x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"{name}_conv1")(inputs)
    x = _batch_norm(f"{name}_norm1")(x)
    x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv2")(x)
    x = _batch_norm(f"{name}_norm2")(x)
    return layers.Add(name=f"{name}_add")([inputs, x])


@keras.saving.register_keras_serializable("srgan")
class Generator(keras.Model):
    """LR (B, H, W, 3) -> SR (B, 4 H, 4 W, 3), RGB in [-1, 1], any H and W.

    A `keras.Model` whose saved form holds its `GeneratorConfig`, so that loading it needs only a path.
    """

    def __init__(self, config: GeneratorConfig | None = None, **kwargs: Any) -> None:
        self.settings = config = config or GeneratorConfig()
        inputs = keras.Input((None, None, 3), name="lr")
        first = x = layers.Conv2D(config.filters, 9, padding="same", activation="relu", name="first")(inputs)
        for block in range(config.residual_blocks):
            x = _residual_block(x, config.filters, name=f"block{block + 1}")
        x = layers.Conv2D(config.filters, 3, padding="same", name="trunk_conv")(x)
        x = layers.Add(name="trunk_add")([first, _batch_norm("trunk_norm")(x)])
        for step in range(UPSAMPLINGS):
            x = UpsampleConv2D(4 * config.filters, name=f"upsample{step + 1}")(x)
        # tanh in float32: bfloat16 has only 256 values between 0.5 and 1.
        sr = layers.Conv2D(3, 9, padding="same", name="last")(x)
        sr = layers.Activation("tanh", dtype="float32", name="sr")(sr)
        super().__init__(inputs, sr, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The fields of the `GeneratorConfig`."""
        return {"name": self.name, **asdict(self.settings)}


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


def save_generator(generator: Generator, path: Path) -> None:
    """Write a generator with its configuration as `.keras`."""
    generator.save(path)


def load_generator(path: Path) -> Generator:
    """The generator saved at `path`.

    Only numbers are read: the fields of `GeneratorConfig` from the file's JSON, and arrays into our own
    network. Nothing in the file can name code to run.

    Raises:
        SrganError: The file is missing, damaged, or not a generator of this program.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            saved = json.loads(archive.read("config.json"))
        config = GeneratorConfig(**{name: saved["config"][name] for name in asdict(GeneratorConfig())})
        generator = Generator(config)
        generator.load_weights(path)
    except FileNotFoundError:
        raise SrganError(f"{path}: there is no such file", "pass --model a name or a .keras file") from None
    except Exception as error:  # zip, JSON, HDF5 and Keras each have their own ways to report a damaged file
        raise SrganError(
            f"{path}: not the weights of a generator, or damaged ({_first_line(error)})",
            "use a generator.keras written by `srgan train`, or download it again",
        ) from error
    return generator


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
