"""What the user sees while the program works; the only user of Rich.

All but the table of an evaluation goes to stderr.
"""

import io
import math
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from srgan_cli.errors import SrganError
from srgan_cli.training.options import TrainOptions

if TYPE_CHECKING:
    from srgan_cli.metrics import Metric, Scores
    from srgan_cli.training.runs import Record

FALLING = ("loss", "content")  # what a run that goes well shows
HEALTHY = {
    "adversarial": (0.1, 5.0),
    "d_loss": (0.02, 0.3),
    "d_hr": (0.4, 1.0),
    "d_sr": (0.0, 0.6),
    "wait_share": (0.0, 0.1),
}


class _Messages(Console):
    """On stderr, which matters less than the work: if nobody reads it any more, nothing more is written there.

    Rich would end the program, and close stdout, on which results may go.
    """

    def __init__(self, soft_wrap: bool = False) -> None:
        super().__init__(stderr=True, soft_wrap=soft_wrap, highlight=False)

    def on_broken_pipe(self) -> None:
        """Be quiet from now on."""
        self.quiet = True


def say(message: str, style: str = "") -> None:
    """Print one line as it is: nothing in it is taken for markup or told to the terminal, cut or wrapped."""
    with suppress(OSError):  # as of a log on a full disk, for which no results need be lost
        _Messages(soft_wrap=True).print(Text(_printable(message), style=style))


def report(error: SrganError, debug: bool) -> None:
    """Print what was wrong and what to do next, with `debug` also where it happened."""
    if debug:
        traceback.print_exception(error)
    say(f"error: {error.message}", "bold red")
    if error.hint:
        say(f"hint: {error.hint}")


def _printable(text: str) -> str:
    """Without what a terminal would obey, which the names of files may have in them."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "\N{REPLACEMENT CHARACTER}", text)


@contextmanager
def progress(total: int, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar with the time left on a terminal; elsewhere nothing.

    Yields:
        A function that moves the bar on by so many of `total`.
    """
    console = _Messages()
    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        yield partial(bar.advance, bar.add_task("", total=total))


@contextmanager
def training_display(options: TrainOptions) -> Iterator[tuple[Callable[[str], None], Callable[["Record"], None]]]:
    """Stage, steps, time left and losses with their healthy ranges on a terminal; plain lines elsewhere.

    Training goes on when nobody sees it any more: a terminal that was closed, or a pipe that nobody reads.

    Yields:
        A function that prints a line, and one that shows a report.
    """
    console = _Messages()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console, speed_estimate_period=600)
    tasks: dict[str, TaskID] = {}

    live = _started(Live(bar, console=console)) if console.is_terminal else None

    def line(message: str) -> None:
        with suppress(OSError):
            console.print(Text(_printable(message)), soft_wrap=True)

    def record(report: "Record") -> None:
        if live is None:
            line(_one_line(report))
            return
        if report.stage not in tasks:
            tasks[report.stage] = bar.add_task(report.stage, total=options.steps_of(report.stage))
        with suppress(OSError):
            bar.update(tasks[report.stage], completed=report.step)
            live.update(Group(bar, _losses(report)))
        if "psnr" in report.values:
            line(_one_line(report))

    try:
        yield line, record
    finally:
        if live:
            with suppress(OSError):
                live.stop()


def _started(live: Live) -> Live | None:
    """The display, if anybody can see it."""
    try:
        live.start()
    except OSError:
        return None
    return live


def _one_line(report: "Record") -> str:
    numbers = " ".join(f"{name} {value:.4g}" for name, value in report.values.items())
    return f"{report.stage} {report.step}: {numbers}"


def _losses(report: "Record") -> Table:
    table = Table("", "now", "healthy", box=None)
    for name, value in report.values.items():
        low, high = HEALTHY.get(name, (-math.inf, math.inf))
        expected = f"{low} to {high}" if name in HEALTHY else "falls" if name in FALLING else ""
        table.add_row(name, Text(f"{value:.4g}", style="" if low <= value <= high else "yellow"), expected)
    return table


def show_scores(
    title: str, metrics: "Sequence[Metric]", pictures: "Mapping[str, Scores]", per_image: bool, on_stdout: bool
) -> None:
    """Print the table of an evaluation: the means, with `per_image` also every picture's scores; the best is bold."""
    from srgan_cli.metrics import mean_scores

    if isinstance(sys.stdout, io.TextIOWrapper):  # it may have no letters for names, frames and numbers
        sys.stdout.reconfigure(errors="replace")
    groups = {f"mean of {len(pictures)}": mean_scores(pictures)}
    headings = (f"{metric.title} {metric.unit}".strip() for metric in metrics)
    names = Column("", overflow="fold"), Column("model", overflow="fold")
    table = Table(*names, *headings, title=Text(_printable(title)), title_justify="left")
    for column in table.columns[2:]:
        column.justify = "right"
    for name, scores in {**(pictures if per_image else {}), **groups}.items():
        table.add_section()
        columns = [metric.column([numbers[metric.key] for numbers in scores.values()]) for metric in metrics]
        for row, (model, *cells) in enumerate(zip(scores, *columns, strict=True)):
            numbers = (Text(text, style="bold" if best else "") for text, best in cells)
            table.add_row(Text("" if row else _printable(name)), Text(_printable(model)), *numbers)
    console = Console(highlight=False) if on_stdout else _Messages()
    console.print(table)
