"""What the user sees while the program works; the only user of Rich. Everything here goes to stderr."""

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from srgan_cli.errors import SrganError


def say(message: str, style: str = "") -> None:
    """Print one line as it is: nothing in it is taken for markup, cut or wrapped."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(Text(message, style=style))


def report(error: SrganError, debug: bool) -> None:
    """Print what was wrong and what to do next, with `debug` also where it happened."""
    if debug:
        traceback.print_exception(error)
    say(f"error: {error.message}", "bold red")
    if error.hint:
        say(f"hint: {error.hint}")


@contextmanager
def progress(total: int) -> Iterator[tuple[Callable[[int], None], Callable[[str], None]]]:
    """A bar with the time left on a terminal; elsewhere only the lines.

    Yields:
        A function that moves the bar on by so many of `total`, and one that prints a line above it.
    """
    console = Console(stderr=True, highlight=False)
    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)

        def advance(amount: int) -> None:
            bar.advance(task, amount)

        def line(message: str) -> None:
            console.print(Text(message), soft_wrap=True)

        yield advance, line


@contextmanager
def native_stderr_closed() -> Iterator[None]:
    """Keep what C++ libraries write to stderr while they load from the user.

    TensorFlow announces its CPU features and missing GPU drivers there, and no variable of its own turns that off.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
