"""Files -> files with a stand-in for the network."""

import errno
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import enlarge
from PIL import Image

from srgan_cli import files
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.jobs.batch import run_jobs
from srgan_cli.jobs.naming import Destination
from srgan_cli.jobs.outcomes import Outcome
from srgan_cli.jobs.planning import Existing, Limits, Plan, plan_jobs
from srgan_cli.pictures.frames import read_frames, read_header
from srgan_cli.pictures.picture import Picture
from srgan_cli.terminal.account import Account


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: np.ndarray) -> Path:
    """The current folder, with a tree of two pictures, `in`."""
    monkeypatch.chdir(tmp_path)
    Path("in/deep").mkdir(parents=True)
    Image.fromarray(photo[:5, :6]).save("in/a.jpg")
    Image.fromarray(photo[:3, :4]).save("in/deep/b.png")
    return Path("in")


def plan(output: str = "out", **destination: object) -> Plan:
    return plan_jobs(["in"], Destination(output, **destination), recursive=True)  # type: ignore[arg-type]


@pytest.mark.usefixtures("folder")
def test_a_tree_becomes_a_tree() -> None:
    done: list[int] = []
    outcomes = sorted(run_jobs(enlarge, plan().jobs, done.append), key=str)
    assert [(str(o.target), o.lr_size, o.sr_size) for o in outcomes] == [
        ("out/a.jpg", (6, 5), (24, 20)), ("out/deep/b.png", (4, 3), (16, 12)),
    ]  # fmt: skip
    assert [read_header(o.target).width for o in outcomes if o.target] == [24, 16]
    assert sum(done) == 6 * 5 + 4 * 3


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("existing", ["refuse", "skip", "overwrite"])
@pytest.mark.parametrize("links", [True, False])
def test_what_appears_meanwhile_is_treated_like_what_was_there(
    existing: Existing, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError

    def enlarge_while_others_write(picture: Picture, on_pixels: Callable[[int], None]) -> Picture:
        if not Path("out/deep").exists():
            Path("out/deep").mkdir(parents=True)
            for place in ("out/a.jpg", "out/deep/b.png"):
                Path(place).write_text("another's")
        return enlarge(picture, on_pixels)

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    jobs = plan_jobs(["in"], Destination("out"), existing, recursive=True).jobs
    first, second = run_jobs(enlarge_while_others_write, jobs)
    assert (first.error is not None, second.error is not None) == (existing == "refuse",) * 2
    assert (first.skipped, second.skipped) == (existing == "skip",) * 2
    assert (Path("out/a.jpg").read_bytes() == b"another's") == (existing != "overwrite")
    assert sorted(path.name for path in Path("out").rglob("*")) == ["a.jpg", "b.png", "deep"]


@pytest.mark.usefixtures("folder")
def test_quality_and_format_reach_the_file() -> None:
    sizes = []
    for quality in (10, 90):
        for outcome in run_jobs(enlarge, plan(f"q{quality}", format="jpeg", quality=quality).jobs):
            assert outcome.target
            with Image.open(outcome.target) as image:
                assert image.format == "JPEG"
            sizes.append(outcome.target.stat().st_size)
    assert sum(sizes[:2]) < sum(sizes[2:])


@pytest.mark.usefixtures("folder")
def test_one_that_fails_does_not_stop_the_others_and_is_named() -> None:
    def fail_on_wide(picture: Picture, on_pixels: Callable[[int], None]) -> Picture:
        if picture.colour.shape[1] == 6:
            raise SrganError("out of memory", "lower --tile")
        return enlarge(picture, on_pixels)

    failed, done = run_jobs(fail_on_wide, plan().jobs)
    assert failed.error
    assert (failed.error.message, failed.error.hint) == ("in/a.jpg: out of memory", "lower --tile")
    assert (done.error, [path.name for path in Path("out").rglob("*.*")]) == (None, ["b.png"])


@pytest.mark.usefixtures("folder")
def test_running_out_of_memory_does_not_stop_the_others() -> None:
    def exhaust_on_wide(picture: Picture, on_pixels: Callable[[int], None]) -> Picture:
        if picture.colour.shape[1] == 6:
            raise MemoryError
        return enlarge(picture, on_pixels)

    failed, done = run_jobs(exhaust_on_wide, plan().jobs)
    assert failed.error
    assert (failed.error.message, done.error) == ("in/a.jpg: out of memory", None)


@pytest.mark.usefixtures("folder")
def test_a_picture_may_be_replaced_by_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []

    def note(path: Path, file: Any, most_pixels: int) -> Any:
        opened.append(file)
        return read_frames(path, file, most_pixels)

    monkeypatch.setattr("srgan_cli.jobs.batch.read_frames", note)
    (done,) = run_jobs(enlarge, plan_jobs(["in/a.jpg"], Destination("in/a.jpg")).jobs)
    assert done.error is None
    assert opened[0] is not None, "Windows replaces no file that is open"
    assert read_header(Path("in/a.jpg")).width == 24


def test_a_picture_that_has_become_too_large_meanwhile_is_refused(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 9).save(tmp_path / "a.png")
    found = plan_jobs([str(tmp_path / "a.png")], Destination(str(tmp_path / "b.png")), limits=Limits(pixels=100))
    Image.new("L", (40, 40), 9).save(tmp_path / "a.png")
    (outcome,) = run_jobs(enlarge, found.jobs)
    assert "more than the limit" in str(outcome.error)


@pytest.mark.parametrize(("size", "more"), [((5, 4), 0), ((4, 4), 1)])
def test_a_picture_that_has_changed_meanwhile_is_refused(tmp_path: Path, size: tuple[int, int], more: int) -> None:
    """What was planned, and told, is of another size, or without the frames that came."""
    path, target = tmp_path / "a.gif", tmp_path / "b.gif"
    Image.new("L", (4, 4), 9).save(path)
    jobs = plan_jobs([str(path)], Destination(str(target))).jobs
    Image.new("L", size, 8).save(path, save_all=True, append_images=[Image.new("L", size, 80)] * more)
    (outcome,) = run_jobs(enlarge, jobs)
    assert "has changed since" in str(outcome.error)
    assert not target.exists()


def test_two_programs_share_the_work(tmp_path: Path, photo: np.ndarray) -> None:
    (tmp_path / "in").mkdir()
    for number in range(60):
        Image.fromarray(photo[:4, :4]).save(tmp_path / "in" / f"{number:02}.png")
    jobs = plan_jobs([str(tmp_path / "in")], Destination(str(tmp_path / "out")), "skip").jobs
    computed = 0

    def count(picture: Picture, on_pixels: Callable[[int], None]) -> Picture:
        nonlocal computed
        computed += 1
        with suppress(threading.BrokenBarrierError):  # the other has ended
            barrier.wait(timeout=60)  # in lockstep, as long as both compute
        return enlarge(picture, on_pixels)

    barrier = threading.Barrier(2)

    def run() -> list[Outcome]:
        try:
            return list(run_jobs(count, jobs))
        finally:
            barrier.abort()

    with ThreadPoolExecutor(2) as pool:
        outcomes = [future.result() for future in [pool.submit(run), pool.submit(run)]]
    assert len(list((tmp_path / "out").iterdir())) == 60
    assert all(len(of_one) == 60 for of_one in outcomes)
    assert computed < 75  # and not 120


@pytest.mark.usefixtures("folder")
def test_running_out_of_memory_while_reading_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(_: object) -> tuple[np.ndarray, str]:
        raise MemoryError

    jobs = plan().jobs
    monkeypatch.setattr("srgan_cli.pictures.modes.to_channels", exhaust)
    errors = [outcome.error for outcome in run_jobs(enlarge, jobs)]
    assert [error and error.message for error in errors] == ["in/a.jpg: out of memory", "in/deep/b.png: out of memory"]
    assert all(error and "damaged" not in error.hint for error in errors)


@pytest.mark.usefixtures("folder")
def test_running_out_of_memory_while_writing_is_not_the_formats_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*_: object) -> tuple[str, ...]:
        raise MemoryError

    monkeypatch.setattr("srgan_cli.pictures.encoding.encode", exhaust)
    errors = [outcome.error for outcome in run_jobs(enlarge, plan().jobs)]
    assert sorted(error.message for error in errors if error) == [
        "in/a.jpg: out of memory",
        "in/deep/b.png: out of memory",
    ]
    assert [path for path in Path("out").rglob("*") if path.is_file()] == []


def test_what_is_no_file_is_written_into(tmp_path: Path) -> None:
    pipe, linked = tmp_path / "pipe", tmp_path / "linked"
    os.mkfifo(pipe)
    linked.symlink_to(pipe)
    for path in (pipe, linked):
        files.check_file(path)
        with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
            files.write_text(path, "scores")
            assert reader.communicate(timeout=10)[0] == "scores"
        assert pipe.is_fifo()
    files.write_text(Path(os.devnull), "scores")
    assert not Path(os.devnull).is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["linked", "pipe"]


@pytest.mark.usefixtures("folder")
def test_a_disk_that_can_only_be_read_by_now_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    jobs = plan().jobs
    monkeypatch.setattr(os, "fsync", read_only)
    monkeypatch.setattr(Path, "unlink", read_only)
    errors = sorted(str(outcome.error) for outcome in run_jobs(enlarge, jobs))
    assert errors == [f"out/{name}: cannot be written (Read-only file system)" for name in ("a.jpg", "deep/b.png")]


def test_who_may_read_a_file_stays_when_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.touch()
    path.chmod(0o640)
    files.write_text(path, "scores")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("scores", 0o640)


@pytest.mark.parametrize(("user", "group"), [(1, 0), (0, 1)])
def test_who_might_read_another_s_file_may_not_read_this_one(tmp_path: Path, user: int, group: int) -> None:
    path = tmp_path / "scores.json"
    path.touch()
    path.chmod(0o600)
    now = path.stat()
    before = os.stat_result((0o100666, 0, 0, 1, now.st_uid + user, now.st_gid + group, 0, 0, 0, 0))
    files._keep_mode(path, before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("folder")
def test_a_folder_that_cannot_be_made_meanwhile_is_one_sentence() -> None:
    jobs = plan().jobs
    Path("out").write_text("mine")
    assert all("its folder cannot be made" in str(outcome.error) for outcome in run_jobs(enlarge, jobs))


@pytest.mark.parametrize("full", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_is_full_for_all_its_folders(
    tmp_path: Path, photo: np.ndarray, full: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        (tmp_path / "in" / str(number)).mkdir(parents=True)
        Image.fromarray(photo[:70, :80]).save(tmp_path / "in" / str(number) / "a.png")
    jobs = plan_jobs([str(tmp_path / "in")], Destination(str(tmp_path / "out")), recursive=True).jobs
    computed: list[int] = []

    def no_space(path: Path, *_: object, **__: object) -> None:
        raise OSError(full, os.strerror(full), str(path))

    def count(picture: Picture, on_pixels: Callable[[int], None]) -> Picture:
        computed.append(picture.colour.shape[0])
        return enlarge(picture, on_pixels)

    monkeypatch.setattr(Path, "mkdir", no_space)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=126_976))  # which 280 x 320 do not divide
    errors = [str(outcome.error) for outcome in run_jobs(count, jobs)]
    assert computed == [70]
    assert ["not computed" in error for error in errors] == [False, True, True, True]


def test_nothing_is_computed_for_a_full_disk(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, height in enumerate((8, 8, 4, 8, 8)):
        Image.fromarray(photo[:height, :8]).save(tmp_path / f"{number}.png")
    jobs = plan_jobs([str(tmp_path)], Destination(str(tmp_path / "out"))).jobs
    outcomes: list[Outcome] = []
    computed: list[int] = []

    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def count(picture: Picture, on_pixels: Callable[[int], None]) -> Picture:
        computed.append(picture.colour.shape[0])
        if len(computed) > 1:
            monkeypatch.setattr(os, "fsync", lambda _: None)
        return enlarge(picture, on_pixels)

    monkeypatch.setattr(os, "fsync", no_space)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000 + (len(outcomes) > 3)))
    for outcome in run_jobs(count, jobs):
        outcomes.append(outcome)
    errors = [str(outcome.error) for outcome in outcomes]
    assert computed == [8, 4, 8]  # the first, a smaller one, and when there is more room
    assert [("No space left" in error, "not computed" in error) for error in errors] == [
        (True, False), (False, True), (False, False), (False, True), (False, False),
    ]  # fmt: skip


@pytest.mark.usefixtures("folder")
def test_a_full_disk_leaves_the_older_result(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("out").mkdir()
    Path("out/a.jpg").write_text("older")
    jobs = plan_jobs(["in"], Destination("out"), "overwrite").jobs

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    (outcome,) = run_jobs(enlarge, jobs)
    assert str(outcome.error) == "out/a.jpg: cannot be written (No space left on device)"
    assert [(path.name, path.read_text()) for path in Path("out").iterdir()] == [("a.jpg", "older")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or subprocess.call(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]):
        pytest.skip("needs the right to mount a disk")
    yield disk
    subprocess.check_call(["umount", disk])


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp", "bmp"])
def test_a_real_full_disk_leaves_the_older_result(small_disk: Path, tmp_path: Path, ending: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    (small_disk / f"a.{ending}").write_text("older")
    (small_disk / "ballast").write_bytes(bytes(4_000_000))
    target = f"{small_disk}/a.{ending}"
    (outcome,) = run_jobs(enlarge, plan_jobs([str(tmp_path / "a.png")], Destination(target)).jobs)
    assert str(outcome.error) == f"{target}: cannot be written (No space left on device)"
    assert sorted(path.name for path in small_disk.iterdir()) == [f"a.{ending}", "ballast"]
    assert Path(target).read_text() == "older"


@pytest.mark.usefixtures("folder")
def test_what_killed_programs_left_is_deleted_and_nothing_else() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    out = Path("out")
    out.mkdir()
    dead, host = process.pid, files._host()
    names = {
        "dead": f".srgan-{host}-{dead}-0123456789ab-a.jpg",
        "alive": f".srgan-{host}-{os.getpid()}-0123456789ab-a.jpg",
        "other": f".srgan-other{host}-{dead}-0123456789ab-a.jpg",
        "old": f".srgan-other{host}-{dead}-ba9876543210-a.jpg",
        "user": ".srgan-notes",
    }
    for name in names.values():
        (out / name).touch()
    long_ago = time.time() - files.STALE_AFTER - 9
    for old in ("old", "user"):
        os.utime(out / names[old], (long_ago, long_ago))
    list(run_jobs(enlarge, plan().jobs))
    left = {path.name for path in out.iterdir()}
    assert {key for key, name in names.items() if name in left} == {"alive", "other", "user"}


def test_machines_may_be_called_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dead = 2**22 + 1  # no such process
    (tmp_path / "boot_id").write_text("0b2f9ab1-0000-0000-0000-000000000000\n")
    name = f".srgan-{files._host()}-{dead}-0123456789ab-a.jpg"
    monkeypatch.setattr(files, "BOOT_ID", tmp_path / "boot_id")
    (tmp_path / name).touch()
    files.remove_stale(tmp_path)
    assert (tmp_path / name).exists()
    monkeypatch.setattr(files, "BOOT_ID", tmp_path / "nowhere")  # as where /proc/sys is hidden
    assert files._host().endswith(re.sub(r"\W", "", str(Path("/proc/self/ns/pid").readlink())))


def test_what_somebody_else_is_writing_is_not_deleted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    path = tmp_path / f".srgan-{files._host()}-{os.getpid()}-0123456789ab-a.jpg"
    path.touch()
    monkeypatch.setattr(os, "kill", refuse)
    files.remove_stale(tmp_path)
    assert path.exists()


def test_one_file_that_cannot_be_deleted_leaves_no_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = [f".srgan-{files._host()}-{2**22 + 1}-{number:012x}-a.jpg" for number in range(3)]  # no such process
    for name in names:
        (tmp_path / name).touch()
    unlink = Path.unlink

    def refuse(path: Path) -> None:
        if path.name == names[1]:
            raise PermissionError
        unlink(path)

    monkeypatch.setattr(Path, "unlink", refuse)
    files.remove_stale(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [names[1]]


@pytest.fixture
def outcomes() -> list[Outcome]:
    """One done, one skipped, one failed."""
    return [
        Outcome(Path("a.png"), Path("out/a.png"), (6, 5), (24, 20), 1.23456, frames=1, memory=10**9),
        Outcome(Path("b.png"), Path("out/b.png"), skipped=True),
        Outcome(Path("\udce4.png"), error=SrganError("it is damaged", "copy it again")),
    ]


def test_json_is_a_line_a_picture(capsysbinary: pytest.CaptureFixture[bytes], outcomes: list[Outcome]) -> None:
    account = Account(json=True, quiet=True)
    account.start(Plan([], outcomes[2:], {"hidden": 3}))
    account.start_computing("srgan", 0.5, "cpu:0", "float32")
    for outcome in outcomes[:2]:
        account.enter(outcome)
    assert not account.close()
    stdout, stderr = capsysbinary.readouterr()
    failed, done, skipped = (json.loads(line) for line in stdout.splitlines())
    assert done == {
        "input": "a.png", "output": "out/a.png", "input_width": 6, "input_height": 5, "output_width": 24,
        "output_height": 20, "frames": 1, "model": "srgan", "strength": 0.5, "device": "cpu:0", "precision": "float32",
        "memory": 10**9,
        "seconds": 1.235, "error": None, "skipped": False, "notes": [],
    }  # fmt: skip
    assert list(failed) == list(skipped) == list(done)
    assert (failed["input"], failed["error"], failed["device"]) == ("\udce4.png", "it is damaged", None)
    assert (skipped["skipped"], skipped["seconds"], skipped["output"]) == (True, None, "out/b.png")
    assert stderr == b"error: it is damaged\nhint: copy it again\n"


def test_people_get_lines_and_a_sum(capsys: pytest.CaptureFixture[str], outcomes: list[Outcome]) -> None:
    account = Account()
    account.start(Plan([], outcomes, {"hidden": 3, "not pictures": 2}))
    account.close()
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    assert stderr.splitlines() == [
        "passed over: hidden (3), not pictures (2)",
        "a.png -> out/a.png 24x20 in 1.2 s",
        "error: it is damaged",
        "hint: copy it again",
        "1 done, 1 skipped, 1 failed",
    ]


def test_one_failure_needs_no_sum(capsys: pytest.CaptureFixture[str], outcomes: list[Outcome]) -> None:
    account = Account()
    account.start(Plan([], outcomes[2:], {}))
    assert not account.close()
    assert capsys.readouterr().err == "error: it is damaged\nhint: copy it again\n"


@pytest.mark.usefixtures("folder")
def test_a_dry_run_lists_what_would_be_written(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    account = Account(dry_run=True)
    account.start(plan())
    assert account.close()
    stdout, stderr = capsysbinary.readouterr()
    assert re.sub(rb", 0\.\d GB of memory", b"", stdout) == (
        b"in/a.jpg -> out/a.jpg 24x20\nin/deep/b.png -> out/deep/b.png 16x12\n"
    )
    assert stderr == b"2 to do\n"
    assert not Path("out").exists()
    account.enter(Outcome(Path("undecodable \udcff.png"), Path("out.png")))
    assert capsysbinary.readouterr().out == b"undecodable \xff.png -> out.png\n"


@pytest.mark.usefixtures("folder")
def test_a_terminal_shows_no_pictures_but_lists_them(monkeypatch: pytest.MonkeyPatch) -> None:
    found = plan_jobs(["in/a.jpg"], Destination("-"))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with pytest.raises(UsageError, match="stdout is a terminal"):
        Account().start(found)
    account = Account(dry_run=True, quiet=True)
    account.start(found)
    assert account.close()
