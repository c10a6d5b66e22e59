"""What signals do to work that is going on."""

import os
import signal

import pytest

from srgan_cli.boundary import stop_signals, unless_stopped


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
