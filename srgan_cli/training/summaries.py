"""TensorBoard's event files: scalars, sample sheets and graphs, on every Keras backend."""

import io
import socket
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
from tensorboard.summary.writer.record_writer import RecordWriter

from srgan_cli.errors import SrganError, reason
from srgan_cli.files import append


class Summaries:
    """Writes one event file into a folder, each event when it is added, whole or not at all.

    TensorBoard's own `EventFileWriter` goes on behind a half written event when a disk was full for a while, and no
    reader gets past that.

    Args:
        folder: Where TensorBoard is pointed to; made if need be.
        first_step: What older files say about this step and later ones is forgotten by TensorBoard: a resumed run
            does them again.
        networks: Whose layers are drawn, one graph with a box for each.
    """

    def __init__(self, folder: Path, first_step: int, *networks: keras.Model) -> None:
        self._path = folder / f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}"
        nodes = [node for network in networks for node in _nodes(network)]
        graph = GraphDef(node=nodes, versions=VersionDef(producer=22))
        self._head = (
            _record(0, file_version="brain.Event:2")
            + _record(first_step, session_log=SessionLog(status=SessionLog.START))
            + _record(0, graph_def=graph.SerializeToString())
        )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to the curve of each name.

        Raises:
            SrganError: It cannot be written.
        """
        self._add(step, Summary(value=[Summary.Value(tag=k, simple_value=v) for k, v in values.items()]))

    def sheet(self, step: int, pixels: np.ndarray) -> None:
        """Add a sample sheet (H, W, 3) uint8.

        Raises:
            SrganError: It cannot be written.
        """
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        height, width, colours = pixels.shape
        image = Summary.Image(height=height, width=width, colorspace=colours, encoded_image_string=file.getvalue())
        self._add(step, Summary(value=[Summary.Value(tag="samples", image=image)]))

    def _add(self, step: int, summary: Summary) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            append(self._path, _record(step, summary=summary), self._head)
        except OSError as error:
            raise SrganError(f"{self._path.parent}: cannot be written ({reason(error)})", "free some space") from error


def _record(step: int, **what: Any) -> bytes:
    """An event, as it stands in a file."""
    record = io.BytesIO()
    RecordWriter(record).write(Event(wall_time=time.time(), step=step, **what).SerializeToString())
    return record.getvalue()


def _nodes(network: keras.Model) -> Iterator[NodeDef]:
    for layer in network.layers:
        parents = dict.fromkeys(tensor._keras_history.operation.name for tensor in keras.tree.flatten(layer.input))
        inputs = [f"{network.name}/{parent}" for parent in parents if parent != layer.name]  # an Input's is itself
        yield NodeDef(name=f"{network.name}/{layer.name}", op=type(layer).__name__, input=inputs)
