"""Where errors and signals become exit codes."""

import gc
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import typer

from srgan_cli.errors import SrganError, UsageError, reason
from srgan_cli.files import remove_unfinished
from srgan_cli.options import BACKENDS, CHOOSE_BACKEND

INTERRUPTED = "interrupted; what was written is kept"


@contextmanager
def errors_as_exit_codes(debug: bool) -> Iterator[None]:
    """End the program as documented: 1 something failed, 2 usage, 130 interrupted by Ctrl-C or SIGTERM.

    Raises:
        typer.Exit: With the exit code.
    """
    from srgan_cli.terminal import console

    try:
        with _handled_by(signal.default_int_handler, signal.SIGTERM):
            yield
    except SrganError as error:
        console.report(error, debug)
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from None
    except KeyboardInterrupt:
        console.say(INTERRUPTED)
        raise typer.Exit(130) from None
    except BrokenPipeError:  # nobody reads what we write, and nobody is to be told
        raise typer.Exit(1) from None
    except (OSError, ModuleNotFoundError) as error:
        failure = _in_a_sentence(error)
        failure.__cause__ = error
        console.report(failure, debug)
        raise typer.Exit(1) from None


def _in_a_sentence(error: OSError | ModuleNotFoundError) -> SrganError:
    if isinstance(error, ModuleNotFoundError):  # such as that of a KERAS_BACKEND
        hint = CHOOSE_BACKEND if error.name == "torch" else f"pip install {error.name}, or {CHOOSE_BACKEND}"
        return SrganError(f"the Python package {error.name} is not installed", hint)
    # Such as a name that is too long, or in a folder that one may not look into.
    what = f"{error.filename or 'a file or stdout'}: {reason(error)}"
    return SrganError(what, "check its name, its disk and your rights to it")


@contextmanager
def program() -> Iterator[None]:
    """Around all of it: streams that the shell has closed are open, and what would exit with 130 dies of SIGINT.

    To a shell both are 130, but only the latter ends the loop that the program is in, too.
    """
    _open_missing_streams()
    try:
        yield
    except SystemExit as end:
        if end.code != 130:
            raise
        with suppress(OSError):  # nobody reads it
            sys.stdout.flush()
        _die_of_interrupt()


def _open_missing_streams() -> None:
    """Open the null device as stdin, stdout or stderr where the shell has closed it, so that Python has None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 (for as long as the program runs)


def _die_of_interrupt() -> NoReturn:
    remove_unfinished()
    if os.name == "posix":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(130)


@contextmanager
def loading() -> Iterator[None]:
    """Around the import of large libraries: silent then and later, and ended at once by Ctrl-C and SIGTERM.

    An exception in the midst of an import gets lost in C++ or comes out as another.

    Raises:
        UsageError: `KERAS_BACKEND` names a library that the program cannot compute with.
    """
    backend = os.environ.get("KERAS_BACKEND") or BACKENDS[0]
    if backend not in BACKENDS:
        raise UsageError(f"KERAS_BACKEND is {backend!r}", f"{CHOOSE_BACKEND}, or unset it")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # such as of functions made for several models
    with _native_stderr_silenced() as stderr:

        def end(_number: int, _frame: Any) -> None:
            os.write(stderr, f"{INTERRUPTED}\n".encode())
            _die_of_interrupt()

        with _handled_by(end, signal.SIGINT, signal.SIGTERM):
            _load_keras()
            yield


def _load_keras() -> None:
    """Load the library that all that is heavy begins with, by its name, since this module is for `--help`, too.

    The objects that stay are kept from the garbage collector, which would look at them meanwhile, later and at the
    end of the program, which takes seconds.

    Raises:
        UsageError: It cannot be loaded.
    """
    gc.disable()
    try:
        importlib.import_module("keras")
    except ModuleNotFoundError:
        raise
    except Exception as error:  # whatever a strange keras.json, or a library that does not fit, leads to
        hint = f"look at ~/.keras/keras.json, or {CHOOSE_BACKEND}"
        raise UsageError(f"Keras cannot be loaded ({reason(error)})", hint) from error
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _native_stderr_silenced() -> Iterator[int]:
    """Hide what C++ libraries write to stderr meanwhile; the descriptor that still leads there.

    TensorFlow announces its CPU features and missing GPU drivers there, and no variable of its own turns that off.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield kept
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _handled_by(handler: Callable[[int, Any], None], *signals: signal.Signals) -> Iterator[None]:
    """Let a function handle these signals, but for those that are to be ignored, as by nohup or `trap ''`."""
    heard = [number for number in signals if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def stop_signals(promise: str = "") -> Iterator[list[int]]:
    """The list that Ctrl-C, SIGTERM and a closed terminal are added to; a second Ctrl-C ends the program at once.

    Args:
        promise: What is said at the first one.
    """
    received: list[int] = []
    signals = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP"):
        signals.append(signal.SIGHUP)

    def note(number: int, _frame: Any) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        if promise and not received:
            with suppress(OSError):  # nobody reads it
                os.write(2, f"{promise}\n".encode())  # Python's own stderr may be in the midst of a line
        received.append(number)

    with _handled_by(note, *signals):
        yield received
