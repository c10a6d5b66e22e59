"""The folder of a run: what it holds is neither overwritten nor misread."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from srgan_cli.errors import SrganError
from srgan_cli.training.options import TrainOptions
from srgan_cli.training.runs import Record, RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run of two reports, the second with a validation."""
    run = RunFolder(tmp_path / "run")
    run.refuse_existing()
    run.prepare(TrainOptions(data="somewhere"))
    run.log(Record("pretrain", 20, {"loss": 0.5}))
    run.log(Record("pretrain", 40, {"loss": 0.25, "validation": 0.0123}))
    return run


def test_a_run_is_gone_on_with_and_not_begun_again(run: RunFolder) -> None:
    with pytest.raises(SrganError, match="holds a run already") as caught:
        run.refuse_existing()
    assert "--resume" in caught.value.hint


def test_one_program_at_a_time_trains_in_a_folder(run: RunFolder, tmp_path: Path) -> None:
    with run.held(), pytest.raises(SrganError, match="another program is training here"), RunFolder(run.path).held():
        pass
    with RunFolder(run.path).held(), RunFolder(tmp_path / "other").held():
        pass
    assert run.read_options()
    assert not (tmp_path / "other").exists()  # nothing was written there
    (tmp_path / "mine").mkdir()
    with RunFolder(tmp_path / "mine").held():
        pass
    assert (tmp_path / "mine").exists()


def test_what_has_no_room_is_not_begun(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Path] = []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(SrganError, match=r"a.weights.h5: cannot be written \(the disk is full"):
        run.write("backup/a.weights.h5", begun.append, 1001)
    assert not begun
    run.write("b.txt", lambda path: path.write_text("b"), 1000)
    assert (run.path / "b.txt").exists()


def test_the_newest_backup_takes_the_place_of_the_oldest_where_there_is_no_other(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (1, 2):
        run.back_up("pretrain", step, lambda path: path.write_text("steps"), 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2000 - 700 * len(run.backups())))
    run.back_up("pretrain", 3, lambda path: path.write_text("steps"), 604)
    assert [backup.step for backup in run.backups()] == [3, 2]
    with pytest.raises(SrganError, match="the disk is full"):  # the oldest would not make room enough
        run.back_up("pretrain", 4, lambda path: path.write_text("steps"), 5000)
    assert [backup.step for backup in run.backups()] == [3, 2]
    run.backups()[1].path.unlink()
    with pytest.raises(SrganError, match="the disk is full"):  # the only one is not given up
        run.back_up("pretrain", 4, lambda path: path.write_text("steps"), 1303)
    assert [backup.step for backup in run.backups()] == [3]


@pytest.mark.parametrize("name", ["config.json", "log.csv", "generator.keras", "discriminator.keras"])
def test_files_that_a_run_would_replace_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("somebody's")
    with pytest.raises(SrganError, match=f"holds {name} already"):
        RunFolder(tmp_path).refuse_existing()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_backups_that_were_left_are_not_gone_on_with_unasked(run: RunFolder) -> None:
    run.back_up("pretrain", 20, lambda path: path.write_text("state"))
    for name in ("config.json", "log.csv"):
        (run.path / name).unlink()
    with pytest.raises(SrganError, match=r"holds pretrain-00000020.weights.h5 already"):
        run.refuse_existing()


def test_a_row_that_was_cut_off_is_no_row(run: RunFolder) -> None:
    assert run.validated_steps("pretrain") == [40]
    assert run.validated_steps("adversarial") == []
    log = run.path / "log.csv"
    log.write_bytes(log.read_bytes()[:-4])  # 0.0123 -> 0.01, were it believed
    assert [row["step"] for row in run.read_log()] == ["20"]
    assert run.validated_steps("pretrain") == []
    run.forget_after("pretrain", 40)
    run.log(Record("pretrain", 40, {"validation": 0.5}))
    assert [row["validation"] for row in run.read_log()] == ["", "0.5"]


@pytest.mark.parametrize(
    "damage", [b'pretrain,30,"0.5\r\n', b"pretrain,30,\xff\xfe\r\n", b'"' + b"x" * 200_000 + b"\r\n"]
)
def test_a_damaged_row_spoils_no_others(run: RunFolder, damage: bytes) -> None:
    header, first, second = (run.path / "log.csv").read_bytes().splitlines(keepends=True)
    (run.path / "log.csv").write_bytes(header + first + damage + b"\r\n" + second)
    assert [row["step"] for row in run.read_log() if row["loss"] in ("0.5", "0.25")] == ["20", "40"]
    assert run.validated_steps("pretrain") == [40]


def test_a_log_that_another_program_has_changed_is_kept_aside(run: RunFolder) -> None:
    assert run.forget_after("pretrain", 40) is None
    changed = (run.path / "log.csv").read_text().replace(",", ";")
    (run.path / "log.csv").write_text(changed)
    assert run.forget_after("pretrain", 40) == run.path / "log.csv.old"
    assert (run.path / "log.csv.old").read_text() == changed
    run.log(Record("pretrain", 60, {"loss": 0.1}))
    assert [row["step"] for row in run.read_log()] == ["60"]


def test_a_disk_that_was_full_for_a_while_leaves_whole_rows(run: RunFolder) -> None:
    resource = pytest.importorskip("resource")
    before, size = resource.getrlimit(resource.RLIMIT_FSIZE), (run.path / "log.csv").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 9, before[1]))
    try:
        with pytest.raises(SrganError, match=r"log.csv: cannot be written"):
            run.log(Record("pretrain", 60, {"loss": 0.1}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (run.path / "log.csv").stat().st_size == size
    run.log(Record("pretrain", 80, {"loss": 0.1}))
    assert [row["step"] for row in run.read_log()] == ["20", "40", "80"]
