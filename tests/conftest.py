"""What the tests share: small real pictures, small networks, and the shared test sets where they are."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from srgan_cli import DEFAULT_MODEL
from srgan_cli.pictures.images import read_picture
from srgan_cli.pictures.picture import Picture
from srgan_cli.released import released

if TYPE_CHECKING:
    from srgan_cli.model import Generator
    from srgan_cli.upscaling.upscaler import Upscaler

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "examples" / "flower.png"
RELEASED = sorted(released())
SHARED = ROOT.parent / "shared" / "data"


# In the background, where programs are deaf to Ctrl-C, what tests start would be, too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come first, so that at the end no worker waits for a long one of the other's."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_configure() -> None:
    """Collect no garbage while the libraries are loaded, as in the program."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Collect it again, but not in the libraries."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def photo() -> np.ndarray:
    """A real photograph, (128, 192, 3) uint8."""
    return read_picture(PHOTO).colour


@pytest.fixture
def shared() -> Path:
    """The folder of test sets and weights that lies beside some checkouts."""
    if not SHARED.is_dir():
        pytest.skip("needs the shared test data")
    return SHARED


def larger(pixels: np.ndarray) -> np.ndarray:
    """Every pixel four times four times."""
    return pixels.repeat(4, axis=0).repeat(4, axis=1)


def enlarge(picture: Picture, on_pixels: Callable[[int], None]) -> Picture:
    """A stand-in for the network."""
    alpha = None if picture.alpha is None else larger(picture.alpha)
    on_pixels(picture.colour[..., 0].size * (1 if alpha is None else 2))
    return Picture(larger(picture.colour), alpha, picture.metadata, picture.notes)


@cache
def upscaler_of(model: str = DEFAULT_MODEL, precision: str = "float32") -> "Upscaler":
    """An upscaler with released weights, loaded once for all tests, which leave it as it is."""
    from srgan_cli.upscaling.upscaler import Options, Upscaler

    return Upscaler(Options(model, precision=precision))


def randomise(generator: "Generator", seed: int = 0) -> "Generator":
    """Give every batch norm random statistics and signs, as if trained."""
    import keras

    rng = np.random.default_rng(seed)
    for layer in generator.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            count = layer.gamma.shape[0]
            gamma = rng.uniform(0.3, 1.2, count) * rng.choice([-1, 1], count)
            gamma[0] = 0
            layer.set_weights([gamma, rng.normal(0, 0.3, count), rng.normal(0, 0.3, count), rng.uniform(0.5, 2, count)])
    return generator


@pytest.fixture
def small_generator() -> "Generator":
    """A random generator of 2 blocks and 8 filters with random batch-norm statistics."""
    import keras

    from srgan_cli.model import Generator, GeneratorConfig

    keras.utils.set_random_seed(0)
    return randomise(Generator(GeneratorConfig(filters=8, residual_blocks=2)))


@pytest.fixture
def model(tmp_path_factory: pytest.TempPathFactory, small_generator: "Generator") -> Path:
    """The file of its weights."""
    path = tmp_path_factory.mktemp("weights") / "small.keras"
    small_generator.save(path)
    return path


@contextmanager
def operation_by_operation() -> Iterator[None]:
    """Let TensorFlow do one operation after the other, without graphs.

    A few steps of a small network are done in half of the time that tracing takes. And they are the same every time: in
    a graph, TensorFlow adds three gradients or more into the memory of that which is free first, so the order, and the
    last bit of the sum, depend on what else the machine is doing. Adam makes much of it where a gradient is zero, as
    before a batch norm: a last bit in step 4 is 1e-4 of the loss in step 12.
    """
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
