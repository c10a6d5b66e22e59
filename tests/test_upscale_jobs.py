"""Whole jobs through the program: stdin and stdout, JSON, interruptions, crashes."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_cli import PROGRAM, in_process


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: np.ndarray) -> Path:
    """The current folder, with a folder `in` of three pictures and a text."""
    monkeypatch.chdir(tmp_path)
    Path("in/deep").mkdir(parents=True)
    for name, side in (("a.png", 8), ("b.jpg", 12), ("deep/c.webp", 16)):
        Image.fromarray(photo[:side, :side]).save(Path("in", name))
    Path("in/notes.txt").write_text("hello")
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_stdin_becomes_stdout_and_nothing_else_does(model: Path) -> None:
    command = [str(PROGRAM), "upscale", "-", "--format", "png", "--quiet", "--model", str(model)]
    result = subprocess.run(command, input=Path("in/b.jpg").read_bytes(), capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")
    with Image.open(io.BytesIO(result.stdout)) as sr:
        assert (sr.format, sr.size) == ("PNG", (48, 48))


@pytest.mark.usefixtures("folder")
def test_json_lines(model: Path) -> None:
    (Path("in") / "bad.png").write_bytes(b"no picture")
    arguments = ("upscale", "in", "-r", "-o", "out", "--model", model, "--json", "--precision", "float32")
    code, stdout, stderr = in_process(*arguments, "--device", "cpu")
    assert code == 1
    lines = {line["input"]: line for line in map(json.loads, stdout.splitlines())}
    assert list(lines) == ["in/bad.png", "in/a.png", "in/b.jpg", "in/deep/c.webp"]
    assert "is not a picture" in lines["in/bad.png"]["error"]
    done = lines["in/deep/c.webp"]
    assert done.pop("seconds") > 0
    assert done.pop("memory") > 0
    assert done == {
        "input": "in/deep/c.webp", "output": "out/deep/c.webp", "input_width": 16, "input_height": 16,
        "output_width": 64, "output_height": 64, "frames": 1, "model": str(model), "strength": 1.0,
        "device": "cpu:0", "precision": "float32", "error": None, "skipped": False, "notes": [],
    }  # fmt: skip
    assert "passed over: not pictures (1)" in stderr
    assert stderr.endswith("3 done, 1 failed\n")
    code, stdout, stderr = in_process(*arguments, "--skip-existing", "--quiet")
    assert [line["input"] for line in map(json.loads, stdout.splitlines()) if not line["skipped"]] == ["in/bad.png"]
    assert (code, stderr.count("\n")) == (1, 2)


@pytest.mark.usefixtures("folder")
def test_a_dry_run_computes_and_writes_nothing() -> None:
    Path("no.keras").write_text("damaged, which would be seen if it were loaded")
    before = sorted(Path().rglob("*"))
    arguments = ("upscale", "in", "-o", "out", "--format", "png", "--dry-run", "--model")
    code, stdout, stderr = in_process(*arguments, "no.keras")
    assert code == 0
    assert stdout == ("in/a.png -> out/a.png 32x32, 0.8 GB of memory\nin/b.jpg -> out/b.png 48x48, 0.8 GB of memory\n")
    assert stderr == "passed over: not pictures (1)\n2 to do\n"
    assert sorted(Path().rglob("*")) == before
    for missing, message in (("none", "there is no model 'none'"), ("none.keras", "none.keras: there is no such file")):
        code, stdout, stderr = in_process(*arguments, missing)
        assert (code, stdout) == (1, "")
        assert stderr.startswith(f"error: {message}\n")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in", "--overwrite", "--skip-existing"], "contradict each other"),
        (["in/a.png", "-o", "-", "--json"], "cannot both be written to stdout"),
        (["in", "-o", "-"], "stdout: 2 pictures cannot be written to it"),
        (["in/a.png", "in/deep/../a.png", "-o", "out"], "in/a.png and in/deep/../a.png would both be written to"),
        (["in", "--format", "docx"], "--format is 'docx'"),
        (["in", "--quality", "101"], "--quality"),
    ],
)
def test_usage_errors(arguments: list[str], message: str) -> None:
    code, stdout, stderr = in_process("upscale", *arguments)
    assert (code, stdout) == (2, "")
    assert message in stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_goes_away_is_not_a_traceback(form: list[str]) -> None:
    command = [str(PROGRAM), "upscale", "in", "--dry-run", "--quiet", *form]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        stderr = process.stderr.read()
    assert (process.returncode, stderr) == (1, b"")


@pytest.mark.usefixtures("folder")
def test_that_nobody_reads_the_errors_stops_nothing(model: Path) -> None:
    Path("in/a.png").write_bytes(b"")
    reader, writer = os.pipe()
    os.close(reader)
    command = [str(PROGRAM), "upscale", "in", "-o", "out/", "--model", str(model), "--json"]
    with os.fdopen(writer, "wb") as nobody:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=nobody, check=False)
    assert result.returncode == 1
    errors = [json.loads(line)["error"] for line in result.stdout.splitlines()]
    assert [error is None for error in errors] == [False, True]
    assert [path.name for path in Path("out").iterdir()] == ["b.jpg"]


@pytest.mark.usefixtures("folder")
def test_a_full_stdout_is_one_sentence() -> None:
    with Path("/dev/full").open("wb") as full:
        command = [str(PROGRAM), "upscale", "in", "--dry-run", "--quiet"]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines()[0] == "error: stdout: cannot be written (No space left on device)"
    assert result.stderr.count("\n") == 2


def pictures(folder: Path, count: int, photo: np.ndarray) -> None:
    """Small cuts of a photograph in three formats and sizes."""
    folder.mkdir()
    for number in range(count):
        side, ending = 8 + 4 * (number % 3), ("png", "jpg", "webp")[number // 3 % 3]
        x, y = number % 170, number // 2
        Image.fromarray(photo[y : y + side, x : x + side]).save(folder / f"{number:03}.{ending}")


def start(*arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen([PROGRAM, *map(str, arguments)], stderr=subprocess.PIPE, text=True)


def wait_for_results(process: "subprocess.Popen[str]", count: int) -> None:
    assert process.stderr
    while count:
        line = process.stderr.readline()
        assert line, "it ended by itself"
        count -= " -> " in line


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_whole_files_and_says_so(
    tmp_path: Path, model: Path, photo: np.ndarray, number: int
) -> None:
    pictures(tmp_path / "in", 200, photo)
    with start("upscale", tmp_path / "in", "-o", tmp_path / "out", "--model", model) as process:
        wait_for_results(process, 5)
        process.send_signal(number)
        assert process.stderr
        stderr = process.stderr.read()
    assert process.returncode == -signal.SIGINT  # 130 to a shell
    assert stderr.endswith("interrupted; what was written is kept\n")
    assert "Traceback" not in stderr
    written = list((tmp_path / "out").iterdir())
    assert 5 <= len(written) < 200
    for path in written:
        Image.open(path).close()
        assert not path.name.startswith(".")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_interrupted_while_it_loads(number: int) -> None:
    inside = "with boundary.errors_as_exit_codes(False), boundary.loading(): os.kill(os.getpid(), {}); time.sleep(60)"
    script = "import os, time; from srgan_cli.terminal import boundary\n" + inside.format(int(number))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT
    assert (done.stdout, done.stderr) == ("", "interrupted; what was written is kept\n")


LOOP = """
while true; do
    "$1" -c 'import time, typer; from srgan_cli.terminal import boundary
def work():
    with boundary.errors_as_exit_codes(False): print("working", flush=True); time.sleep(60)
with boundary.program(): typer.run(work)'
    echo "the next one, after $?"
done
"""


def test_ctrl_c_ends_the_loop_that_it_is_in() -> None:
    command = ["bash", "-c", LOOP, "loop", sys.executable]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as loop:
        assert loop.stdout
        assert loop.stdout.readline() == b"working\n"
        os.killpg(loop.pid, signal.SIGINT)  # as terminals do
        stdout, stderr = loop.communicate(timeout=30)
    assert (loop.returncode, stdout) == (-signal.SIGINT, b"")
    assert stderr.startswith(b"interrupted; what was written is kept\n")


@pytest.mark.slow
def test_it_can_be_interrupted_early(tmp_path: Path, model: Path, photo: np.ndarray) -> None:
    pictures(tmp_path / "in", 200, photo)
    with start("upscale", tmp_path / "in", "-o", tmp_path / "out", "--model", model) as process:
        time.sleep(2)  # earlier, on a busy machine, Python itself may still be starting
        process.send_signal(signal.SIGINT)
        assert process.stderr
        stderr = process.stderr.read()
    assert process.returncode == -signal.SIGINT  # 130 to a shell
    assert stderr.splitlines()[-1] == "interrupted; what was written is kept"
    assert "Traceback" not in stderr


def damage(folder: Path) -> set[str]:
    """Damage every twentieth picture, each in another way."""
    files = sorted(folder.iterdir())[5::20]
    for number, path in enumerate(files):
        whole = path.read_bytes()
        path.write_bytes((b"", whole[: len(whole) // 2], b"junk" + whole[4:], whole[:20])[number % 4])
    return {path.name for path in files}


def contents(folder: Path) -> dict[str, bytes]:
    """Name -> bytes of the files that a reader could take for results."""
    return {path.name: path.read_bytes() for path in folder.glob("[!.]*")}


FORKS = """
import os, sys
import tensorflow, keras  # once for all starts, of which that is the longest part
from srgan_cli.cli import main
for _ in sys.stdin:
    pid = os.fork()
    if not pid:
        main()
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


@pytest.mark.slow
def test_killed_ten_times_it_does_what_is_missing(tmp_path: Path, model: Path, photo: np.ndarray) -> None:
    pictures(tmp_path / "in", 200, photo)
    damaged = damage(tmp_path / "in")
    job = ("upscale", tmp_path / "in", "--model", model, "--device", "cpu", "-o")
    code, _, stderr = in_process(*job, tmp_path / "whole")
    assert code == 1
    assert stderr.splitlines()[-1] == "190 done, 10 failed"
    errors = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert {Path(line.split(": ")[1]).name for line in errors} == damaged
    assert len(errors) == len(damaged) == 10
    whole = contents(tmp_path / "whole")
    assert len(whole) == 190

    random.seed(6)
    out = tmp_path / "out"
    command = [sys.executable, "-c", FORKS, *map(str, job), str(out), "--skip-existing"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
    ) as process:
        assert process.stdin
        assert process.stdout
        for _ in range(10):
            wanted, deadline = len(contents(out)) + random.randrange(1, 19), time.monotonic() + 120
            process.stdin.write("start\n")
            pid = int(process.stdout.readline())
            while len(contents(out)) < wanted:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)
            assert process.stdout.readline() == "9\n", "it ended by itself"
            assert contents(out).items() <= whole.items()
        process.stdin.close()
    done = len(contents(out))
    code, _, stderr = in_process(*job, out, "--skip-existing")
    assert code == 1
    assert stderr.splitlines()[-1] == f"{190 - done} done, {done} skipped, 10 failed"
    assert contents(out) == whole
    assert len(list(out.iterdir())) == 190  # nothing hidden is left either
