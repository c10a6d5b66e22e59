"""Scores -> JSON, as `evaluation.schema.json` describes it, and CSV."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from srgan_cli import SCALE
from srgan_cli.evaluation.scoring import Failure, Protocol
from srgan_cli.metrics import METRICS, Scores, mean_scores


def to_json(protocol: Protocol, pictures: Mapping[str, Scores], failures: Sequence[Failure]) -> str:
    """The whole evaluation; null stands for the infinite PSNR of equal pictures.

    Args:
        protocol: Of all the numbers.
        pictures: Name -> its scores.
        failures: Pictures that have none.
    """
    content = {
        "protocol": {"scale": SCALE, **asdict(protocol), "text": str(protocol)},
        "means": _finite(mean_scores(pictures)),
        "pictures": [{"name": name, "scores": _finite(scores)} for name, scores in pictures.items()],
        "failures": [{"file": str(failure.source), "error": failure.error.message} for failure in failures],
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _finite(scores: Scores) -> dict[str, dict[str, float | None]]:
    return {
        model: {key: value if math.isfinite(value) else None for key, value in numbers.items()}
        for model, numbers in scores.items()
    }


def to_csv(pictures: Mapping[str, Scores]) -> str:
    """A header and a line for each picture and model; `inf` stands for the infinite PSNR of equal pictures."""
    file = io.StringIO()
    writer = csv.DictWriter(file, ["picture", "model", *(metric.key for metric in METRICS)], lineterminator="\n")
    writer.writeheader()
    for name, scores in pictures.items():
        for model, numbers in scores.items():
            writer.writerow({"picture": name, "model": model, **numbers})
    return file.getvalue()
