"""The recipes of the released weights run, and the script that prepares their pictures leaves out what it must."""

import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTO, ROOT, SHARED, randomise
from PIL import Image, ImageOps
from typer.testing import CliRunner

from srgan_cli.cli import app
from srgan_cli.model import Generator, GeneratorConfig, load_generator

RECIPES = sorted((ROOT / "weights" / "recipes").glob("*.toml"))
STEPS = {"pretrain_steps": "--pretrain-steps", "discriminator_steps": "--discriminator-steps", "steps": "--steps"}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_twenty_steps_of_a_recipe(recipe: Path, tmp_path: Path) -> None:
    options = tomllib.loads(recipe.read_text())
    vgg = SHARED / "vgg19" / "vgg19_notop.h5"
    features = ["--vgg-weights", str(vgg)] if vgg.exists() else ["--content-loss", "mse"]
    lengths = [part for name, flag in STEPS.items() if options.get(name) for part in (flag, "20")]
    pictures = ["--data", str(PHOTO.parent), "--from", options.get("start", "srresnet")]
    arguments = [
        "--config",
        str(recipe),
        *pictures,
        *lengths,
        *features,
        *("--batch-size", "1", "--hr-size", "64"),  # small, since CPUs are slow
        *(["--precision", "float32"] if options["precision"] == "float16" else []),  # which CPUs are slow at
        "-o",
        str(tmp_path / "run"),
    ]
    result = CliRunner().invoke(app, ["train", *arguments])
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "run" / "generator.keras").exists()


def test_no_training_picture_shows_a_test_picture(tmp_path: Path, photo: np.ndarray) -> None:
    source, test = tmp_path / "source", tmp_path / "test"
    for folder in (source / "deep", test):
        folder.mkdir(parents=True)
    flower = Image.fromarray(photo)
    flower.resize((384, 256)).save(test / "flower.png")
    ImageOps.mirror(flower.crop((30, 20, 150, 120))).save(source / "part.jpg")
    other = Image.effect_mandelbrot((2400, 1200), (-2, -1.2, 1, 1.2), 60).convert("RGB")
    other.save(source / "deep" / "large.jpg")
    other.resize((300, 150)).save(source / "small.webp")
    script = [sys.executable, str(ROOT / "weights" / "prepare.py"), str(source), "--without", str(test)]
    check = subprocess.run(script, capture_output=True, text=True, check=False)
    assert check.returncode == 1
    assert [line.split()[0] for line in check.stdout.splitlines()] == [str(source / "part.jpg")]
    subprocess.run([*script, "-o", str(tmp_path / "out")], check=True)
    made = {path.name: path for path in (tmp_path / "out").rglob("*.*")}
    assert made.keys() == {"large.png", "small.webp"}
    assert made["small.webp"].read_bytes() == (source / "small.webp").read_bytes()
    with Image.open(made["large.png"]) as large:
        assert large.size == (1200, 600)
    again = subprocess.run([*script, "-o", str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert "is there already, so" in again.stderr


def test_drawings_are_made_of_numbers(tmp_path: Path) -> None:
    for name in ("one", "again"):
        subprocess.run([sys.executable, str(ROOT / "weights" / "drawings.py"), str(tmp_path / name), "3"], check=True)
    made = sorted((tmp_path / "one").iterdir())
    assert [path.read_bytes() for path in made] == [(tmp_path / "again" / path.name).read_bytes() for path in made]
    assert len({path.read_bytes() for path in made}) == 3
    for path in made:
        with Image.open(path) as drawing:
            assert (drawing.mode, drawing.size) == ("RGB", (384, 384))
            assert drawing.getcolors(100) is None, "edges are smooth, so there are more colours"


def test_every_number_of_a_mixture_is_in_proportion(
    small_generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    others = {"a": small_generator, "b": randomise(Generator(small_generator.settings), seed=1)}
    others["c"] = Generator(GeneratorConfig(8, 1))
    for name, generator in others.items():
        generator.save(tmp_path / f"{name}.keras")

    def mix(*shares_and_names: str) -> str:
        monkeypatch.setattr("sys.argv", ["mix.py", "out.keras", *shares_and_names])
        try:
            runpy.run_path(str(ROOT / "weights" / "mix.py"), run_name="__main__")
        except SystemExit as end:
            return str(end)
        return ""

    assert mix("1.25", "a.keras", "-0.25", "b.keras") == ""
    mixture = load_generator(tmp_path / "out.keras").get_weights()
    for a, b, number in zip(others["a"].get_weights(), others["b"].get_weights(), mixture, strict=True):
        np.testing.assert_allclose(number, 1.25 * a - 0.25 * b, rtol=1e-5, atol=1e-6)
    assert "differ in size" in mix("0.5", "a.keras", "0.5", "c.keras")
    assert "add up to 0.75" in mix("0.5", "a.keras", "0.25", "b.keras")
