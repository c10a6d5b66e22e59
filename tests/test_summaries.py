"""TensorBoard reads what was written, with its own reader."""

import time
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from srgan_cli.errors import SrganError
from srgan_cli.model import Generator, build_discriminator
from srgan_cli.training.summaries import Summaries


@pytest.fixture
def read(tmp_path: Path, small_generator: Generator, photo: np.ndarray) -> EventAccumulator:
    """Two files: a run, and its continuation from step 20."""
    first, second = Summaries(tmp_path, 0, small_generator), Summaries(tmp_path, 20, small_generator)
    for step in (10, 20, 30):
        first.scalars(step, {"loss": 1 / step})
    first.sheet(10, photo)
    second.scalars(40, {"loss": 0.5})
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    return accumulator


def test_scalars(read: EventAccumulator) -> None:
    assert [event.step for event in read.Scalars("loss")] == [10, 40]  # 20 on were done again
    assert [event.value for event in read.Scalars("loss")] == pytest.approx([0.1, 0.5])
    assert abs(read.Scalars("loss")[0].wall_time - time.time()) < 3600


def test_what_is_added_is_seen_while_the_run_goes_on(tmp_path: Path) -> None:
    summaries = Summaries(tmp_path, 0)
    summaries.scalars(10, {"loss": 0.1})
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    assert [event.step for event in accumulator.Scalars("loss")] == [10]


def test_what_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SrganError, match=r"file/logs: cannot be written \(Not a directory\)"):
        Summaries(tmp_path / "file" / "logs", 0).scalars(10, {"loss": 0.1})


@pytest.mark.parametrize("room", [9, 90])
def test_a_disk_that_was_full_for_a_while_leaves_whole_events(tmp_path: Path, room: int) -> None:
    resource = pytest.importorskip("resource")
    before, summaries = resource.getrlimit(resource.RLIMIT_FSIZE), Summaries(tmp_path / "logs", 0)
    for step in (10, 20):
        size = sum(file.stat().st_size for file in tmp_path.glob("logs/*"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + room // step, before[1]))
        try:
            with pytest.raises(SrganError, match=r"logs: cannot be written"):
                summaries.scalars(step, {"loss": 0.1})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert sum(file.stat().st_size for file in tmp_path.glob("logs/*")) == size
        summaries.scalars(step + 5, {"loss": 0.1})
    accumulator = EventAccumulator(str(tmp_path / "logs"))
    accumulator.Reload()
    assert [event.step for event in accumulator.Scalars("loss")] == [15, 25]


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


def test_both_networks_are_drawn(tmp_path: Path, small_generator: Generator) -> None:
    networks = small_generator, build_discriminator()
    Summaries(tmp_path, 0, *networks).scalars(1, {"loss": 0.1})
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    boxes = {node.name.split("/")[0] for node in accumulator.Graph().node}
    assert boxes == {network.name for network in networks}
