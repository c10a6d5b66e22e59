"""Options mean the same on the command line, in TOML and in config.json."""

import glob
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from srgan_cli.errors import UsageError
from srgan_cli.options import flag
from srgan_cli.training.options import Stage, TrainOptions, read_toml, resumed, with_absolute_paths


def test_the_defaults_are_the_reference_implementation_s() -> None:
    options = TrainOptions()
    assert (options.steps, options.batch_size, options.hr_size) == (20_000, 1, 256)
    assert (options.learning_rate, options.beta_1, options.adversarial_weight) == (2e-4, 0.5, 1e-3)
    assert (options.content_loss, options.vgg_layer) == ("vgg", "block3_conv3")


def test_json_and_back() -> None:
    options = TrainOptions(data="x", clip_norm=1.0, sampling="crop", backup_every="500")
    assert TrainOptions.from_mapping(json.loads(json.dumps(asdict(options))), "test") == options


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stepz": 1}, "test: there is no option 'stepz'"),
        ({"train": {"steps": 1}}, "test: there is no option 'train'"),
        ({"learning_rate": math.inf}, "test: learning_rate is inf"),
        ({"steps": "many"}, "test: steps is 'many'"),
        ({"steps": True}, "test: steps is True"),
        ({"steps": -1}, "test: steps is -1"),
        ({"batch_size": 0}, "test: batch_size is 0"),
        ({"workers": 0}, "test: workers is 0"),
        ({"learning_rate": None}, "test: learning_rate is None"),
        ({"pixel_loss": "l3"}, "test: pixel_loss is 'l3'"),
        ({"hr_size": 16}, "test: hr_size is 16"),
        ({"hr_size": 40}, "--hr-size is 40"),
        ({"average": 1}, "--average is 1.0"),
        ({"backup_every": "often"}, "--backup-every is 'often'"),
        ({"backup_every": "0min"}, "--backup-every is '0min'"),
    ],
)
def test_wrong_values_are_one_sentence(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        TrainOptions.from_mapping(values, "test")
    assert caught.value.message == message
    assert caught.value.hint


def test_whole_numbers_are_numbers() -> None:
    options = TrainOptions.from_mapping({"learning_rate": 1, "backup_every": 500, "clip_norm": None}, "test")
    assert options.learning_rate == 1.0
    assert options.backup_interval() == (500, None)
    assert TrainOptions(backup_every="15min").backup_interval() == (None, 900)
    with pytest.raises(UsageError, match=r"--backup-every is '1\.5'"):
        TrainOptions.from_mapping({"backup_every": 1.5}, "test")


@pytest.mark.parametrize(
    ("step", "backup_every", "due"), [(0, "30", 20), (20, "30", 30), (25, "30", 30), (25, "1min", 40), (80, "30", 85)]
)
def test_what_is_due_is_so_at_multiples_and_at_the_end(step: int, backup_every: str, due: int) -> None:
    options = TrainOptions(steps=85, report_every=20, sample_every=100, validate_every=50, backup_every=backup_every)
    assert options.end_of_interval("adversarial", step) == due


def test_paths_become_absolute_and_names_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given: dict[str, Any] = {
        "data": "faces/*.png",
        "start": "srresnet",
        "validation": "Set5",
        "vgg_weights": "vgg.h5",
        "steps": 3,
    }
    files = {name: str(tmp_path / given[name]) for name in ("data", "validation", "vgg_weights")}
    assert with_absolute_paths(given) == {**given, **files}
    assert with_absolute_paths({"start": "srresnett"}) == {"start": "srresnett"}  # of which it is said as it was given


def test_a_pattern_holds_in_a_folder_with_brackets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "set [old]"
    folder.mkdir()
    (folder / "a.png").touch()
    monkeypatch.chdir(folder)
    assert glob.glob(with_absolute_paths({"data": "*.png"})["data"]) == [str(folder / "a.png")]  # noqa: PTH207
    (folder / "in [1]").mkdir()
    assert with_absolute_paths({"data": "in [1]"})["data"] == str(folder / "in [1]")


def test_a_resumed_run_keeps_what_its_backups_are_made_of() -> None:
    saved = TrainOptions(data="faces", filters=8, average=0.9, precision="float16")
    assert resumed(saved, {"steps": 5, "learning_rate": 1e-5, "filters": 8}, {}).steps == 5
    changes = {
        "filters": 16,
        "average": 0.0,
        "start": "srresnet",
        "batch_norm": "frozen",
        "pixel_loss": "l1",
        "content_loss": "mse",
        "vgg_layer": "block5_conv4",
        "generator_precision": "float32",
    }
    for name, value in changes.items():
        with pytest.raises(UsageError, match=f"^{flag(name)} is .* in this run and cannot become"):
            resumed(saved, {name: value}, {})
    assert resumed(saved, {"average": 0.99}, {}).average == 0.99
    assert resumed(TrainOptions(data="faces"), {"precision": "bfloat16"}, {}).precision == "bfloat16"


def test_what_is_over_keeps_its_length() -> None:
    saved = TrainOptions(data="faces", pretrain_steps=5, start="srresnet", filters=64)
    done: dict[Stage, int] = {"pretrain": 5, "adversarial": 3}
    assert resumed(saved, {"steps": 7, "pretrain_steps": 5, "filters": 8}, done).filters == 64
    for wrong in (9, 4):
        with pytest.raises(UsageError, match=f"stage pretrain is over after 5 steps and cannot take {wrong}"):
            resumed(saved, {"pretrain_steps": wrong}, done)
    assert resumed(saved, {"steps": 3}, done).steps == 3
    with pytest.raises(UsageError, match="stage adversarial has done 3 steps and cannot take 2"):
        resumed(saved, {"steps": 2}, done)
    assert resumed(saved, {"pretrain_steps": 9}, {}).pretrain_steps == 9


def test_a_toml_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("batch_size = 3", encoding="utf-8-sig")  # as PowerShell and Notepad write it
    assert read_toml(tmp_path / "a.toml") == {"batch_size": 3}


def test_a_toml_file_has_the_names_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('from = "srgan"')
    assert read_toml(tmp_path / "a.toml") == {"start": "srgan"}
    for line, hint in (("batch-size = 2", "did you mean batch_size?"), ("[train]\nsteps = 2", "known: data, ")):
        (tmp_path / "a.toml").write_text(line)
        with pytest.raises(UsageError) as caught:
            read_toml(tmp_path / "a.toml")
        assert caught.value.hint.startswith(hint)
        assert caught.value.hint.endswith("; write them without [train]") == line.startswith("[train]")
    (tmp_path / "a.toml").write_text('from = "srgan"\nstart = "srresnet"')
    with pytest.raises(UsageError, match="from and start are the same"):
        read_toml(tmp_path / "a.toml")
    with pytest.raises(UsageError, match=r"none\.toml: cannot be read \(No such file"):
        read_toml(tmp_path / "none.toml")


def test_an_empty_value_is_one_that_was_never_set() -> None:
    for name in ("start", "validation", "vgg_weights"):
        with pytest.raises(UsageError, match=f"options: {name} is empty"):
            TrainOptions.from_mapping({"data": "faces", name: ""}, "options")
