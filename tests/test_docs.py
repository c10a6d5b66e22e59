"""README and model cards tell the truth."""

import hashlib
import re
import runpy
import shlex
from pathlib import Path

import pytest
from conftest import ROOT
from typer.main import get_group

from srgan_cli import __version__
from srgan_cli.cli import app

README = (ROOT / "README.md").read_text()
WEIGHTS = sorted((ROOT / "weights").glob("*.keras"))


def shell_lines() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith("#")]


def test_readme_options_exist() -> None:
    for line in shell_lines():
        words = shlex.split(line, comments=True)
        if words[0] == "srgan":
            known = {name for parameter in get_group(app).commands[words[1]].params for name in parameter.opts}
            assert {word for word in words if word.startswith("-")} <= known, line


def test_readme_s_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_modes_are_described_by_their_script() -> None:
    script, document = runpy.run_path(str(ROOT / "scripts" / "modes.py")), (ROOT / "docs" / "modes.md").read_text()
    for part in ("INTRODUCTION", "RULES", "SEVERAL", "FRAMES", "KEPT"):  # the tables differ from Pillow to Pillow
        assert script[part] in document


def test_ci_runs_readme_s_two_commands() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    for command in shell_lines()[:2]:
        assert command in ci


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda path: path.stem)
def test_every_weights_file_has_a_card_with_its_checksum(weights: Path) -> None:
    card = weights.with_suffix(".md").read_text()
    assert hashlib.sha256(weights.read_bytes()).hexdigest() in card
    for topic in ("Architecture", "Data", "Training", "Numbers", "Licence", "Weaknesses"):
        assert f"## {topic}" in card


def test_weights_stay_within_30_megabytes() -> None:
    assert WEIGHTS
    assert sum(path.stat().st_size for path in WEIGHTS) <= 30e6


def test_the_changelog_knows_this_version() -> None:
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
