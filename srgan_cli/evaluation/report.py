"""Pictures and scores -> one self-contained HTML page; nothing on it is fetched from anywhere.

The sections of the pictures go to a temporary file as they come, so that a large set needs no more memory than a
small one. The page itself is report.html; every text that is not ours passes `escape` on its way into it.
"""

import base64
import io
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from itertools import repeat
from pathlib import Path
from typing import Any, Self

import numpy as np

from srgan_cli.errors import SrganError, reason
from srgan_cli.evaluation.charts import draw_chart
from srgan_cli.files import replacing
from srgan_cli.metrics import Metric, Scores, mean_scores
from srgan_cli.pictures.images import to_pil
from srgan_cli.pictures.picture import Picture

CROP = 48  # side of the enlarged square in HR pixels
EXACT = 2**20  # pixels up to which a picture is shown without loss
WIDEST = 720  # CSS pixels up to which small pictures are shown at a multiple of their size


class Report:
    """Gathers pictures and scores, then writes one page. Use it as a context manager: it owns a temporary file.

    Args:
        title: The page's heading.
        protocol: How the numbers were made, in one line.
        metrics: What is shown, in this order.
    """

    def __init__(self, title: str, protocol: str, metrics: Sequence[Metric]) -> None:
        self._title = title
        self._protocol = protocol
        self._metrics = metrics
        self._scores: dict[str, Scores] = {}
        self._failures: list[str] = []
        page = resources.files("srgan_cli.evaluation").joinpath("report.html").read_text("utf-8")
        self._head, self._section, self._tail = re.split("<!-- picture: .* -->\n", page)

    def __enter__(self) -> Self:
        self._sections = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        return self

    def __exit__(self, *_: object) -> None:
        self._sections.close()

    def add(self, name: str, hr: np.ndarray, sr: Mapping[str, np.ndarray], scores: Scores) -> None:
        """Add the section of one picture.

        Args:
            name: Its heading.
            hr: (H, W, 1 or 3) uint8.
            sr: Model -> its picture, shaped as `hr`; at least one, "bicubic" first.
            scores: Of each model, of every metric.

        Raises:
            SrganError: The temporary file cannot be written.
        """
        parts = _comparison(name, [*sr.items(), ("HR", hr)])
        table = _table(f"Scores of {name}", self._metrics, scores)
        parts |= {"number": len(self._scores) + 1, "name": escape(name), "table": table}
        try:
            self._sections.write(_fill(self._section, parts))
        except OSError as error:
            folder = tempfile.gettempdir()
            raise SrganError(
                f"{folder}: cannot be written ({reason(error)})", "free some space, or set TMPDIR"
            ) from error
        self._scores[name] = scores

    def fail(self, message: str) -> None:
        """Add what is said of a picture that was not measured."""
        self._failures.append(message)

    def write(self, path: Path) -> None:
        """Write the page; nobody ever sees half of it under that name.

        Raises:
            SrganError: It cannot be written; whatever stood at `path` is still there.
        """
        parts = {"title": escape(self._title), "protocol": escape(self._protocol), **self._summary()}
        with replacing(path) as temporary, temporary.open("x", encoding="utf-8", errors="replace") as file:
            file.write(_fill(self._head, parts))
            self._sections.seek(0)
            shutil.copyfileobj(self._sections, file)
            file.write(_fill(self._tail, parts))

    def _summary(self) -> dict[str, str]:
        """The parts of the page that are about all pictures."""
        names, means = list(self._scores), mean_scores(self._scores)
        columns = (
            {model: [scores[model][metric.key] for scores in self._scores.values()] for model in means}
            for metric in self._metrics
        )
        charts = map(draw_chart, self._metrics, repeat(names), columns) if len(names) > 1 else ()
        links = (f'<a href="#picture-{number}">{escape(name)}</a>' for number, name in enumerate(names, 1))
        return {
            "means": _table(f"Mean over pictures (n = {len(names)}), best underlined", self._metrics, means),
            "failures": "".join(f"<li>{escape(message)}" for message in self._failures),
            "charts": "".join(charts),
            "links": "\n".join(links),
        }


def _fill(template: str, parts: Mapping[str, str | int]) -> str:
    # In one pass: braces in what is filled in are never taken for the template's own.
    return re.sub(r"\{\{ (\w+) \}\}", lambda match: str(parts[match[1]]), template)


def _table(caption: str, metrics: Sequence[Metric], scores: Scores) -> str:
    """A row for each model, a column for each metric."""
    columns = [metric.column([numbers[metric.key] for numbers in scores.values()]) for metric in metrics]
    rows = "".join(
        f'<tr><th scope="row">{escape(model)}{"".join(_cell(*cell) for cell in cells)}'
        for model, *cells in zip(scores, *columns, strict=True)
    )
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f'<thead><tr><th scope="col">Model{"".join(_heading(metric) for metric in metrics)}'
        f"<tbody>{rows}</table></div>"
    )


def _heading(metric: Metric) -> str:
    arrow, better = ("&uarr;", "higher is better") if metric.higher_is_better else ("&darr;", "lower is better")
    sign = f'<abbr title="{better}">{arrow}</abbr>'
    return f'<th scope="col">{escape(metric.title)}&nbsp;{sign}<small>{escape(metric.unit)}</small>'


def _cell(text: str, is_best: bool) -> str:
    return f"<td><strong>{text}</strong>" if is_best else f"<td>{text}"


def _comparison(name: str, layers: Sequence[tuple[str, np.ndarray]]) -> dict[str, str | int]:
    """What the section of one picture shows: labels and pixels, of the models first and of HR last."""
    height, width = layers[-1][1].shape[:2]
    top, left, side = most_different([pixels for _, pixels in layers])
    square = slice(top, top + side), slice(left, left + side)
    exact = height * width <= EXACT
    how: dict[str, Any] = {"lossless": True} if exact else {"quality": 90}
    classes = {0: "left", max(1, len(layers) - 2): "right"}  # bicubic and the last model
    images = (
        f'<img class="{classes.get(n, "")}" alt="{escape(f"{name}, {label}")}" {_source(pixels, **how)}>'
        for n, (label, pixels) in enumerate(layers)
    )
    crops = (f'<li><img alt="" {_source(pixels[square], lossless=True)}>{escape(label)}' for label, pixels in layers)
    return {
        "options": "".join(f"<option>{escape(label)}" for label, _ in layers),
        "place": f"--width:{width};--height:{height};--x:{left};--y:{top};--side:{side}",
        "zoom": max(1, WIDEST // max(height, width)),
        "images": "\n".join(images),
        "crops": "\n".join(crops),
        "side": side,
        "exactness": "" if exact else "exact, unlike the above, which is compressed: ",
    }


def _source(pixels: np.ndarray, **options: Any) -> str:
    """The attributes of an <img> that holds (H, W, 1 or 3) uint8 pixels itself."""
    image = to_pil(Picture(pixels))
    image.thumbnail((16_383, 16_383))  # what WebP can hold
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", **options)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'src="data:image/webp;base64,{data}" loading="lazy" decoding="async" draggable="false"'


def most_different(pictures: Sequence[np.ndarray]) -> tuple[int, int, int]:
    """Top, left and side of the square in which the models differ most from one another, or a single one from HR.

    Args:
        pictures: (H, W, C) uint8, one for each model, then HR.
    """
    models = np.stack(pictures[: max(2, len(pictures) - 1)])
    spread = np.ptp(models, axis=0).sum(axis=-1, dtype=np.int64)
    side = min(CROP, *spread.shape)
    integral = np.pad(spread, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    sums = integral[side:, side:] - integral[:-side, side:] - integral[side:, :-side] + integral[:-side, :-side]
    top, left = np.unravel_index(np.argmax(sums), sums.shape)
    return int(top), int(left), side
