"""TensorBoard reads what was written, with its own reader."""

from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from srgan_cli.model import Generator
from srgan_cli.summaries import Summaries


@pytest.fixture
def read(tmp_path: Path, small_generator: Generator, photo: np.ndarray) -> EventAccumulator:
    """Two files: a run, and its continuation from step 20."""
    first, second = Summaries(tmp_path, 0, small_generator), Summaries(tmp_path, 20, small_generator)
    for step in (10, 20, 30):
        first.scalars(step, {"loss": 1 / step})
    first.sheet(10, photo)
    first.close()
    second.scalars(40, {"loss": 0.5})
    second.close()
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    return accumulator


def test_scalars(read: EventAccumulator) -> None:
    assert [event.step for event in read.Scalars("loss")] == [10, 40]  # 20 on were done again


def test_sheets_are_png(read: EventAccumulator) -> None:
    (image,) = read.Images("samples")
    assert image.step == 10
    assert (image.width, image.height) == (192, 128)
    assert image.encoded_image_string.startswith(b"\x89PNG")


def test_graphs_have_every_layer_and_its_inputs(read: EventAccumulator, small_generator: Generator) -> None:
    nodes = {node.name: list(node.input) for node in read.Graph().node}
    assert len(nodes) == len(small_generator.layers)
    name = small_generator.name
    assert nodes[f"{name}/block1_add"] == [f"{name}/first", f"{name}/block1_norm2"]
