"""Which device and which precision are taken where there is a choice."""

from types import SimpleNamespace
from typing import Any

import keras
import pytest

from srgan_cli import device
from srgan_cli.device import choose_device, choose_precision
from srgan_cli.errors import is_out_of_memory


@pytest.mark.parametrize(
    ("devices", "wanted", "chosen"),
    [
        (["cpu:0", "gpu:0", "gpu:1"], "auto", "gpu:0"),
        (["cpu:0", "gpu:0", "gpu:1"], "gpu", "gpu:0"),
        (["cpu:0", "gpu:0"], "cpu", "cpu:0"),
        (["cuda:0"], "auto", "gpu:0"),  # JAX lists nothing else then, and Keras does not take its name
        (["cpu:0"], "auto", "cpu:0"),
    ],
)
def test_an_accelerator_is_taken_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch, devices: list[str], wanted: str, chosen: str
) -> None:
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: devices)
    assert choose_device(wanted) == chosen


def test_networks_are_the_same_whatever_keras_json_says() -> None:
    keras.config.set_floatx("float16")
    try:
        with device.computing_in("float32"):
            assert keras.Input((3,)).dtype == "float32"
        assert keras.config.floatx() == "float16"
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")  # the default was made of the other


def has_gpu(monkeypatch: pytest.MonkeyPatch, backend: str, capability: Any) -> None:
    """Let a backend find one GPU, of a compute capability as that backend writes it."""
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    if backend == "jax":
        import jax

        monkeypatch.setattr(jax, "devices", lambda: [SimpleNamespace(compute_capability=capability)])
    else:
        import tensorflow as tf

        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["the first"])
        details = {"compute_capability": capability} if capability else {}
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _: details)


@pytest.mark.parametrize(
    ("backend", "capability", "precision"),
    [
        ("tensorflow", (6, 1), "float32"),
        ("tensorflow", (7, 0), "float16"),
        ("tensorflow", (12, 0), "float16"),
        ("tensorflow", None, "float32"),
        ("jax", "6.1", "float32"),
        ("jax", "7.0", "float16"),
        ("jax", "12.0", "float16"),
        ("jax", "gfx942", "float32"),
    ],
)
def test_gpus_from_volta_on_compute_in_float16(
    monkeypatch: pytest.MonkeyPatch, backend: str, capability: Any, precision: str
) -> None:
    if backend == "jax":
        pytest.importorskip("jax")
    has_gpu(monkeypatch, backend, capability)
    assert choose_precision("auto", "gpu:0") == precision
    assert choose_precision("bfloat16", "gpu:0") == "bfloat16"


@pytest.mark.parametrize(
    ("backend", "flags", "precision"),
    [
        ("tensorflow", "fpu avx512f avx512_bf16", "bfloat16"),
        ("tensorflow", "amx_bf16 amx_tile", "bfloat16"),
        ("tensorflow", "asimd bf16", "bfloat16"),
        ("tensorflow", "fpu avx512f", "float32"),
        ("tensorflow", None, "float32"),
        ("jax", "avx512_bf16", "float32"),
    ],
)
def test_cpus_that_compute_in_bfloat16_do(
    monkeypatch: pytest.MonkeyPatch, backend: str, flags: str | None, precision: str
) -> None:
    def read_text(*_: object, **__: object) -> str:
        if flags is None:
            raise FileNotFoundError
        return f"processor : 0\nflags : {flags}\n"

    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(device, "Path", lambda _: SimpleNamespace(read_text=read_text))
    assert choose_precision("auto", "cpu:0") == precision


def test_backends_say_out_of_memory_in_their_ways() -> None:
    class ResourceExhaustedError(Exception):
        """TensorFlow's."""

    said = RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes")  # JAX's
    assert all(map(is_out_of_memory, (MemoryError(), ResourceExhaustedError("OOM"), said)))
    assert not is_out_of_memory(RuntimeError("INTERNAL: something else"))
