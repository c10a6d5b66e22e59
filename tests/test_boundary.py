"""What loading and signals do to the program."""

import gc
import io
import os
import signal
import sys

import pytest

from srgan_cli.boundary import loading, stop_signals, unless_stopped
from srgan_cli.console import training_display
from srgan_cli.options import TrainOptions
from srgan_cli.runs import Record


def test_garbage_is_collected_again_but_not_looked_for_in_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    gc.unfreeze()
    with loading():
        assert gc.isenabled()
        assert gc.get_freeze_count() > 100_000
    monkeypatch.setitem(sys.modules, "keras", None)  # what cannot be imported
    with pytest.raises(ModuleNotFoundError), loading():
        pass
    assert gc.isenabled()


def test_the_first_signal_is_noted_and_the_second_ctrl_c_ends_at_once() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_signals() as stopped:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped == [signal.SIGTERM, signal.SIGTERM]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    with stop_signals() as stopped:
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_work_goes_on_until_a_signal_and_ends_between_two_steps() -> None:
    done: list[int] = []
    stopped: list[int] = []
    advance = unless_stopped(done.append, stopped)
    advance(3)
    stopped.append(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        advance(4)
    assert done == [3]


def test_a_closed_terminal_stops_unless_that_is_to_be_ignored(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGHUP)
    try:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with stop_signals("stopping") as stopped:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGHUP)
        assert stopped == [signal.SIGHUP, signal.SIGHUP]
        assert capfd.readouterr().err == "stopping\n"
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with stop_signals() as stopped:
            os.kill(os.getpid(), signal.SIGHUP)
        assert stopped == []
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_is_to_be_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_signals() as stopped:
            os.kill(os.getpid(), signal.SIGINT)
        assert stopped == []
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


class Leaving(io.StringIO):
    """A stderr that nobody reads any more, or ever."""

    def __init__(self, terminal: bool, is_read: bool) -> None:
        super().__init__()
        self.terminal, self.is_read = terminal, bool(is_read)

    def isatty(self) -> bool:
        """As a terminal says it."""
        return self.terminal

    def write(self, text: str) -> int:
        """As a pipe does it."""
        if not self.is_read:
            raise BrokenPipeError
        return super().write(text)


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("read_before", [False, True])
def test_training_goes_on_when_nobody_sees_it(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, read_before: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr := Leaving(terminal, read_before))
    with training_display(TrainOptions()) as (line, record):
        for step in (2, 4):
            line("8 pictures")
            record(Record("pretrain", step, {"loss": 0.5, "psnr": 20.0}))
            stderr.is_read = False
