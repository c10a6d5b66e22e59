"""TensorBoard's event files: scalars, sample sheets and graphs, on every Keras backend."""

import io
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.node_def_pb2 import NodeDef
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.versions_pb2 import VersionDef
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from srgan_cli.errors import SrganError, reason


class Summaries:
    """Writes one event file into a folder.

    Args:
        folder: Where TensorBoard is pointed to.
        first_step: What older files say about this step and later ones is forgotten by TensorBoard: a resumed run
            does them again.
        networks: Whose layers are drawn, one graph with a box for each.

    Raises:
        SrganError: A file cannot be written; so do the methods.
    """

    def __init__(self, folder: Path, first_step: int, *networks: keras.Model) -> None:
        self._folder = folder
        try:
            self._writer = EventFileWriter(str(folder))
        except Exception as error:
            raise self._cannot_write(error) from error
        self._add(first_step, session_log=SessionLog(status=SessionLog.START))
        nodes = [node for network in networks for node in _nodes(network)]
        graph = GraphDef(node=nodes, versions=VersionDef(producer=22))
        self._add(0, graph_def=graph.SerializeToString())

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to the curve of each name."""
        self._add(step, summary=Summary(value=[Summary.Value(tag=k, simple_value=v) for k, v in values.items()]))

    def sheet(self, step: int, pixels: np.ndarray) -> None:
        """Add a sample sheet (H, W, 3) uint8."""
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        height, width, colours = pixels.shape
        image = Summary.Image(height=height, width=width, colorspace=colours, encoded_image_string=file.getvalue())
        self._add(step, summary=Summary(value=[Summary.Value(tag="samples", image=image)]))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()

    def _add(self, step: int, **what: Any) -> None:
        try:
            self._writer.add_event(Event(wall_time=time.time(), step=step, **what))
            self._writer.flush()
        except Exception as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: Exception) -> SrganError:
        """TensorBoard's writer has OSErrors of its own, and with TensorFlow beside it TensorFlow's."""
        return SrganError(f"{self._folder}: cannot be written ({reason(error)})", "free some space")


def _nodes(network: keras.Model) -> Iterator[NodeDef]:
    for layer in network.layers:
        parents = dict.fromkeys(tensor._keras_history.operation.name for tensor in keras.tree.flatten(layer.input))
        inputs = [f"{network.name}/{parent}" for parent in parents if parent != layer.name]  # an Input's is itself
        yield NodeDef(name=f"{network.name}/{layer.name}", op=type(layer).__name__, input=inputs)
