"""Where errors and signals become exit codes."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from srgan_cli.errors import SrganError, UsageError


@contextmanager
def errors_as_exit_codes(debug: bool) -> Iterator[None]:
    """End the program as documented: 1 something failed, 2 usage, 130 interrupted by Ctrl-C or SIGTERM.

    Raises:
        typer.Exit: With the exit code.
    """
    from srgan_cli import console

    try:
        with _terminated_like_interrupted():
            yield
    except SrganError as error:
        console.report(error, debug)
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from None
    except KeyboardInterrupt:
        console.say("interrupted; what was finished is kept")
        raise typer.Exit(130) from None
    except BrokenPipeError:  # nobody reads what we write, and nobody is to be told
        raise typer.Exit(1) from None


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """The list that Ctrl-C and SIGTERM are added to; a second Ctrl-C ends the program at once."""
    received: list[int] = []

    def note(number: int, _frame: Any) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
