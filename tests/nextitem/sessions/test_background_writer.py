"""The thread that sends snapshots while the response is written."""

import threading
from collections.abc import Callable

import pytest

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.sessions.background_writer import BackgroundWriter
from tests.nextitem.parts import soon


class Sent:
    """A save that was sent, and whose reply is there."""

    def done(self) -> bool:
        return True

    def result(self, deadline: Deadline) -> bool:
        return True


def test_saves_are_sent_in_order_while_the_caller_goes_on() -> None:
    # GIVEN a first save that waits at a gate
    writer, gate, sent = BackgroundWriter(), threading.Event(), list[int]()

    def numbered(number: int) -> Callable[[], Sent]:
        def begin() -> Sent:
            gate.wait()
            sent.append(number)
            return Sent()

        return begin

    # WHEN more saves follow THEN the caller does not wait, and none is done
    savings = [writer.send(numbered(number)) for number in range(5)]
    assert not any(saving.done() for saving in savings)
    writer.wait(Deadline.after(0.01))
    assert sent == []

    # WHEN the gate opens THEN they are sent one after the other
    gate.set()
    writer.wait(soon())
    assert sent == [0, 1, 2, 3, 4]
    assert all(saving.done() and saving.result(soon()) for saving in savings)


def test_a_save_that_is_not_sent_in_time_means_an_unavailable_store() -> None:
    writer, gate = BackgroundWriter(), threading.Event()

    def begin() -> Sent:
        gate.wait()
        return Sent()

    saving = writer.send(begin)
    with pytest.raises(StoreUnavailable, match="could not be sent in time"):
        saving.result(Deadline.after(0.01))
    gate.set()
    assert saving.result(soon())


def test_an_exception_is_raised_by_settle_and_stops_no_other_save() -> None:
    def begin() -> Sent:
        raise ZeroDivisionError

    writer = BackgroundWriter()
    broken, fine = writer.send(begin), writer.send(Sent)
    with pytest.raises(ZeroDivisionError):
        broken.result(soon())
    assert fine.result(soon())


def test_an_unused_writer_has_no_thread() -> None:
    before = threading.active_count()
    BackgroundWriter().wait(soon())
    assert threading.active_count() == before
