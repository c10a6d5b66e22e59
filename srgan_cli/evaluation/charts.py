"""Scores of many pictures -> a chart as inline SVG, which takes its colours from the page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise, repeat
from statistics import fmean

from srgan_cli.metrics import Metric, typeset

ROW, AXIS = 46, 26  # heights in CSS pixels
Numbers = Mapping[str, Sequence[float]]  # model -> a number for each picture


@dataclass(frozen=True)
class _Axis:
    """The finite values of a chart, from left to right; lengths are percentages, so that it can have any width."""

    low: float
    high: float

    def x(self, value: float) -> str:
        """The place of a value; infinity is at the edge."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return f"{4 + 91 * min(max(share, -0.04), 1.05):.2f}%"

    def line(self, start: tuple[float, float], end: tuple[float, float]) -> str:
        """The attributes of a <line> between two pairs of a value and a height."""
        return f'x1="{self.x(start[0])}" y1="{start[1]}" x2="{self.x(end[0])}" y2="{end[1]}"'

    def ticks(self) -> list[float]:
        """Up to nine round numbers, evenly spaced."""
        least = (self.high - self.low) / 8
        if not least:
            return [self.low]
        magnitude = 10.0 ** math.floor(math.log10(least))
        step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= least)
        return [step * n for n in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


def draw_chart(metric: Metric, names: Sequence[str], columns: Numbers) -> str:
    """A row for each model and on it a dot for each picture; lines join the dots of the same picture."""
    known = {value for column in columns.values() for value in column}
    finite = [value for value in known if math.isfinite(value)]
    if not finite:
        return ""
    means = {model: fmean(column) for model, column in columns.items()}
    low, high = min(finite), max(finite)
    axis = _Axis(0 if 0 < low < high / 4 else low, high)  # a zero that is near belongs to it
    bottom = ROW * len(means)
    grid = "".join(
        f'<line class="grid" {axis.line((tick, 0), (tick, bottom))}/>'
        f'<text class="tick" x="{axis.x(tick)}" y="{bottom + 18}">{typeset(f"{tick:.6g}")}</text>'
        for tick in axis.ticks() + sorted(known - set(finite))
    )
    dots = "".join(map(_dots, repeat(metric), repeat(axis), names, zip(*columns.values(), strict=True)))
    rows = "".join(_row(metric, axis, model, mean, ROW * n) for n, (model, mean) in enumerate(means.items()))
    summary = ", ".join(f"{model} {metric.text(mean)}" for model, mean in means.items())
    better = "Higher is better &rarr;" if metric.higher_is_better else "&larr; Lower is better"
    return (
        f"<figure><figcaption><b>{escape(metric.title)}</b>{escape(metric.unit)}<span>{better}</span></figcaption>"
        f'<svg role="img" aria-label="{escape(metric.title)} of every picture. Means: {escape(summary)}."'
        f' width="100%" height="{bottom + AXIS}">{grid}{dots}{rows}</svg></figure>'
    )


def _dots(metric: Metric, axis: _Axis, name: str, values: Sequence[float]) -> str:
    """One picture in a chart."""
    points = [(value, ROW * n + 30) for n, value in enumerate(values)]
    lines = (f"<line {axis.line(*ends)}/>" for ends in pairwise(points))
    dots = (f'<circle cx="{axis.x(value)}" cy="{y}" r="4.5"/>' for value, y in points)
    title = f"{name}: {' / '.join(metric.text(value) for value in values)}"
    return f'<g class="dots"><title>{escape(title)}</title>{"".join(lines)}{"".join(dots)}</g>'


def _row(metric: Metric, axis: _Axis, model: str, mean: float, top: int) -> str:
    """One model's name and mean in a chart."""
    short = model if len(model) <= 32 else f"\N{HORIZONTAL ELLIPSIS}{model[-31:]}"
    bar = f'<line class="mean" {axis.line((mean, top + 20), (mean, top + 40))}/>' if math.isfinite(mean) else ""
    return f'{bar}<text y="{top + 13}">{escape(short)} <tspan>{metric.text(mean)}</tspan></text>'
