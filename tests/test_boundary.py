"""What loading and signals do to the program."""

import gc
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from conftest import ROOT
from rich.text import Text

from srgan_cli.terminal import console
from srgan_cli.terminal.boundary import errors_as_exit_codes, loading, stop_signals
from srgan_cli.terminal.console import progress, say, training_display
from srgan_cli.training.options import TrainOptions
from srgan_cli.training.runs import Record


def test_garbage_is_collected_again_but_not_looked_for_in_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    gc.unfreeze()
    with loading():
        assert gc.isenabled()
        assert gc.get_freeze_count() > 100_000
    monkeypatch.setitem(sys.modules, "keras", None)  # what cannot be imported
    with pytest.raises(ModuleNotFoundError), loading():
        pass
    assert gc.isenabled()


def test_sigterm_ends_like_ctrl_c() -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with pytest.raises(typer.Exit) as caught, errors_as_exit_codes(debug=False):
            os.kill(os.getpid(), signal.SIGTERM)
        assert caught.value.exit_code == 130
    finally:
        signal.signal(signal.SIGTERM, before)


INTERRUPTED_WHILE_WRITING = """
import sys, threading
from pathlib import Path
from srgan_cli import files
from srgan_cli.terminal import boundary

begun = threading.Event()

def write():
    with files.replacing(Path(sys.argv[1])) as temporary:
        temporary.touch()
        begun.set()
        threading.Event().wait()

with boundary.program():
    threading.Thread(target=write, daemon=True).start()
    begun.wait()
    sys.exit(130)
"""


def test_what_threads_have_not_written_when_it_is_interrupted_is_deleted(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_WHILE_WRITING, tmp_path / "a.png"], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGINT
    assert list(tmp_path.iterdir()) == []


def test_what_is_said_before_it_is_interrupted_is_read() -> None:
    said = "import sys\nfrom srgan_cli.terminal.boundary import program\nwith program(): print('read'); sys.exit(130)"
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run([sys.executable, "-c", said], cwd=ROOT, env=buffered, stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, b"read\n")


def test_that_nobody_reads_the_promise_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(os, "write", closed)
    with stop_signals("stopping") as stopped:
        os.kill(os.getpid(), signal.SIGTERM)
    assert stopped == [signal.SIGTERM]


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


def test_nobody_has_to_read_messages(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stderr", stderr := Leaving(terminal=True, is_read=False))
    say("left out")
    with progress(10) as advance:
        advance(4)
        stderr.is_read = True
    assert stderr.getvalue() == ""
    os.write(1, b"a result")
    assert capfd.readouterr().out == "a result"


@pytest.mark.parametrize("quiet", [True, False])
def test_a_quiet_program_shows_no_bar(monkeypatch: pytest.MonkeyPatch, quiet: bool) -> None:
    monkeypatch.setattr(sys, "stderr", stderr := Leaving(terminal=True, is_read=True))
    with progress(10, quiet) as advance:
        advance(10)
    assert (stderr.getvalue() == "") == quiet


def test_names_tell_a_terminal_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\x1b]0;title\x07.png: is damaged\n")
    assert capsys.readouterr().err == "a\ufffd]0;title\ufffd.png: is damaged\ufffd\n"


def test_what_is_not_healthy_is_marked() -> None:
    table = console._losses(Record("adversarial", 1, {"d_loss": 0.1, "d_hr": 0.2, "d_sr": 0.9, "content": 9.0}))
    now = [cell.style for cell in table.columns[1].cells if isinstance(cell, Text)]
    assert now == ["", "yellow", "yellow", ""]
