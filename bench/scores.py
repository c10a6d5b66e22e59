"""The numbers of README and the model cards: `srgan eval` with all shipped weights on test sets.

    python bench/scores.py FOLDER... [-- OPTIONS OF EVAL]

A FOLDER with HR/ and LR_x4/, files of the same names, is a set. Any other is named for another program and holds its SR
pictures, in a folder for each set. The tables between the marks in README.md and weights/*.md are replaced; other
programs stand in README's.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from srgan_cli.metrics import METRICS
from srgan_cli.released import released

ROOT = Path(__file__).parents[1]
MARKS = re.compile(r"(<!-- scores: .* -->\n).*?(<!-- end of scores -->)", re.DOTALL)
Means = dict[str, dict[str, Any]]  # by model


def scores(folder: Path, models: list[str], options: list[str], others: Sequence[Path] = ()) -> Means:
    """The means that `srgan eval --json` gives for a set."""
    asked = {model: model for model in models} | {other.name: str(other / folder.name) for other in others}
    named = [argument for place in asked.values() for argument in ("--model", place)]
    place = ["--data", folder / "HR", "--lr-data", folder / "LR_x4"]
    command = [sys.executable, "-m", "srgan_cli", "eval", *map(str, place), *named, "--json", "-", *options]
    means = json.loads(subprocess.check_output(command))["means"]
    return {name: means[place] for name, place in {"bicubic": "bicubic", **asked}.items()}


def table(sets: dict[str, Means], models: list[str]) -> str:
    """Markdown: a row for bicubic and each model, ours in code, and a column for each set."""
    rows = [["", *sets], ["---"] * (1 + len(sets))]
    for model in ("bicubic", *models):
        numbers = (" / ".join(m.text(means[model][m.key]) for m in METRICS) for means in sets.values())
        rows.append([f"`{model}`" if model in released() else model, *numbers])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def put(path: Path, text: str) -> None:
    """Replace what stands between the marks of a file."""
    content, count = MARKS.subn(lambda match: match[1] + text + match[2], path.read_text())
    if count != 1:
        raise SystemExit(f"{path}: has {count} places for scores")
    path.write_text(content)


def main() -> None:
    """Measure, print and put the tables into place."""
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    folders, options = [Path(argument) for argument in arguments[:split]], arguments[split + 1 :]
    sets = [folder for folder in folders if (folder / "HR").is_dir()]
    if not sets:
        raise SystemExit(__doc__)
    others, models = [folder for folder in folders if folder not in sets], sorted(released())
    found = {folder.name: scores(folder, models, options, others) for folder in sets}
    everything = table(found, [*models, *(other.name for other in others)])
    print(everything)
    put(ROOT / "README.md", everything)
    for model in models:
        put(ROOT / "weights" / f"{model}.md", table(found, [model]))


if __name__ == "__main__":
    main()
