"""Callers of a background call wait no longer than their deadline; the call goes on."""

import threading

import pytest

from nextitem.background_call import BackgroundCall, SharedCall
from nextitem.deadline import Deadline
from tests.nextitem.parts import PATIENCE_SECONDS


def patient() -> Deadline:
    return Deadline.after(PATIENCE_SECONDS)


def test_a_call_that_is_late_goes_on() -> None:
    gate = threading.Event()
    call = BackgroundCall(lambda: gate.wait(PATIENCE_SECONDS), "the answer")
    with pytest.raises(TimeoutError, match="the answer did not come in time"):
        call.result(Deadline.after(0.01))
    gate.set()
    assert call.result(patient()) is True


def test_its_error_is_raised_where_its_result_is_wanted() -> None:
    call = BackgroundCall(lambda: int("tea"), "a number")
    with pytest.raises(ValueError, match="tea"):
        call.result(patient())


def test_a_caller_after_the_end_of_a_call_gets_a_new_one() -> None:
    results = iter("ab")
    shared = SharedCall(lambda: next(results), "a letter")
    assert [shared.result(patient()) for _ in range(2)] == ["a", "b"]


def test_callers_share_the_call_that_is_under_way() -> None:
    gate, calls = threading.Event(), list[str]()

    def work() -> bool:
        calls.append("begun")
        return gate.wait(PATIENCE_SECONDS)

    shared = SharedCall(work, "the answer")
    for _ in range(2):
        with pytest.raises(TimeoutError):
            shared.result(Deadline.after(0.01))
    assert len(calls) <= 1
    gate.set()
    assert shared.result(patient()) is True
