"""The installed program as a user meets it: exit codes, stdout, stderr, files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTO
from PIL import Image
from typer.testing import CliRunner

from srgan_cli import images
from srgan_cli.cli import app

PROGRAM = Path(sys.executable).with_name("srgan")


def srgan(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the installed program, wide enough that nothing wraps."""
    return subprocess.run(
        [PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environment},
        check=False,
    )


def in_process(*arguments: object) -> tuple[int, str, str]:
    """The same without a new process: exit code, stdout, stderr."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def small(tmp_path: Path, photo: np.ndarray) -> Path:
    """A 12x10 picture, in a folder of its own."""
    path = tmp_path / "in" / "[x4] small.png"
    path.parent.mkdir()
    Image.fromarray(photo[:10, :12]).save(path)
    return path


def test_a_photo_becomes_four_times_larger(tmp_path: Path) -> None:
    result = srgan("upscale", PHOTO, "-o", tmp_path / "out.png", "--precision", "float32")
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    device, done = result.stderr.splitlines()
    assert device == "srresnet on cpu:0 in float32" or device.startswith("srresnet on gpu")
    assert done.startswith(f"{PHOTO} -> {tmp_path / 'out.png'} 768x512 in ")
    with Image.open(tmp_path / "out.png") as sr:
        assert sr.size == (768, 512)


@pytest.mark.slow
def test_jax_gives_the_same_picture(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    for backend in ("tensorflow", "jax"):
        result = srgan(
            "upscale", PHOTO, "-o", tmp_path / f"{backend}.png", "--precision", "float32", KERAS_BACKEND=backend
        )
        assert result.returncode == 0, result.stderr
    one, other = (images.read_picture(tmp_path / f"{b}.png").colour.astype(int) for b in ("tensorflow", "jax"))
    assert np.abs(one - other).max() <= 1


@pytest.mark.parametrize("arguments", [["--help"], ["upscale", "--help"], ["upscale"], ["upscale", "a", "--tile", "0"]])
def test_help_and_usage_errors_are_fast_and_load_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys, srgan_cli; from srgan_cli.cli import app\n"
        "try: app(sys.argv[1:])\n"
        "finally: assert not {'tensorflow', 'keras', 'scipy', 'numpy'} & set(sys.modules)"
    )
    before = os.times()
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    after = os.times()
    assert result.returncode == (0 if "--help" in arguments else 2), result.stderr
    # Processor time, which other programs on the machine do not stretch as they do the time on the clock.
    assert after.children_user - before.children_user + after.children_system - before.children_system < 0.5


def test_version() -> None:
    assert in_process("--version")[:2] == (0, "srgan 0.1.0\n")


def test_default_names_and_overwrite(small: Path) -> None:
    result = small.with_name("[x4] small_x4.png")
    assert in_process("upscale", small)[0] == 0
    before = result.stat().st_mtime_ns
    code, _, stderr = in_process("upscale", small)
    assert code == 1
    assert f"error: {result}: exists already" in stderr
    assert result.stat().st_mtime_ns == before
    assert in_process("upscale", small, "--overwrite")[0] == 0
    assert result.stat().st_mtime_ns > before


def test_one_bad_file_of_many_does_not_stop_the_others(small: Path, tmp_path: Path) -> None:
    (small.parent / "bad.png").write_bytes(b"no picture")
    truncated = small.parent / "truncated.png"
    truncated.write_bytes(PHOTO.read_bytes()[:20_000])
    code, stdout, stderr = in_process("upscale", small.parent, "-o", tmp_path / "out")
    assert code == 1
    assert stdout == ""
    assert [file.name for file in (tmp_path / "out").iterdir()] == [small.name]
    assert f"error: {small.parent / 'bad.png'}: is not a picture, or it is damaged" in stderr
    assert f"error: {truncated}: cannot be read (" in stderr
    assert stderr.splitlines()[-1] == "1 done, 2 failed"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.jpg"], 1, "missing.jpg: there is no such file or folder"),
        (["empty"], 1, "empty: no pictures in this folder"),
        (["PHOTO", "-o", "out.gif"], 1, "out.gif: pictures are not written as '.gif'"),
        (["PHOTO", "-o", "missing/out.png"], 1, "the folder missing does not exist"),
        (["PHOTO", "-o", "out.png", "--model", "nonsense"], 1, "there is no model 'nonsense'"),
        (["PHOTO", "-o", "out.png", "--model", "damaged.keras"], 1, "damaged.keras: not the weights"),
        (["PHOTO", "-o", "out.png", "--model", "empty"], 1, "generator.keras: there is no such file"),
        (["PHOTO", "PHOTO", "-o", "notes"], 1, "notes: cannot be made a folder"),
    ],
)
def test_bad_input_is_one_sentence_and_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("damaged.keras").write_bytes(b"PK")
    Path("notes").write_text("mine")
    files = sorted(tmp_path.rglob("*"))
    actual, stdout, stderr = in_process("upscale", *[str(PHOTO) if a == "PHOTO" else a for a in arguments])
    assert actual == code
    assert stdout == ""
    (error,) = (line for line in stderr.splitlines() if line.startswith("error: "))
    assert message in error
    assert "hint: " in stderr
    assert "Traceback" not in stderr
    assert sorted(tmp_path.rglob("*")) == files
    assert Path("notes").read_text() == "mine"


def test_a_missing_gpu_is_one_sentence(small: Path) -> None:
    import keras

    if not keras.distribution.list_devices()[0].startswith("cpu"):
        pytest.skip("there is a GPU")
    code, _, stderr = in_process("upscale", small, "--device", "gpu")
    assert code == 1
    assert "error: there is no GPU that" in stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in in_process("upscale", tmp_path / "missing.png", "--debug")[2]


def test_two_inputs_for_one_output_is_a_usage_error(small: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / small.name
    other.parent.mkdir()
    other.write_bytes(small.read_bytes())
    assert in_process("upscale", small, other, "-o", tmp_path / "out")[0] == 2
