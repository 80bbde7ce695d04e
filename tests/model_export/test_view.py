"""The view of a command's work: one line with the phase, the time that has passed, and that of all phases to come."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console

from model_export import view as view_module
from model_export.progress import Phase
from model_export.view import MARK, View, shown

PATIENCE = 20.0
"""Seconds in which a line must come."""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_shows_the_phase_and_the_rest_of_all_phases() -> None:
    # GIVEN a work of two phases of a kind and one of another
    clock = Clock()
    view = View(lambda _view: None, clock)
    view.begin("reading events.csv")
    assert (view.what(), view.times()) == ("reading events.csv", "0:00")
    view.plan(
        [
            Phase("validate", 1000, "batches"),
            Phase("memory: recall", 9),
            Phase("memory: scores", 9),
            Phase("refit", 3000, "batches"),
        ]
    )
    # WHEN a quarter of the first phase took 25 seconds, after a first step, which is not measured
    view.step("validate", 1)
    clock.now += 25
    view.step("validate", 251)
    # THEN the others of its kind are in the estimate, and the work of the unmeasured phases is named once
    assert view.what() == "validate, 251 of 1,000"
    assert view.times() == "0:25, about 6:15 left, besides memory"
    # AND the time goes on between two steps, also in the next phase
    clock.now += 3600
    assert view.times().startswith("1:00:25, about")


def test_counts_without_a_plan_have_no_estimate() -> None:
    view = View(lambda _view: None, Clock())
    view.step("writing train", 40_000)
    assert (view.what(), view.times()) == ("writing train, 40,000", "0:00")


def test_each_counts_the_parts_of_a_work() -> None:
    seen: list[str] = []
    view = View(lambda view: seen.append(view.what()), Clock())
    assert list(view.each("shopping", "abc", 3)) == ["a", "b", "c"]
    assert seen == ["shopping, 0 of 3", "shopping, 1 of 3", "shopping, 2 of 3"]


@contextmanager
def on(*, terminal: bool, silent: bool = False) -> Iterator[tuple[View, io.StringIO]]:
    printed = io.StringIO()
    with shown(Console(file=printed, force_terminal=terminal, width=200), silent=silent) as view:
        yield view, printed


def test_without_a_terminal_there_is_a_line_every_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a log file, and a short silence
    monkeypatch.setattr(view_module, "MIN_SILENCE", 0.01)
    with on(terminal=False) as (view, printed):
        view.begin("reading events.csv")
        # WHEN a phase goes on without a step
        end = time.monotonic() + PATIENCE
        while printed.getvalue().count("\n") < 2:
            assert time.monotonic() < end
            time.sleep(0.01)
    # THEN lines say what runs, and end with the work
    lines = printed.getvalue().splitlines()
    assert lines[-1].startswith(f"{MARK}reading events.csv; 0:0")
    after = printed.getvalue()
    time.sleep(0.05)  # five silences: a line that still came would come within one
    assert printed.getvalue() == after


def test_a_terminal_has_one_live_line() -> None:
    with on(terminal=True) as (view, printed):
        view.plan([Phase("validate", 10)])
        view.step("validate", 4)
    assert "validate, 4 of 10" in printed.getvalue()
    assert MARK not in printed.getvalue()


def test_a_process_that_does_not_lead_shows_nothing() -> None:
    with on(terminal=True, silent=True) as (view, printed):
        view.begin("reading events.csv")
        view.step("validate", 4)
    assert printed.getvalue() == ""
