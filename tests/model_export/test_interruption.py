"""Signals end a block like an error, once, and not within steps that belong together."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from model_export.interruption import SIGNALS, Stop, Stopped, describe_if_stopped, stoppable, uninterrupted
from model_export.view import View


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_raises_once_and_names_itself(number: signal.Signals) -> None:
    # GIVEN handlers that were there before
    before = [signal.getsignal(of) for of in SIGNALS]
    # WHEN a signal comes within the block
    with stoppable() as stop:
        describe_if_stopped(lambda: "one file is complete")
        with pytest.raises(Stopped):
            os.kill(os.getpid(), number)
    # THEN it ends the work with the exit code of shells, and the handlers are back
    assert stop.exit_code == 128 + number
    assert stop.line() == f"nextitem: stopped by {number.name}: one file is complete"
    assert [signal.getsignal(of) for of in SIGNALS] == before


def test_work_that_lost_the_exception_ends_at_its_next_step() -> None:
    done, view = [], View(lambda _view: None)

    def work() -> None:
        for step in view.each("epochs", range(5), 5):
            done.append(step)
            if step == 1:
                with suppress(Stopped):  # as a library's bare `except:` does
                    os.kill(os.getpid(), signal.SIGINT)

    with stoppable() as stop, pytest.raises(Stopped):
        work()
    assert done == [0, 1]
    assert stop.signal is signal.SIGINT
    # the next work of the process is not concerned
    with stoppable():
        assert list(view.each("epochs", range(5), 5)) == [0, 1, 2, 3, 4]


def test_a_step_within_others_that_belong_together_does_not_interrupt_them() -> None:
    view, steps = View(lambda _view: None), []

    def work() -> None:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            view.begin("writing")
            steps.append("written")

    with stoppable(), pytest.raises(Stopped):
        work()
    assert steps == ["written"]


def test_steps_that_belong_together_end_first() -> None:
    steps = []

    def work() -> None:
        with uninterrupted():
            with uninterrupted():
                os.kill(os.getpid(), signal.SIGTERM)
                steps.append("inner")
            steps.append("outer")

    with stoppable():
        with pytest.raises(Stopped):
            work()
        with uninterrupted():  # the signal has done its work: the clean-up is not interrupted again
            steps.append("cleaned")
    assert steps == ["inner", "outer", "cleaned"]


def test_a_second_signal_does_not_break_the_clean_up(capfd: pytest.CaptureFixture[str]) -> None:
    with stoppable() as stop:
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal is signal.SIGINT
    assert "once more ends it at once" in capfd.readouterr().err


def test_a_third_signal_ends_a_process_whose_clean_up_hangs() -> None:
    program = (
        "import os, signal, time\n"
        "from model_export.interruption import stoppable\n"
        "with stoppable():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    finally:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(600)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
    try:
        with stoppable() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
        assert stop.signal is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_without_a_signal_there_is_no_exit_code() -> None:
    assert Stop().exit_code == 0
