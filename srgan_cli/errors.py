"""The errors that a user can meet; every one carries what to do next."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SrganError(Exception):
    """Something the user can put right.

    Args:
        message: What was wrong and where (path, value), without a full stop.
        hint: What is accepted, or what to type next; empty if the message says it all.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:  # seen in notebooks, too
            self.add_note(f"hint: {hint}")


class OutOfMemoryError(SrganError):
    """Memory ran out; what it ran out for may be fine.

    Args:
        what: Such as a file.
        hint: What to do next.
    """

    def __init__(self, what: object, hint: str = "close other programs, or make it smaller") -> None:
        super().__init__(f"{what}: out of memory", hint)


def said(error: SrganError | MemoryError, what: object) -> SrganError:
    """The same error, or that memory ran out for `what`."""
    return error if isinstance(error, SrganError) else OutOfMemoryError(what)


class UsageError(SrganError):
    """The command line itself makes no sense; the program exits with 2 instead of 1."""


@contextmanager
def said_of(what: object, kind: type[SrganError] = SrganError) -> Iterator[None]:
    """Prefix errors raised inside, or one kind of them, with what they are about."""
    try:
        yield
    except kind as error:
        raise SrganError(f"{what}: {error.message}", error.hint) from error


def reason(error: Exception) -> str:
    """What went wrong, in one line."""
    text = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return str(text).splitlines()[0]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is a backend's, or Python's, way to say so."""
    text = f"{type(error).__name__} {error}"
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in text or "ResourceExhausted" in text


@contextmanager
def networks_errors() -> Iterator[None]:
    """Around a network that is run, whose backends raise what would be taken for an error of a disk or an encoder.

    Raises:
        SrganError: For that; what is about memory passes.
    """
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise
        hint = "try --device cpu, or --precision float32"
        raise SrganError(f"the network failed ({reason(error)})", hint) from error


@contextmanager
def weights_errors(path: Path, what: str, hint: str) -> Iterator[None]:
    """Around the reading of weights: zip, JSON, HDF5, NumPy and Keras each report a damaged file in their own ways.

    Raises:
        SrganError: The file does not hold the weights of `what`, or memory does not suffice for them.
    """
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise OutOfMemoryError(path) from error
        raise SrganError(f"{path}: not the weights of {what} ({reason(error)})", hint) from error
