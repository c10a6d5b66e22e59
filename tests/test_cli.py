"""The installed program as a user meets it: exit codes, stdout, stderr, files."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTO, operation_by_operation
from PIL import Image
from typer.testing import CliRunner

from srgan_cli.cli import app
from srgan_cli.degradation import bicubic
from srgan_cli.errors import SrganError
from srgan_cli.metrics import luma
from srgan_cli.pictures import images
from srgan_cli.pictures.picture import Picture
from srgan_cli.upscaling.sizes import Size
from srgan_cli.upscaling.upscaler import Options

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
def test_jax_gives_the_same_picture(tmp_path: Path, photo: np.ndarray) -> None:
    pytest.importorskip("jax")
    Image.fromarray(photo[:48, :72]).save(tmp_path / "photo.png")
    for backend in ("tensorflow", "jax"):
        result = srgan(
            *("upscale", tmp_path / "photo.png", "-o", tmp_path / f"{backend}.png", "--precision", "float32"),
            KERAS_BACKEND=backend,
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
    seconds = []
    for _ in range(3):  # the least, and processor time, since other programs on the machine stretch both
        before = os.times()
        result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
        after = os.times()
        assert result.returncode == (0 if "--help" in arguments else 2), result.stderr
        seconds.append(after.children_user - before.children_user + after.children_system - before.children_system)
    assert min(seconds) < 0.5


def test_version() -> None:
    assert in_process("--version")[:2] == (0, "srgan 0.1.0\n")


def test_default_names_and_overwrite(small: Path, model: Path) -> None:
    result = small.with_name("[x4] small_x4.png")
    assert in_process("upscale", small, "--model", model)[0] == 0
    before = result.stat().st_mtime_ns
    code, _, stderr = in_process("upscale", small)
    assert code == 1
    assert f"error: {result}: exists already" in stderr
    assert result.stat().st_mtime_ns == before
    assert in_process("upscale", small, "--model", model, "--overwrite")[0] == 0
    assert result.stat().st_mtime_ns > before


def test_one_picture_that_is_there_already_is_said(small: Path) -> None:
    small.with_name("[x4] small_x4.png").touch()
    assert in_process("upscale", small, "--skip-existing") == (0, "", "0 done, 1 skipped\n")


def test_one_bad_file_of_many_does_not_stop_the_others(small: Path, model: Path, tmp_path: Path) -> None:
    (small.parent / "bad.png").write_bytes(b"no picture")
    truncated = small.parent / "truncated.png"
    truncated.write_bytes(PHOTO.read_bytes()[:20_000])
    code, stdout, stderr = in_process("upscale", small.parent, "--model", model, "-o", tmp_path / "out")
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
        (["nowhere/a.jpg"], 1, "nowhere/a.jpg: there is no such file or folder"),
        (["https://example.org/a.jpg"], 1, "https://example.org/a.jpg: addresses are not fetched"),
        (["empty"], 1, "empty: no pictures in this folder"),
        (["PHOTO", "-o", "out.ico"], 1, "out.ico: pictures are not written as '.ico'"),
        (["PHOTO", "-o", "missing/out.png"], 1, "the folder missing does not exist"),
        (["PHOTO", "-o", "out.png", "--model", "nonsense"], 1, "there is no model 'nonsense'"),
        (["PHOTO", "-o", "out.png", "--model", "damaged.keras"], 1, "damaged.keras: not the weights"),
        (["PHOTO", "-o", "out.png", "--model", "empty"], 1, "has no generator.keras"),
        (["PHOTO", "PHOTO", "-o", "notes"], 1, "notes: cannot be made a folder"),
        (["PHOTO", "-o", "out"], 1, "out: has no ending that tells the format"),
        ([""], 2, "an input is empty"),
        (["PHOTO", "-o", ""], 2, "--output is empty"),
        (["PHOTO", "-o", "out.png", "--model", ""], 1, "the name of the model is empty"),
        (["PHOTO", "-o", "out.png", "--scale", "1e200"], 2, "--scale is 1e+200"),
        (["PHOTO", "-o", "out.png", "--width", "9" * 400], 2, "--width is too large"),
        (["PHOTO", "-o", "out.png", "--scale", "2e9"], 1, "GB of memory or more"),
        (["PHOTO", "-o", "out.png", "--strength", "0.5"], 2, "which is the model here"),
        (["PHOTO", "-o", "out.png", "--seamless", "--halo", "0"], 2, "without a halo no edges meet"),
        (["PHOTO", "-o", f"{'x' * 300}.png"], 1, "xxx.png: File name too long"),
        (["PHOTO", "-o", "out.png", "--model", f"{'x' * 300}.keras"], 1, "xxx.keras: File name too long"),
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


def test_a_transparent_picture_becomes_a_jpeg_on_a_background(tmp_path: Path, model: Path) -> None:
    Image.new("RGBA", (6, 4), (200, 0, 0, 0)).save(tmp_path / "logo.png", dpi=(300, 300))
    code, _, stderr = in_process("upscale", tmp_path / "logo.png", "-o", tmp_path / "logo.jpg")
    assert code == 1
    assert "--background COLOR" in stderr
    assert in_process("upscale", tmp_path / "logo.png", "--background", "mauve-ish")[0] == 2
    options = ("-o", tmp_path / "logo.jpg", "--model", model, "--background", "white", "--strip")
    assert in_process("upscale", tmp_path / "logo.png", *options)[0] == 0
    with Image.open(tmp_path / "logo.jpg") as result:
        assert result.size == (24, 16)
        assert "dpi" not in result.info
        assert np.asarray(result).min() == 255


@pytest.mark.parametrize(("mode", "ending"), [("RGBA", "jpg"), ("LA", "bmp")])
def test_an_alpha_channel_that_hides_nothing_is_left_out(
    tmp_path: Path, model: Path, photo: np.ndarray, mode: str, ending: str
) -> None:
    with_alpha = Image.fromarray(photo[:6, :4]).convert(mode)
    with_alpha.save(tmp_path / "shot.png")
    with_alpha.convert(mode[:-1]).save(tmp_path / "plain.png")
    for name in ("shot", "plain"):
        options = ("--format", ending, "--model", model, "--precision", "float32")
        assert in_process("upscale", tmp_path / f"{name}.png", *options)[0] == 0
    results = [tmp_path / f"{name}_x4.{ending}" for name in ("shot", "plain")]
    assert results[0].read_bytes() == results[1].read_bytes()


def test_a_backend_that_is_not_supported_is_one_sentence(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    code, _, stderr = in_process("upscale", small)
    assert (code, stderr.splitlines()) == (
        2,
        ["error: KERAS_BACKEND is 'torch'", "hint: set KERAS_BACKEND to tensorflow or jax, or unset it"],
    )


@pytest.mark.skipif(os.name == "nt", reason="no shell that closes streams")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_messages_that_cannot_be_written_cost_no_results(small: Path, model: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [str(PROGRAM), "upscale", str(small), "-o", str(tmp_path / "out.png"), "--model", str(model)]
        assert subprocess.run(command, stderr=full, check=False).returncode == 0
    assert (tmp_path / "out.png").exists()


@pytest.mark.parametrize("settings", ['{"backend": "foo"}', '{"backend": null}', "[]"])
def test_strange_settings_of_keras_are_one_sentence(small: Path, tmp_path: Path, settings: str) -> None:
    (tmp_path / "keras.json").write_text(settings)
    result = srgan("upscale", small, KERAS_HOME=str(tmp_path), KERAS_BACKEND="")
    assert result.returncode == 2
    error, hint = result.stderr.splitlines()[-2:]
    assert error.startswith("error: Keras cannot be loaded (")
    assert "keras.json" in hint


def test_streams_may_be_closed(small: Path, tmp_path: Path) -> None:
    def run(redirection: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "srgan_cli", "upscale", *map(str, arguments)]
        script = f'exec "$@" {redirection}'
        return subprocess.run(["sh", "-c", script, "sh", *command], capture_output=True, text=True, check=False)

    assert "stdin: is empty" in run("<&-", "-", "-o", tmp_path / "a.png").stderr
    done = run(">&- 2>&-", small, "-o", tmp_path / "b.png", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")


def test_every_option_of_upscale_arrives(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    class Recorder:
        device, precision = "cpu:0", "float32"

        def __init__(self, options: Options, _: object) -> None:
            seen.append(options)

        def upscale(self, picture: Picture, _: object, size: Size) -> Picture:
            seen.append(size)
            return Picture(np.zeros((*size.of(*picture.colour.shape[:2]), 3), np.uint8))

    monkeypatch.setattr("srgan_cli.upscaling.upscaler.Upscaler", Recorder)
    how = "--model=photo", "--tile=32", "--halo=3", "--device=cpu", "--precision=float32", "--self-ensemble"
    where = "--seamless", "--strength=0.5", "--suffix=_big", "--format=jpg", "--quality=30", "-o", f"{tmp_path}/out/"
    code, _, stderr = in_process("upscale", small, *how, *where, "--width=24")
    assert code == 0, stderr
    assert seen == [Options("photo", 32, 3, "cpu", "float32", True, True, 0.5), Size(width=24)]
    with Image.open(tmp_path / "out" / "[x4] small_big.jpg") as image:
        assert image.size == (24, 20)
        assert image.quantization[0][0] > 20  # type: ignore[attr-defined]
    for option, size in (("--height=50", "60x50"), ("--long-edge=48", "48x40"), ("--scale=1.5", "18x15")):
        assert f" {size}, " in in_process("upscale", small, "--dry-run", option)[1]


def test_what_a_format_cannot_hold_is_said(tmp_path: Path, model: Path) -> None:
    Image.new("RGB", (6, 4)).save(tmp_path / "p.jpg", xmp=b"packet")
    code, _, stderr = in_process("upscale", tmp_path / "p.jpg", "--model", model, "-o", tmp_path / "p.bmp")
    assert code == 0
    assert "without XMP" in stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in in_process("upscale", tmp_path / "missing.png", "--debug")[2]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "there are no pictures to train on"),
        (["--data", "nowhere"], 1, "nowhere: there is no such folder or .zip"),
        (["--data", "empty"], 1, "empty: no pictures found"),
        (["--data", "x" * 300], 1, "xxx: File name too long"),
        (["--data", "in", "--hr-size", "40"], 2, "--hr-size is 40"),
        (["--data", "in", "--backup-every", "soon"], 2, "--backup-every is 'soon'"),
        (["--resume", "empty"], 1, "empty: is not a training run"),
        (["--config", "bad.toml"], 2, "bad.toml: cannot be read as TOML"),
        (["--config", "odd.toml"], 2, "odd.toml: there is no option 'stepz'"),
        (["--data", "in", "--from", "notes"], 1, "notes: not the weights of a generator"),
        (["--resume", "empty", "-o", "other"], 2, "a run that is resumed stays in its folder"),
        (["--data", "in", "-o", "notes"], 1, "notes: cannot be made a folder"),
        (["--data", "in", "--vgg-weights", "notes", "--hr-size", "32"], 1, "the VGG19 weights cannot be loaded"),
        (["--data", "in", "--sampling", "crop", "--hr-size", "256"], 1, "none of 1 pictures can be used"),
    ],
)
@pytest.mark.usefixtures("small")
def test_train_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("notes").write_text("mine")
    Path("bad.toml").write_text("steps = many")
    Path("odd.toml").write_text("stepz = 1\ndata = 'in'")
    actual, stdout, stderr = in_process("train", "--filters", 4, "--residual-blocks", 1, *arguments)
    assert (actual, stdout) == (code, "")
    (error,) = (line for line in stderr.splitlines() if line.startswith("error: "))
    assert message in error
    assert "Traceback" not in stderr


TINY = ["--filters", 8, "--residual-blocks", 1, "--hr-size", 32, "--content-loss", "mse", "--report-every", 1]


@pytest.mark.parametrize("option", ["-o", "--resume", "--config"])
def test_an_empty_path_is_not_the_current_folder(option: str) -> None:
    code, stdout, stderr = in_process("train", "--data", "in", option, "")
    assert (code, stdout) == (2, "")
    assert "it is empty" in stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_train_stops_with_a_backup_and_goes_on(tmp_path: Path, small: Path, number: int) -> None:
    command = [PROGRAM, "train", "--data", small.parent, "-o", tmp_path / "run", "--steps", "100000", *TINY]
    lines = []
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            lines.append(line)
            if line.startswith("adversarial 3:"):
                process.send_signal(number)
    assert process.returncode == -signal.SIGINT  # 130 to a shell
    assert "go on with --resume" in lines[-1]
    assert list((tmp_path / "run" / "backup").iterdir())
    done = int(lines[-1].split("after step ")[1].split()[0])
    with operation_by_operation():
        code, _, stderr = in_process("train", "--resume", tmp_path / "run", "--steps", done + 2)
    assert code == 0, stderr
    assert f"adversarial {done + 2}: " in stderr
    assert in_process("train", "--data", small.parent, "-o", tmp_path / "run")[0] == 1  # holds a run already
    assert in_process("upscale", "--model", tmp_path / "run", small)[0] == 0


def test_a_config_file_and_options_make_the_run(tmp_path: Path, small: Path) -> None:
    (tmp_path / "recipe.toml").write_text(f"data = '{small.parent}'\nsteps = 0\nseed = 5\npretrain_steps = 9\n")
    code, _, stderr = in_process(
        "train", "--config", tmp_path / "recipe.toml", "-o", tmp_path / "run", "--pretrain-steps", 1, *TINY
    )
    assert code == 0, stderr
    options = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (options["steps"], options["pretrain_steps"], options["seed"]) == (0, 1, 5)  # the command line wins
    assert (options["data"], options["hr_size"]) == (str(small.parent), 32)


@pytest.fixture
def pair(tmp_path: Path, photo: np.ndarray) -> tuple[Path, Path]:
    """A folder of one HR picture, 64x64, and one of its LR picture."""
    for name, pixels in (("hr", photo[:64, :64]), ("lr", bicubic(photo[:64, :64]))):
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "[x4] a.png")
    return tmp_path / "hr", tmp_path / "lr"


def test_eval_prints_bicubic_first_and_the_protocol(pair: tuple[Path, Path]) -> None:
    result = srgan("eval", "--data", pair[0], "--per-image")
    assert result.returncode == 0, result.stderr
    title, *_ = result.stdout.splitlines()
    assert "LR: antialiased bicubic" in title
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line]
    assert [row[:2] for row in rows] == [
        ["[x4] a", "bicubic"], ["", "srresnet"], ["mean of 1", "bicubic"], ["", "srresnet"],
    ]  # fmt: skip
    assert float(rows[1][2]) > float(rows[0][2])
    assert result.stderr == ""


def test_eval_keeps_what_was_measured_when_it_is_interrupted(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(next(pair[0].iterdir()), pair[0] / "b.png")

    signals = [signal.SIGINT]

    def interrupt(pixels: np.ndarray) -> np.ndarray:
        while signals:
            os.kill(os.getpid(), signals.pop())
        return luma(pixels)

    def interrupt_and_fail(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        raise SrganError("too late")

    monkeypatch.setattr("srgan_cli.evaluation.scoring.luma", interrupt)
    files = "--json", tmp_path / "s.json", "--csv", tmp_path / "s.csv", "--report", tmp_path / "s.html"
    code, stdout, stderr = in_process("eval", "--data", pair[0], "--model", pair[0], "--no-lpips", *files)
    assert (code, stderr) == (130, "1 measured, 0 failed, 1 left when interrupted\n")
    assert "mean of 1" in stdout
    content = json.loads((tmp_path / "s.json").read_text())
    assert [entry["name"] for entry in content["pictures"]] == ["[x4] a"]
    assert content["failures"] == [{"file": f"{pair[0] / 'b.png'}", "error": f"{pair[0] / 'b.png'}: not reached"}]
    assert "b.png: not reached" in (tmp_path / "s.html").read_text()
    monkeypatch.setattr("srgan_cli.evaluation.scoring._compare", interrupt_and_fail)
    assert in_process("eval", "--data", pair[0], "--model", pair[0], "--no-lpips", *files)[0] == 130
    assert json.loads((tmp_path / "s.json").read_text()) == content


def test_eval_writes_its_files_before_a_table_that_nobody_reads(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("srgan_cli.terminal.console.show_scores", closed)
    options = "--model", pair[0], "--no-lpips", "--report", tmp_path / "s.html"
    assert in_process("eval", "--data", pair[0], *options) == (1, "", "")
    assert (tmp_path / "s.html").exists()


def test_eval_writes_what_can_be_written(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise SrganError("the disk is full")

    monkeypatch.setattr("srgan_cli.evaluation.report.Report.add", full)
    files = "--report", tmp_path / "s.html", "--csv", tmp_path / "s.csv"
    code, stdout, stderr = in_process("eval", "--data", pair[0], "--model", pair[0], "--no-lpips", *files)
    assert (code, stderr) == (1, "error: the disk is full\n")
    assert "mean of 1" in stdout
    assert [path.exists() for path in (tmp_path / "s.html", tmp_path / "s.csv")] == [False, True]


def test_eval_of_given_results_needs_no_device(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    options = "--model", pair[0], "--no-lpips", "--device", "gpu", "--json", tmp_path / "s.json"
    assert in_process("eval", "--data", pair[0], *options)[0] == 0
    protocol = json.loads((tmp_path / "s.json").read_text())["protocol"]
    assert (protocol["device"], protocol["precision"], "computed" in protocol["text"]) == (None, None, False)


def test_eval_prints_what_the_terminal_has_letters_for(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    others = pair[0].rename(tmp_path / "d\N{LATIN SMALL LETTER U WITH DIAERESIS}nn")
    result = srgan("eval", "--data", others, "--model", others, "--no-lpips", PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
    assert "?" in result.stdout  # its PSNR, for one, is infinite


def test_every_option_of_eval_arrives(pair: tuple[Path, Path], model: Path) -> None:
    how = "--channel=rgb", "--border=1", "--no-lpips", "--precision=bfloat16", "--device=cpu", "--json=-"
    others = "--model", model, "--no-back-projection"
    code, stdout, stderr = in_process("eval", "--data", pair[0], "--lr-data", pair[1], *others, *how)
    assert code == 0, stderr
    protocol = json.loads(stdout)["protocol"]
    assert (protocol["channel"], protocol["border"], protocol["lpips"]) == ("rgb", 1, False)
    assert (protocol["device"], protocol["precision"]) == ("cpu:0", "bfloat16")
    assert (protocol["back_projection"], "back-projected" in protocol["text"]) == (False, False)


def test_eval_writes_json_csv_and_a_page(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    code, stdout, stderr = in_process(
        "eval", "--data", pair[0], "--lr-data", pair[1], "--model", "srresnet", "--model", pair[0], "--no-lpips",
        "--json", "-", "--csv", tmp_path / "scores.csv", "--report", tmp_path / "page.html",
    )  # fmt: skip
    assert code == 0, stderr
    content = json.loads(stdout)
    assert list(content["means"]) == ["bicubic", "srresnet", str(pair[0])]
    assert content["means"][str(pair[0])] == {"psnr": None, "ssim": 1.0, "colour_shift": pytest.approx(0, abs=1)}
    assert "srresnet" in stderr  # the table makes room for the JSON
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 4
    assert "[x4] a" in (tmp_path / "page.html").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"hr", "lr", "scores.csv", "page.html"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Missing option"),
        (["--data", "nowhere"], 1, "nowhere: there is no such folder"),
        (["--data", "empty"], 1, "empty: no pictures in this folder"),
        (
            ["--data", "hr", "--lr-data", "other"],
            1,
            "other: nothing here for [x4] a.png; nothing to compare b.png with",
        ),
        (["--data", "hr", "--model", "nothing"], 1, "there is no model 'nothing'"),
        (["--data", "hr", "--json", "nowhere/a.json"], 1, "nowhere/a.json: the folder nowhere does not exist"),
        (["--data", "hr", "--report", "empty"], 1, "empty: is a folder, not a file"),
        (["--data", "hr", "--report", "-"], 2, "a report cannot be written to stdout"),
        (["--data", "hr", "--json", "-", "--csv", "-"], 2, "two of --json, --csv and --report are the same"),
        (["--data", "hr", "--json", "scores", "--csv", "./scores"], 2, "--json, --csv and --report are the same"),
        (["--data", "hr", "--report", "hr/a.png"], 2, "--report hr/a.png: has another ending"),
        (["--data", ""], 2, "it is empty"),
        (["--data", "hr", "--csv", ""], 2, "it is empty"),
        (["--data", "hr", "--model", ""], 1, "the name of the model is empty"),
        (["--data", "hr", "--model", "bicubic"], 1, "bicubic is always in the table"),
        (["--data", "hr", "--border", "30"], 1, "64x64 is too small, the metrics need 72 pixels a side"),
        (["--data", "hr", "--channel", "uv"], 2, "'uv' is not one of 'y', 'rgb'"),
    ],
)
@pytest.mark.usefixtures("pair")
def test_eval_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "other"):
        Path(name).mkdir()
    Path("other/b.png").touch()
    actual, stdout, stderr = in_process("eval", *arguments)
    assert (actual, stdout) == (code, "")
    assert message in stderr
    assert "Traceback" not in stderr
