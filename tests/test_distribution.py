"""Two machines, or here two processes, train one network."""

import json
import os
import socket
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, operation_by_operation
from PIL import Image
from test_cli import in_process

from srgan_cli.errors import UsageError
from srgan_cli.training import replicas
from srgan_cli.training.replicas import is_chief, replicated
from srgan_cli.training.runs import RunFolder

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TF_CONFIG is TensorFlow's")
OPTIONS = [
    *("--sampling", "crop", "--hr-size", "32", "--batch-size", "4", "--filters", "8", "--residual-blocks", "2"),
    *("--pretrain-steps", "4", "--steps", "2", "--content-loss", "mse", "--report-every", "2"),
]


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


def start(data: Path, run: Path, **environment: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "srgan_cli", "train", "--data", data, "-o", run, *OPTIONS]
    return subprocess.Popen(
        list(map(str, command)), cwd=ROOT, env={**os.environ, **environment},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def losses(run: Path) -> list[float]:
    return [float(row["loss"]) for row in RunFolder(run).read_log()]


@pytest.mark.slow
def test_two_workers_train_as_one_with_their_batches_together(tmp_path: Path, photo: np.ndarray) -> None:
    (tmp_path / "data").mkdir()
    Image.fromarray(photo).save(tmp_path / "data" / "photo.png")
    with operation_by_operation():
        assert in_process("train", "--data", tmp_path / "data", "-o", tmp_path / "alone", *OPTIONS)[0] == 0
    workers = [f"localhost:{port}" for port in free_ports(2)]
    configs = [{"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}} for index in (0, 1)]
    together = [start(tmp_path / "data", tmp_path / "both", TF_CONFIG=json.dumps(config)) for config in configs]
    assert [process.wait(timeout=300) for process in together] == [0, 0]
    np.testing.assert_allclose(losses(tmp_path / "both"), losses(tmp_path / "alone"), rtol=1e-3)
    assert (tmp_path / "both" / "generator.keras").exists()


@pytest.mark.parametrize(
    ("cluster", "task", "chief"),
    [
        ({"worker": ["a", "b"]}, {"type": "worker", "index": 0}, True),
        ({"worker": ["a", "b"]}, {"type": "worker", "index": 1}, False),
        ({"chief": ["c"], "worker": ["a"]}, {"type": "worker", "index": 0}, False),
        ({"chief": ["c"], "worker": ["a"]}, {"type": "chief", "index": 0}, True),
    ],
)
def test_only_one_machine_writes(
    monkeypatch: pytest.MonkeyPatch, cluster: dict[str, list[str]], task: dict[str, object], chief: bool
) -> None:
    assert is_chief()
    monkeypatch.setenv("TF_CONFIG", "")
    assert is_chief()
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert is_chief() is chief


def test_on_jax_tf_config_names_no_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"cluster": {"worker": ["a", "b"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert not is_chief()
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert is_chief()


def test_on_jax_all_devices_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Any] = []
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0", "gpu:1", "gpu:2"])
    monkeypatch.setattr(keras.distribution, "DataParallel", lambda devices: devices)
    monkeypatch.setattr(keras.distribution, "set_distribution", taken.append)
    with replicated(6, lambda _: None) as used:
        assert (used.devices, used.synchronized) == (3, 1)
    assert taken == [["gpu:0", "gpu:1", "gpu:2"], None]


def test_on_jax_as_many_devices_as_divide_the_batch_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Any] = []
    lines: list[str] = []
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0", "gpu:1", "gpu:2"])
    monkeypatch.setattr(keras.distribution, "DataParallel", lambda devices: devices)
    monkeypatch.setattr(keras.distribution, "set_distribution", taken.append)
    with replicated(4, lines.append) as used:
        assert used.devices == 2
    assert taken == [["gpu:0", "gpu:1"], None]
    assert lines == ["2 of 3 devices used: --batch-size 4 is no multiple of more"]


def test_a_batch_is_divided_among_all_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]}}))
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", object)  # which would wait for them
    with (
        pytest.raises(UsageError, match="a batch of 4 cannot be divided among 3 machines"),
        replicated(4, lambda _: None),
    ):
        pass


def test_what_one_machine_wants_all_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with replicated(2, lambda _: None) as alone:
        assert (alone.machines, alone.agree(True), alone.agree(False)) == (1, True, False)
    for other in (True, False):
        strategy = SimpleNamespace(
            scope=nullcontext,
            num_replicas_in_sync=2,
            run=lambda vote: vote(),
            reduce=lambda _op, vote, other=float(other), **_: vote + other,
        )
        monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1", "b:1"]}}))
        monkeypatch.setattr(replicas, "_tensorflow_strategy", lambda *_, strategy=strategy: strategy)
        with replicated(2, lambda _: None) as both:
            assert both.machines == 2
            assert [both.agree(would) for would in (False, True)] == [other, True]


@pytest.mark.parametrize("cluster", [[], "a:1", {"worker": 3}])
def test_a_cluster_that_is_no_mapping_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, cluster: object) -> None:
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster}))
    with pytest.raises(UsageError, match=r"^TF_CONFIG's cluster is"), replicated(1, lambda _: None):
        pass


@pytest.mark.parametrize("config", [{"task": {}}, {"task": {"type": "worker", "index": 0}}, {"task": 1}])
def test_an_unfinished_configuration_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, config: object) -> None:
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(UsageError, match=r"^TF_CONFIG"):
        is_chief()
