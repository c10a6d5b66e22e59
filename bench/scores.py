"""The numbers of README and the model cards: `srgan eval` with all shipped weights on test sets.

    python bench/scores.py SET... [-- OPTIONS OF EVAL]

Each SET is a folder with HR/ and LR_x4/, files of the same names. The tables between the marks in README.md and
weights/*.md are replaced.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from srgan_cli.metrics import METRICS
from srgan_cli.released import released

ROOT = Path(__file__).parents[1]
MARKS = re.compile(r"(<!-- scores: .* -->\n).*?(<!-- end of scores -->)", re.DOTALL)


def scores(folder: Path, models: list[str], options: list[str]) -> dict[str, Any]:
    """What `srgan eval --json` says of a set."""
    named = [argument for model in models for argument in ("--model", model)]
    place = ["--data", folder / "HR", "--lr-data", folder / "LR_x4"]
    command = [sys.executable, "-m", "srgan_cli", "eval", *map(str, place), *named, "--json", "-", *options]
    return json.loads(subprocess.check_output(command))


def table(sets: dict[str, dict[str, Any]], models: list[str]) -> str:
    """Markdown: a row for each model, a column for each set."""
    rows = [["", *sets], ["---"] * (1 + len(sets))]
    for model in ("bicubic", *models):
        name = model if model == "bicubic" else f"`{model}`"
        numbers = [content["means"][model] for content in sets.values()]
        rows.append([name, *(" / ".join(m.text(n[m.key]) for m in METRICS) for n in numbers)])
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
    models = sorted(released())
    found = {folder.name: scores(folder, models, arguments[split + 1 :]) for folder in map(Path, arguments[:split])}
    print(table(found, models))
    put(ROOT / "README.md", table(found, models))
    for model in models:
        put(ROOT / "weights" / f"{model}.md", table(found, [model]))


if __name__ == "__main__":
    main()
