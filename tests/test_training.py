"""The stages on small real pictures: what they learn, what they write, and that nothing is lost."""

import csv
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import PHOTO, ROOT, operation_by_operation
from keras import ops
from PIL import Image

import srgan_cli
from srgan_cli.device import choose_device, computing_in
from srgan_cli.errors import SrganError
from srgan_cli.layers import split_by_weight
from srgan_cli.metrics import luma, psnr, ssim
from srgan_cli.model import (
    Generator,
    GeneratorConfig,
    build_discriminator,
    load_discriminator,
    load_generator,
)
from srgan_cli.pictures import images
from srgan_cli.pictures.picture import to_pixels, to_tensor
from srgan_cli.training import fitting, stages, trainer
from srgan_cli.training.batches import BatchDataset, Batches, Prefetcher
from srgan_cli.training.data import Pictures
from srgan_cli.training.losses import pixel_loss
from srgan_cli.training.objectives import SRGAN, Discrimination, Objective, Pretraining
from srgan_cli.training.optimization import batch_norms
from srgan_cli.training.options import STAGES, TrainOptions
from srgan_cli.training.runs import Record, RunFolder
from srgan_cli.training.session import Listener, Session
from srgan_cli.training.trainer import train
from srgan_cli.training.validation import Validation

SMALL: dict[str, Any] = {
    "hr_size": 32,
    "batch_size": 2,
    "pretrain_steps": 4,
    "steps": 4,
    "content_loss": "mse",
    "filters": 8,
    "residual_blocks": 1,
    "report_every": 2,
    "sample_every": 4,
    "validate_every": 4,
    "backup_every": "2",
}


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> TrainOptions:
    """Eight 40x40 parts of a photograph, and a run of a few steps on them."""
    folder, photo = tmp_path_factory.mktemp("data"), images.read_picture(PHOTO).colour
    for number in range(8):
        Image.fromarray(photo[number % 2 * 64 :, number // 2 * 40 :][:40, :40]).save(folder / f"{number}.png")
    return TrainOptions(data=str(folder), **SMALL)


def run(
    options: TrainOptions, folder: Path, stop: Callable[[], bool] = lambda: False, compiled: bool = False
) -> tuple[list[Record], list[str]]:
    """Start or resume a run; its reports and lines."""
    place = RunFolder(folder)
    records: list[Record] = []
    lines: list[str] = []
    with nullcontext() if compiled else operation_by_operation():
        train(options, place, Listener(lines.append, records.append, stop))
    return records, lines


def losses(records: list[Record]) -> list[tuple[str, int, float]]:
    return [(record.stage, record.step, record.values["loss"]) for record in records]


def after(steps: int) -> Callable[[], bool]:
    """A stop that says so after so many steps; it is asked before the first, after each, and between intervals."""
    asked = iter(range(10**6))
    return lambda: next(asked) >= steps


def assert_same_losses(actual: list[tuple[str, int, float]], expected: list[tuple[str, int, float]]) -> None:
    assert [entry[:2] for entry in actual] == [entry[:2] for entry in expected]
    np.testing.assert_allclose([entry[2] for entry in actual], [entry[2] for entry in expected], rtol=1e-4)


def test_a_run_leaves_what_the_readme_promises(options: TrainOptions, tmp_path: Path, photo: np.ndarray) -> None:
    options = replace(options, sample_every=2)
    records, lines = run(options, tmp_path / "run", compiled=True)
    names = {str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert {name for name in names if not name.startswith("logs/")} == {
        "config.json", "log.csv", "generator.keras", "discriminator.keras", "best/generator.keras",
        "best/discriminator.keras", "backup/adversarial-00000002.weights.h5", "backup/adversarial-00000004.weights.h5",
        "samples/pretrain_000002.png", "samples/pretrain_000004.png",
        "samples/adversarial_000002.png", "samples/adversarial_000004.png",
    }  # fmt: skip
    assert lines == [
        f"training on {choose_device('auto')} in float32",
        "8 pictures, each resized to 32x32 (--sampling resize)",
    ]
    assert [(r.stage, r.step) for r in records] == [
        ("pretrain", 2),
        ("pretrain", 4),
        ("adversarial", 2),
        ("adversarial", 4),
    ]
    assert 0 <= records[0].values["wait_share"] <= 1
    with Image.open(tmp_path / "run" / "samples" / "pretrain_000002.png") as sheet:
        assert sheet.size == (3 * 32, 8 * 32)
    with (tmp_path / "run" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["psnr"] != "" for row in rows] == [False, True, False, True]
    assert rows[0]["d_loss"] == ""
    assert 0 < float(rows[3]["d_loss"]) < 1
    assert RunFolder(tmp_path / "run").read_options() == replace(options, sampling="resize")
    large = srgan_cli.upscale(photo[:8, :8], model=str(tmp_path / "run"), precision="float32")
    assert large.shape == (32, 32, 3)


@pytest.fixture(scope="module")
def three_stages(options: TrainOptions) -> TrainOptions:
    """All that a run can have that goes on from step to step."""
    return replace(options, discriminator_steps=4, average=0.9, schedule="cosine", warmup_steps=1)


@pytest.fixture(scope="module")
def whole(three_stages: TrainOptions, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Record]]:
    """Such a run that was never stopped: its folder, its reports."""
    folder = tmp_path_factory.mktemp("run") / "whole"
    return folder, run(three_stages, folder)[0]


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 5, 9, 11])
def test_a_resumed_run_continues_as_if_never_stopped(
    three_stages: TrainOptions, whole: tuple[Path, list[Record]], tmp_path: Path, steps: int
) -> None:
    first, lines = run(three_stages, tmp_path / "parts", after(steps))
    assert any("go on with --resume" in line for line in lines)
    rest, lines = run(three_stages, tmp_path / "parts")
    assert sum(line.startswith("resumed after step") for line in lines) >= 1
    steps_done = [(record.stage, record.step) for record in first + rest]
    assert steps_done == sorted(set(steps_done), key=lambda done: (STAGES.index(done[0]), done[1]))  # none twice
    folder, records = whole
    assert_same_losses(losses(rest)[-1:], losses(records)[-1:])
    for one, other in zip(weights_of(folder), weights_of(tmp_path / "parts"), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def weights_of(folder: Path) -> list[np.ndarray]:
    return load_generator(folder / "generator.keras").get_weights()


def discriminator_of(folder: Path) -> list[np.ndarray]:
    discriminator = build_discriminator()
    load_discriminator(discriminator, folder / "discriminator.keras")
    return discriminator.get_weights()


@pytest.fixture(scope="module")
def pretrained(options: TrainOptions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has done its first stage, to be left as it is."""
    folder = tmp_path_factory.mktemp("run") / "pretrained"
    run(replace(options, steps=0), folder)
    return folder


def test_the_discriminator_learns_alone(options: TrainOptions, pretrained: Path, tmp_path: Path) -> None:
    alone = replace(options, start=str(pretrained), pretrain_steps=0, steps=0, discriminator_steps=20)
    records, lines = run(replace(alone, batch_norm="frozen"), tmp_path / "alone", compiled=True)
    assert len(lines) == 2  # the first run's has learned nothing, and is no start
    assert {record.stage for record in records} == {"discriminator"}
    assert records[-1].values["d_loss"] < 0.7 * records[0].values["d_loss"]
    for before, after in zip(weights_of(pretrained), weights_of(tmp_path / "alone"), strict=True):
        np.testing.assert_array_equal(before, after)
    for before, after in zip(*(discriminator_of(tmp_path / "alone" / place) for place in (".", "best")), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("batch_norm", ["train", "frozen"])
def test_the_generator_is_held_as_it_will_be(options: TrainOptions, batch_norm: Any) -> None:
    generator, discriminator = Generator(GeneratorConfig(8, 1)), build_discriminator()
    options = replace(options, batch_norm=batch_norm, discriminator_steps=1, average=0.9)
    learning = {}
    for stage in ("discriminator", "adversarial"):
        model = stages.build_stage(cast(Any, stage), options, generator, discriminator, lambda hr, sr: hr - sr)
        assert batch_norms(generator)[0].trainable == (batch_norm == "train")  # by the statistics of the batch
        assert model.optimizer.use_ema == (stage == "adversarial")  # of the generator alone
        learning[stage] = {variable.path for variable in model.trainable_variables}
    assert learning["discriminator"] == {variable.path for variable in discriminator.trainable_variables}
    norms = {v.path for norm in batch_norms(generator) for v in (norm.gamma, norm.beta)}
    every = {v.path for v in generator.variables} - {v.path for v in generator.non_trainable_variables} | norms
    assert learning["adversarial"] - learning["discriminator"] == (every if batch_norm == "train" else every - norms)


def test_a_generator_and_its_discriminator_are_gone_on_with(options: TrainOptions, tmp_path: Path) -> None:
    run(replace(options, pretrain_steps=0), tmp_path / "first")
    more = replace(options, start=str(tmp_path / "first"), learning_rate=0.0)
    _, lines = run(replace(more, filters=24), tmp_path / "more", after(2))
    assert "--filters 24 is not used: the generator to start from has 8" in lines
    _, lines = run(replace(more, degradation="photo"), tmp_path / "more")
    assert not any("was trained with" in line for line in lines)
    assert not any("is not used" in line for line in lines)
    degradations = (
        load_generator(tmp_path / name / "generator.keras").settings.degradation for name in ("first", "more")
    )
    assert [*degradations] == ["bicubic", "photo"]
    assert f"the discriminator starts from {tmp_path / 'first' / 'discriminator.keras'}" in lines
    for before, after_it in zip(discriminator_of(tmp_path / "first"), discriminator_of(tmp_path / "more"), strict=True):
        if before.ndim > 1:  # the batch norms' statistics go on
            np.testing.assert_array_equal(before, after_it)
    (tmp_path / "first" / "discriminator.keras").write_bytes(b"broken")
    with pytest.raises(SrganError, match="not the weights of a discriminator, or damaged"):
        run(more, tmp_path / "broken")
    _, lines = run(replace(more, start=str(tmp_path / "more" / "generator.keras")), tmp_path / "clean", after(1))
    assert "the generator to start from was trained with --degradation photo, which is bicubic here" in lines
    shutil.rmtree(tmp_path / "first")  # which what was begun does not need any more
    run(replace(more, degradation="photo"), tmp_path / "more")


def test_a_discriminator_that_has_learned_here_does_not_start_anew(options: TrainOptions, tmp_path: Path) -> None:
    Generator(GeneratorConfig(8, 1)).save(tmp_path / "generator.keras")
    discriminator, lines, backups = build_discriminator(), list[str](), list[Any]()
    discriminator.save(tmp_path / "discriminator.keras")
    session: Any = SimpleNamespace(
        run=SimpleNamespace(backups=lambda: backups),
        listener=SimpleNamespace(line=lines.append),
        discriminator=discriminator,
    )
    for stage, starts in ((None, 1), ("pretrain", 2), ("discriminator", 2), ("adversarial", 2)):
        backups[:] = [SimpleNamespace(stage=stage)] if stage else []
        for start in (tmp_path, tmp_path / "deleted"):
            session.options = replace(options, start=str(start))
            Session._start_discriminator(session)
            assert len(lines) == starts
    backups.clear()
    for steps, starts in ((0, 2), (1, 3)):  # where it learns at all
        session.options = replace(options, start=str(tmp_path), steps=0, discriminator_steps=steps)
        Session._start_discriminator(session)
        assert len(lines) == starts


def test_what_cannot_be_used_is_named_once() -> None:
    lines: list[str] = []
    pictures = [SimpleNamespace(unusable={name: f"{name}: damaged", "c": "c: damaged"}) for name in "ab"]
    session: Any = SimpleNamespace(
        _named=set(),
        pictures=pictures[0],
        validation=SimpleNamespace(pictures=pictures[1]),
        listener=SimpleNamespace(line=lines.append),
    )
    for _ in range(2):
        Session.name_unusable(session)
    assert lines == [f"left out: {name}: damaged ({count} so far)" for count, name in enumerate("acb", 1)]


def test_a_run_that_was_done_but_for_its_validation_is_validated(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(options, steps=0)

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patches:
        patches.setattr(Validation, "enlarge", kill)  # behind the last backup
        with pytest.raises(KeyboardInterrupt):
            run(options, tmp_path / "run")
    assert not (tmp_path / "run" / "generator.keras").exists()
    run(options, tmp_path / "run")
    assert weights_of(tmp_path / "run")
    assert RunFolder(tmp_path / "run").validated_steps("pretrain") == [4]


def test_a_validation_that_was_not_done_before_a_crash_is_made_up_for(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, sample = replace(options, pretrain_steps=6, steps=0, validate_every=2), Validation.enlarge

    def kill(self: Validation) -> np.ndarray:
        if len(RunFolder(tmp_path / "run").backups()) == 2:
            raise KeyboardInterrupt
        return sample(self)

    with monkeypatch.context() as patches:
        patches.setattr(Validation, "enlarge", kill)
        with pytest.raises(KeyboardInterrupt):
            run(options, tmp_path / "run")
    assert RunFolder(tmp_path / "run").validated_steps("pretrain") == [2]
    run(options, tmp_path / "run")
    assert RunFolder(tmp_path / "run").validated_steps("pretrain") == [2, 4, 6]


def test_a_run_that_is_over_needs_no_pictures(options: TrainOptions, tmp_path: Path) -> None:
    shutil.copytree(options.data, tmp_path / "data")
    options = replace(options, data=str(tmp_path / "data"), pretrain_steps=2, steps=0)
    run(options, tmp_path / "run")
    shutil.rmtree(tmp_path / "data")
    assert run(options, tmp_path / "run") == ([], [])
    with pytest.raises(SrganError, match="there is no such folder"):
        run(replace(options, pretrain_steps=4), tmp_path / "run")


def test_a_stop_before_the_first_step_does_none(options: TrainOptions, tmp_path: Path) -> None:
    records, lines = run(options, tmp_path / "run", lambda: True)
    assert (records, lines[-1]) == ([], "stopped before the first step")
    assert RunFolder(tmp_path / "run").backups() == []


def test_a_stage_that_is_shortened_to_nothing_is_not_forgotten(
    options: TrainOptions, pretrained: Path, tmp_path: Path
) -> None:
    shutil.copytree(pretrained, tmp_path / "run")
    before = weights_of(tmp_path / "run")
    run(replace(options, pretrain_steps=0, learning_rate=0.0), tmp_path / "run")
    for old, new in zip(before, weights_of(tmp_path / "run"), strict=True):
        if old.ndim > 1:
            np.testing.assert_allclose(old, new, atol=1e-6)


def test_the_damaged_newest_backup_is_passed_over(options: TrainOptions, tmp_path: Path) -> None:
    options = replace(options, pretrain_steps=8, steps=0)
    whole, _ = run(options, tmp_path / "run")
    newest, _ = RunFolder(tmp_path / "run").backups()
    newest.path.write_bytes(newest.path.read_bytes()[:1000])
    rest, lines = run(replace(options, pretrain_steps=10), tmp_path / "run")
    assert any("cannot be read" in line for line in lines)
    assert_same_losses(losses(rest)[:-1], losses(whole)[-1:])
    with (tmp_path / "run" / "log.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 5  # nothing twice


def test_a_backup_that_memory_does_not_suffice_for_is_not_passed_over(
    options: TrainOptions, pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*_: object) -> None:
        raise MemoryError

    shutil.copytree(pretrained, tmp_path / "run")
    before = (tmp_path / "run" / "log.csv").read_bytes()
    monkeypatch.setattr(keras.Model, "load_weights", exhaust)
    with pytest.raises(SrganError, match="out of memory"):
        run(replace(options, steps=0, pretrain_steps=6), tmp_path / "run")
    assert (tmp_path / "run" / "log.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("backend", "devices", "ahead"), [("jax", "cuda:0", 1), ("jax", "cpu:0", 0), ("tensorflow", "gpu:0", 0)]
)
def test_only_jax_fetches_ahead_and_only_for_an_accelerator(
    monkeypatch: pytest.MonkeyPatch, backend: str, devices: str, ahead: int
) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: [devices])
    assert fitting.batches_ahead() == ahead


@pytest.mark.parametrize("ahead", [0, 1])
def test_the_wait_for_data_is_measured(monkeypatch: pytest.MonkeyPatch, ahead: int) -> None:
    monkeypatch.setattr(fitting, "batches_ahead", lambda: ahead)
    ready: dict[int, float] = {}
    watch = fitting.Watch(cast("BatchDataset", SimpleNamespace(ready=ready)), lambda: False)
    for step in range(3):
        time.sleep(0.01)
        ready.update({step: 0.0, step + ahead: time.perf_counter()})  # the batch that was waited for
        watch.on_train_batch_end(step, {"loss": 1.0})
    assert watch.steps == 3
    assert 0.5 * watch.seconds < watch.waited <= watch.seconds
    waited = watch.waited
    watch.on_train_batch_end(3, {"loss": 1.0})  # the next one had been ready, or is none
    assert watch.waited == waited


def test_of_the_steps_under_way_the_first_without_a_number_is_meant() -> None:
    model: Any = SimpleNamespace(stop_training=False)
    watch = fitting.Watch(cast("BatchDataset", SimpleNamespace(ready={})), lambda: False)
    watch.set_model(model)
    for step, loss in enumerate((1.0, np.inf, np.nan, 1.0)):
        watch.on_train_batch_end(step, {"loss": loss})
        assert model.stop_training == (step > 0)
    assert watch.broken_at == 2


STOPPED_ON_JAX = """
import keras, numpy
from types import SimpleNamespace
from srgan_cli.training.fitting import Watch

class Numbers(keras.utils.PyDataset):
    num_batches = 60
    def __getitem__(self, index):
        return numpy.ones((4, 64), "float32"), numpy.ones((4, 1), "float32")

model = keras.Sequential([keras.layers.Dense(512), keras.layers.Dense(512), keras.layers.Dense(1)])
model.compile("adam", "mse")
for round in range(20):
    watch = Watch(SimpleNamespace(ready={}), lambda: watch.steps >= 20)
    before = int(model.optimizer.iterations)
    model.fit(Numbers(workers=2), verbose=0, callbacks=[watch])
    assert 20 <= watch.steps < 25 and watch.steps == int(model.optimizer.iterations) - before, watch.steps
    assert all(numpy.isfinite(weights).all() for weights in model.get_weights())
"""


def test_on_jax_a_stop_takes_no_step_by_surprise() -> None:
    pytest.importorskip("jax")
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_ON_JAX], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_no_number_stops_before_a_backup_is_spoiled(options: TrainOptions, tmp_path: Path) -> None:
    options = replace(options, pretrain_steps=40, steps=0, learning_rate=1e30, report_every=1, backup_every="1")
    with pytest.raises(SrganError, match="the loss is NaN or infinite at step") as caught:
        run(options, tmp_path / "run")
    assert "--learning-rate" in caught.value.hint
    for row in RunFolder(tmp_path / "run").read_log():
        assert np.isfinite(float(row["loss"]))
    assert RunFolder(tmp_path / "run").backups() == []  # the first update spoiled everything
    first, _ = run(replace(options, learning_rate=1e-3, pretrain_steps=2), tmp_path / "later")
    assert first
    with pytest.raises(SrganError, match="the loss is NaN or infinite"):
        run(options, tmp_path / "later")
    records, lines = run(replace(options, learning_rate=1e-3, pretrain_steps=4), tmp_path / "later")
    assert "resumed after step 2 of pretrain" in lines
    assert all(np.isfinite(record.values["loss"]) for record in records)


def test_no_number_stops_before_what_is_written_is_spoiled(options: TrainOptions, tmp_path: Path) -> None:
    options = replace(options, pretrain_steps=4, steps=0, backup_every="100")
    run(replace(options, pretrain_steps=3), tmp_path / "run")
    before = weights_of(tmp_path / "run")
    with pytest.raises(SrganError, match="at step 4 of pretrain"):  # by that step's update, after its loss
        run(replace(options, learning_rate=1e30), tmp_path / "run")
    for one, other in zip(weights_of(tmp_path / "run"), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_step_whose_loss_is_no_number_is_named(options: TrainOptions, tmp_path: Path) -> None:
    options = replace(options, pretrain_steps=8, steps=0, report_every=8, backup_every="8")
    options = replace(options, sample_every=8, validate_every=8)
    run(options, tmp_path / "run", after(3))
    with pytest.raises(SrganError, match="at step 5 of pretrain"):  # the update of step 4 spoils what comes behind it
        run(replace(options, learning_rate=1e30), tmp_path / "run")


def test_what_a_full_disk_kept_from_being_written_is_made_up_for(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(options, pretrain_steps=2, steps=0, validate_every=1, sample_every=1, backup_every="1")
    run(replace(options, pretrain_steps=1), tmp_path / "run")
    before, write = weights_of(tmp_path / "run"), RunFolder.write

    def full(self: RunFolder, name: str, *rest: Any) -> None:
        if name.startswith("samples/"):
            raise SrganError(f"{name}: cannot be written")
        write(self, name, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write", full)
        run(options, tmp_path / "run")
    assert RunFolder(tmp_path / "run").validated_steps("pretrain") == [1]
    run(options, tmp_path / "run")
    assert RunFolder(tmp_path / "run").validated_steps("pretrain") == [1, 2]
    assert any((one != other).any() for one, other in zip(weights_of(tmp_path / "run"), before, strict=True))


def test_a_discriminator_that_has_no_room_keeps_nothing_else_from_being_written(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = RunFolder.write

    def full(self: RunFolder, name: str, *rest: Any) -> None:
        if name.endswith("discriminator.keras"):
            raise SrganError(f"{name}: cannot be written")
        write(self, name, *rest)

    monkeypatch.setattr(RunFolder, "write", full)
    _, lines = run(replace(options, pretrain_steps=0, steps=2), tmp_path / "run")
    assert [line for line in lines if line.startswith("warning")] == [
        f"warning: {place}discriminator.keras: cannot be written; training goes on" for place in ("", "best/")
    ]
    assert RunFolder(tmp_path / "run").validated_steps("adversarial") == [2]
    assert (tmp_path / "run" / "best" / "generator.keras").exists()


def test_running_out_of_memory_between_steps_is_one_sentence(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(_: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(Validation, "enlarge", exhaust)
    with pytest.raises(SrganError, match="out of memory") as caught:
        run(options, tmp_path / "run")
    assert "--batch-size" in caught.value.hint
    assert RunFolder(tmp_path / "run").backups()


def test_a_full_disk_ends_nothing_but_the_last_backup(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = False

    def fsync(descriptor: int) -> None:
        del descriptor
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    options = replace(options, pretrain_steps=6, steps=0)
    first, _ = run(options, tmp_path / "run", after(2))
    full = True
    lines: list[str] = []
    with pytest.raises(SrganError, match=r"pretrain-00000006.weights.h5: cannot be written \(No space left"):
        train(options, RunFolder(tmp_path / "run"), Listener(lines.append))
    assert any("warning" in line and "training goes on" in line for line in lines)
    full = False
    assert not list((tmp_path / "run").rglob(".srgan-*"))
    rest, _ = run(options, tmp_path / "run")
    assert [entry[:2] for entry in losses(first + rest)] == [("pretrain", 2), ("pretrain", 4), ("pretrain", 6)]


def test_a_full_disk_at_the_end_leaves_the_networks(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise SrganError("backup: cannot be written", "free some space")

    monkeypatch.setattr(RunFolder, "back_up", refuse)
    with pytest.raises(SrganError, match="backup: cannot be written"):
        run(replace(options, steps=0), tmp_path / "run")
    assert weights_of(tmp_path / "run")
    assert RunFolder(tmp_path / "run").validated_steps("pretrain") == [4]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="on JAX the networks are gone with the step")
def test_pictures_that_are_gone_cost_no_steps(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(options, pretrain_steps=8, steps=0, report_every=8, backup_every="8")
    options = replace(options, sample_every=8, validate_every=8)
    make = Batches.__getitem__

    def until_5(batches: Batches, step: int) -> Any:
        if step >= 5 and batches._options.seed == options.seed:
            raise SrganError("none of 8 pictures can be used", "give other pictures")
        return make(batches, step)

    with monkeypatch.context() as patches:
        patches.setattr(Batches, "__getitem__", until_5)
        patches.setattr("srgan_cli.training.validation.STATISTICS_BATCHES", 2)
        patches.setattr("srgan_cli.training.validation.STATISTICS_SQUARES", 4)
        with pytest.raises(SrganError, match="none of 8 pictures"):
            run(options, tmp_path / "run")
    (backup,) = RunFolder(tmp_path / "run").backups()
    assert 3 <= backup.step <= 5
    _, lines = run(options, tmp_path / "run")
    assert f"resumed after step {backup.step} of pretrain" in lines


def test_what_is_released_is_the_average(options: TrainOptions, tmp_path: Path) -> None:
    options = replace(options, pretrain_steps=2, steps=0, average=0.9, batch_norm="frozen", learning_rate=0.01)
    run(options, tmp_path / "run")
    generator = Generator(GeneratorConfig(8, 1))
    model = stages.build_stage("pretrain", options, generator, build_discriminator(), pixel_loss(options))
    model.load_weights(RunFolder(tmp_path / "run").backups()[0].path)
    released = load_generator(tmp_path / "run" / "generator.keras").get_layer("first").kernel
    latest = np.array(generator.get_layer("first").kernel)
    model.optimizer.put_averages_into(model.trainable_variables)
    np.testing.assert_allclose(released, generator.get_layer("first").kernel, atol=1e-7)
    assert np.abs(released - latest).max() > 1e-3


class EnoughError(Exception):
    """Ends a run of which enough was seen."""


def test_stages_go_on_through_the_pictures(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[int, int]] = []

    def noted(prefetcher: Prefetcher, first_step: int, stop_step: int) -> BatchDataset:
        steps.append((first_step, stop_step))
        if len(steps) == 3:
            raise EnoughError
        return BatchDataset(prefetcher, first_step, stop_step)

    monkeypatch.setattr(trainer, "BatchDataset", noted)
    with pytest.raises(EnoughError):
        run(replace(options, pretrain_steps=2, report_every=1), tmp_path / "run")
    assert steps == [(0, 1), (1, 2), (2, 3)]


def test_looking_at_a_run_changes_nothing(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_down, looked = trainer._StageRun._write_down, 0

    def watched(stage: trainer._StageRun, record: Record, last: bool) -> None:
        nonlocal looked
        before = stage._model.get_weights()
        write_down(stage, record, last)
        for one, other in zip(before, stage._model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
        looked += 1

    monkeypatch.setattr(trainer._StageRun, "_write_down", watched)
    run(replace(options, pretrain_steps=2, steps=0, average=0.9, learning_rate=0.01), tmp_path / "run")
    assert looked == 1


def test_backups_may_go_by_the_clock(options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10**6, 30))  # is looked at behind every step and by every backup
    monkeypatch.setattr(trainer, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    run(replace(options, steps=0, report_every=1, backup_every="1min"), tmp_path / "run")
    assert [backup.step for backup in RunFolder(tmp_path / "run").backups()] == [4, 2]


def test_the_next_stage_begins_with_the_average(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(stage: Any, *parts: Any) -> keras.Model:
        if stage == "pretrain":
            return stages.build_stage(stage, *parts)
        released = load_generator(tmp_path / "run" / "generator.keras")  # the average, by the test above
        for at_start, average in zip(parts[1].get_weights(), released.get_weights(), strict=True):
            np.testing.assert_allclose(at_start, average, atol=1e-7)
        raise EnoughError

    monkeypatch.setattr(trainer, "build_stage", build)
    with pytest.raises(EnoughError):
        run(replace(options, average=0.9, batch_norm="frozen", learning_rate=0.01), tmp_path / "run")


def test_parts_of_the_loss_count_as_asked_for(options: TrainOptions) -> None:
    hr = np.zeros((1, 32, 32, 3), np.float32)
    checkered = np.where(np.indices(hr.shape)[1:3].sum(axis=0) % 2, 0.5, -0.5).astype(np.float32)

    def loss(adversarial: float, pixel: float, colour: float, sr: np.ndarray) -> float:
        keras.utils.set_random_seed(0)
        weighted = replace(options, adversarial_weight=adversarial, pixel_weight=pixel, colour_weight=colour)
        networks = Generator(GeneratorConfig(8, 1)), build_discriminator()
        model = stages.build_stage("adversarial", weighted, *networks, lambda hr, sr: ops.mean(hr - sr) * 0)
        return float(ops.squeeze(model.compute_loss(None, hr, sr, training=False)))

    nothing = loss(0, 0, 0, checkered)
    assert loss(0, 4, 0, checkered) - nothing == pytest.approx(4 * 0.5, rel=1e-3)
    assert loss(0, 0, 4, checkered) - nothing == pytest.approx(0, abs=1e-3)  # every 4x4 pixels have the same mean
    assert loss(0, 0, 4, hr + 0.5) - loss(0, 0, 0, hr + 0.5) == pytest.approx(4 * 0.5, rel=1e-3)
    assert loss(4, 0, 0, checkered) - nothing == pytest.approx(4 * np.log(2), rel=0.1)  # it has learned nothing


def validation_of(options: TrainOptions) -> Validation:
    """That of a run of a small generator on crops."""
    pictures = Pictures(options.data, 10**6)
    return Validation(replace(options, sampling="crop"), pictures, Generator(GeneratorConfig(8, 1)))


def test_a_sheet_shows_lr_sr_hr(options: TrainOptions) -> None:
    validation = validation_of(options)
    lr, sr, hr = np.split(validation.sheet(np.ones_like(validation.hr)), 3, axis=1)
    assert (sr == 255).all()
    np.testing.assert_array_equal(hr, np.concatenate(list(to_pixels(validation.hr, np.dtype(np.uint8)))))
    assert 0 < np.abs(lr.astype(int) - hr).mean() < 30


def test_squares_to_validate_with_are_not_those_of_the_first_batch(options: TrainOptions) -> None:
    options = replace(options, sampling="crop", batch_size=8)
    _, hr = Batches(Pictures(options.data, 10**6), options)[0]
    assert (to_pixels(validation_of(options).hr) != hr).any()


def test_scores_leave_out_the_edges(options: TrainOptions) -> None:
    validation = validation_of(options)
    sr = np.full_like(validation.hr, 1.0)
    sr[:, 4:-4, 4:-4] = validation.hr[:, 4:-4, 4:-4]
    assert validation.score(sr, pixel_loss(options))["psnr"] == np.inf
    sr[:, 4] = 1.0
    assert validation.score(sr, pixel_loss(options))["psnr"] < np.inf


def test_scores_are_means_over_the_squares(options: TrainOptions) -> None:
    validation = validation_of(options)
    sr = np.roll(validation.hr, 1, axis=2)
    pairs = [(luma(to_pixels(a)), luma(to_pixels(b))) for a, b in zip(sr, validation.hr, strict=True)]
    expected = {
        "psnr": np.mean([psnr(a, b, border=4) for a, b in pairs]),
        "ssim": np.mean([ssim(a, b, border=4) for a, b in pairs]),
        "validation": np.mean((sr - validation.hr) ** 2),
    }
    assert validation.score(sr, pixel_loss(options)) == pytest.approx(expected, rel=1e-5)


def test_a_generator_that_cannot_be_measured_is_no_better(options: TrainOptions, tmp_path: Path) -> None:
    validation, path = validation_of(options), tmp_path / "generator.keras"
    Generator(GeneratorConfig(8, 1)).save(path)
    assert validation.measure(path, pixel_loss(options)) < np.inf
    Generator(GeneratorConfig(4, 1)).save(path)
    assert validation.measure(path, pixel_loss(options)) == np.inf
    path.write_bytes(b"broken")
    assert validation.measure(path, pixel_loss(options)) == np.inf


def test_pictures_to_validate_with_are_for_nothing_else(options: TrainOptions, tmp_path: Path) -> None:
    for name, count, level in (("train", 2, 0), ("validate", 3, 255)):
        (tmp_path / name).mkdir()
        for number in range(count):
            Image.new("L", (32, 32), level).save(tmp_path / name / f"{number}.png")
    data, held_out = str(tmp_path / "train"), str(tmp_path / "validate")
    validation = validation_of(replace(options, data=data, validation=held_out))
    assert validation.hr.shape == (3, 32, 32, 3)  # each once
    assert (validation.hr == 1).all()
    assert all((lr == -1).all() for lr in validation._statistics_of)


@pytest.mark.parametrize("batch_norm", ["train", "frozen"])
def test_what_is_released_has_statistics_of_its_own_where_those_are_trained(
    options: TrainOptions, batch_norm: Any
) -> None:
    options, generator = replace(options, sampling="crop", batch_norm=batch_norm), Generator(GeneratorConfig(8, 1))
    validation = Validation(options, Pictures(options.data, 10**6), generator)
    validation.release(generator.get_weights())
    pairs = zip(batch_norms(validation.released), batch_norms(generator), strict=True)
    for one, other in ((np.array(a.moving_mean), np.array(b.moving_mean)) for a, b in pairs):
        assert (one == other).all() == (batch_norm == "frozen")


@pytest.mark.parametrize(("batch_size", "squares"), [(1, 64), (2, 64), (16, 128)])
def test_what_is_released_has_the_statistics_of_many_squares(
    options: TrainOptions, batch_size: int, squares: int
) -> None:
    validation = validation_of(replace(options, batch_size=batch_size))
    assert sum(map(len, validation._statistics_of)) == squares


def test_a_spoiled_network_is_not_sound(options: TrainOptions) -> None:
    networks = Generator(GeneratorConfig(8, 1)), build_discriminator()
    validation = Validation(replace(options, sampling="crop"), Pictures(options.data, 10**6), networks[0])
    assert validation.is_sound(*networks, pixel_loss(options))
    for network in networks:
        before = network.get_weights()
        network.set_weights([weight * np.nan for weight in before])
        assert not validation.is_sound(*networks, pixel_loss(options))
        network.set_weights(before)


def test_networks_take_no_more_room_than_is_looked_for(tmp_path: Path) -> None:
    for network in (Generator(GeneratorConfig(8, 1)), build_discriminator()):
        network.compile(keras.optimizers.Adam())
        network.optimizer.build(network.trainable_variables)
        for save, name in ((network.save_weights, "a.weights.h5"), (network.save, "a.keras")):
            save(tmp_path / name)
            assert (tmp_path / name).stat().st_size <= stages.stored_bytes(network)


def test_the_best_networks_are_those_of_the_lowest_loss_by_present_measure(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.1, 0.2, 0.5, 0.4])
    monkeypatch.setattr(Validation, "score", lambda *_: {"validation": next(scores)})
    options = replace(options, pretrain_steps=4, steps=0, validate_every=2)
    run(options, tmp_path / "run")
    first = weights_of(tmp_path / "run" / "best")
    assert any((one != other).any() for one, other in zip(first, weights_of(tmp_path / "run"), strict=True))
    # The best of before is now 0.5, such as on other pictures, and the next 0.4.
    run(replace(options, pretrain_steps=6, validation=options.data), tmp_path / "run")
    for one, other in zip(weights_of(tmp_path / "run" / "best"), weights_of(tmp_path / "run"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_discriminator_that_always_wins_is_warned_about_once(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "COLLAPSED", 10.0)
    monkeypatch.setattr(trainer, "COLLAPSED_STEPS", 3)
    _, lines = run(replace(options, pretrain_steps=0, steps=8), tmp_path / "run", compiled=True)
    assert sum("the generator learns nothing" in line for line in lines) == 1


def test_only_a_discriminator_that_has_won_for_long_is_warned_about() -> None:
    lines: list[str] = []
    session = SimpleNamespace(listener=SimpleNamespace(line=lines.append))
    stage: Any = SimpleNamespace(_collapsed_for=0, _step=0, _session=session)
    for step, d_loss, warned in ((300, 0.0, 0), (400, 0.2, 0), (700, 0.0, 0), (900, 0.0, 1), (1000, 0.0, 1)):
        trainer._StageRun._watch_discriminator(stage, Record("adversarial", step, {"d_loss": d_loss}))
        stage._step = step
        assert len(lines) == warned


@pytest.mark.parametrize(("precision", "of_generator"), [("bfloat16", None), ("float16", None), ("float16", "float32")])
def test_half_precision_trains_and_releases_float32(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: Any, of_generator: Any
) -> None:
    trained: list[SRGAN] = []

    def build(*parts: Any) -> SRGAN:
        trained.append(SRGAN(*parts))
        return trained[0]

    monkeypatch.setattr(stages, "SRGAN", build)
    options = replace(options, precision=precision, generator_precision=of_generator, average=0.5)
    options = replace(options, learning_rate=1e-6)  # so that the heaviest channels stay the heaviest
    records, _ = run(options, tmp_path / "run", compiled=True)
    (model,) = trained
    last = model.generator.get_layer("last")
    for part, expected in zip(last.parts, split_by_weight(np.array(last.kernel), last.compute_dtype), strict=True):
        assert part.dtype == expected.dtype
        np.testing.assert_array_equal(part.channels, expected.channels)
    assert model.generator.get_layer("trunk_conv").compute_dtype == (of_generator or precision)
    assert model.discriminator.get_layer("conv3").compute_dtype == precision
    assert all(np.isfinite(record.values["loss"]) for record in records)
    assert all(weight.dtype == np.float32 for weight in weights_of(tmp_path / "run"))


@pytest.mark.slow
def test_eight_pictures_are_learned_by_heart(options: TrainOptions, tmp_path: Path) -> None:
    options = replace(
        options, filters=24, residual_blocks=1, batch_size=8, pretrain_steps=800, steps=0, sampling="resize",
        pixel_loss="l1", learning_rate=7e-4, beta_1=0.9, schedule="cosine", average=0.99,
        report_every=400, sample_every=800, validate_every=800, backup_every="800",
    )  # fmt: skip
    run(options, tmp_path / "run", compiled=True)
    generator = load_generator(tmp_path / "run" / "generator.keras")
    lr, hr = Batches(Pictures(options.data, 10**6), options)[0]
    sr = to_pixels(generator.predict_on_batch(to_tensor(lr)))
    assert psnr(luma(sr.reshape(-1, 32, 3)), luma(hr.reshape(-1, 32, 3)), border=0) > 35


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradients are taken with TensorFlow here")
def test_each_gradient_reaches_only_its_own_network(photo: np.ndarray) -> None:
    keras.utils.set_random_seed(0)
    generator, discriminator = Generator(GeneratorConfig(8, 1)), build_discriminator()
    model = SRGAN(generator, discriminator, lambda hr, sr: ops.mean(ops.square(hr - sr)))
    hr = to_tensor(photo[None, :32, :32])
    lr = to_tensor(photo[None, :32:4, :32:4])
    with tf.GradientTape(persistent=True) as tape:
        sr = generator(lr, training=True)
        total = model.compute_loss(lr, hr, sr, training=True)
        d_sr = discriminator(tf.stop_gradient(sr), training=True)
        d_loss = 0.5 * (tf.reduce_mean((discriminator(hr, training=True) - 1) ** 2) + tf.reduce_mean(d_sr**2))
        fooled = discriminator(sr, training=True)
        g_loss = tf.reduce_mean((hr - sr) ** 2) - 1e-3 * tf.reduce_mean(tf.math.log(fooled))
    for loss, variables in ((g_loss, generator.trainable_variables), (d_loss, discriminator.trainable_variables)):
        alone = tape.gradient(loss, [variable.value for variable in variables])
        together = tape.gradient(total, [variable.value for variable in variables])
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("kind", [Pretraining, Discrimination, SRGAN])
@pytest.mark.parametrize("policy", ["float32", "bfloat16"])
def test_bytes_are_the_floats_that_they_stand_for(photo: np.ndarray, kind: type[Objective], policy: str) -> None:
    with computing_in(policy):
        networks: list[Any] = [Generator(GeneratorConfig(8, 1)), build_discriminator()]
    parts = [networks[0]] if kind is Pretraining else networks
    model = kind(*parts, *([] if kind is Discrimination else [lambda hr, sr: ops.mean(ops.square(hr - sr))]))
    lr, hr = photo[None, :32:4, :32:4], photo[None, :32, :32]
    of_bytes, of_floats = model(lr), networks[0](to_tensor(lr))
    np.testing.assert_allclose(ops.convert_to_numpy(of_bytes), ops.convert_to_numpy(of_floats), atol=1e-6)
    losses = [model.compute_loss(y=y, y_pred=of_floats, training=False) for y in (hr, to_tensor(hr))]
    assert float(ops.squeeze(losses[0])) == pytest.approx(float(ops.squeeze(losses[1])), rel=1e-5)


def test_what_is_reported_of_a_step_is_what_it_is_called() -> None:
    brightness = keras.Sequential([keras.Input((1, 1, 3)), keras.layers.Flatten()])  # for probabilities
    model = SRGAN(Generator(GeneratorConfig(8, 1)), brightness, lambda hr, sr: ops.sum(hr - sr))
    model.compute_loss(y=np.full((1, 1, 1, 3), 0.75, np.float32), y_pred=np.full((1, 1, 1, 3), 0.5, np.float32))
    adversarial, d_loss = np.log(2), 0.5 * (0.25**2 + 0.5**2)
    expected = {"content": 0.75, "adversarial": adversarial, "g_loss": 0.75 + 1e-3 * adversarial}
    means = {name: float(value) for name, value in model.get_metrics_result().items() if name != "loss"}
    assert means == pytest.approx({**expected, "d_loss": d_loss, "d_hr": 0.75, "d_sr": 0.5})


def test_the_loss_is_scaled_for_a_generator_in_float16(options: TrainOptions) -> None:
    with computing_in("float16"):
        generator = Generator(GeneratorConfig(8, 1))
    model = stages.build_stage("pretrain", options, generator, build_discriminator(), pixel_loss(options))
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)


def test_one_step_changes_both_networks(photo: np.ndarray) -> None:
    generator, discriminator = Generator(GeneratorConfig(8, 1)), build_discriminator()
    model = SRGAN(generator, discriminator, lambda hr, sr: ops.mean(ops.square(hr - sr)))
    model.compile(keras.optimizers.Adam(1e-3))
    before = [[np.array(v) for v in network.trainable_variables] for network in (generator, discriminator)]
    with operation_by_operation():
        model.train_on_batch(to_tensor(photo[None, :32:4, :32:4]), to_tensor(photo[None, :32, :32]))
    for network, old in zip((generator, discriminator), before, strict=True):
        assert all((np.array(v) != o).any() for v, o in zip(network.trainable_variables, old, strict=True))


EAGERLY = """
import runpy
import tensorflow
tensorflow.config.run_functions_eagerly(True)
runpy.run_module("srgan_cli", run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_kill_minus_9_and_resume(options: TrainOptions, tmp_path: Path, backend: str) -> None:
    pytest.importorskip(backend)
    options = replace(
        options, pretrain_steps=6, discriminator_steps=2, steps=6, pixel_weight=0.1, colour_weight=0.1,
        report_every=1, backup_every="1", sample_every=6, validate_every=6,  # which take most of the time
    )  # fmt: skip
    for name in ("whole", "killed"):
        RunFolder(tmp_path / name).prepare(options)
    program = ["-c", EAGERLY] if backend == "tensorflow" else ["-m", "srgan_cli"]
    command = [sys.executable, *program, "train", "--resume"]
    # Compiled once for all three, and plainly, since that takes most of the time.
    compiled = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    }
    environment = {**os.environ, **compiled, "KERAS_BACKEND": backend}
    subprocess.run([*command, tmp_path / "whole"], check=True, cwd=ROOT, env=environment, capture_output=True)
    process = subprocess.Popen(
        [*command, tmp_path / "killed"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    killed_after = random.Random(backend).randrange(1, 13)  # of 14 reports, anywhere in any stage
    while process.poll() is None and len(RunFolder(tmp_path / "killed").read_log()) < killed_after:
        time.sleep(0.01)
    assert process.poll() is None, "it ended by itself"
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run([*command, tmp_path / "killed"], check=True, cwd=ROOT, env=environment, capture_output=True)
    logs = [
        [(row["stage"], int(row["step"]), float(row["loss"])) for row in RunFolder(tmp_path / name).read_log()]
        for name in ("killed", "whole")
    ]
    assert_same_losses(*logs)
