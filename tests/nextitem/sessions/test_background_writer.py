"""The thread that sends what no answer waits for."""

import threading
from collections.abc import Callable

import pytest

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.sessions.background_writer import Writer
from tests.nextitem.parts import soon


class Sent:
    """A saving that was sent, and whose answer is there."""

    def due(self) -> bool:
        return True

    def settle(self, deadline: Deadline) -> bool:
        return True


def test_what_is_given_is_sent_in_its_order_while_the_giver_goes_on() -> None:
    # GIVEN a first saving that takes until it is let go
    writer, let_go, sent = Writer(), threading.Event(), list[int]()

    def saving(number: int) -> Callable[[], Sent]:
        def begin() -> Sent:
            let_go.wait()
            sent.append(number)
            return Sent()

        return begin

    # WHEN more are given
    savings = [writer.send(saving(number)) for number in range(5)]

    # THEN nobody has waited, and none is due
    assert not any(one.due() for one in savings)
    writer.wait(Deadline.after(0.01))
    assert sent == []

    # AND they are sent one after the other
    let_go.set()
    writer.wait(soon())
    assert sent == [0, 1, 2, 3, 4]
    assert all(one.due() and one.settle(soon()) for one in savings)


def test_one_that_is_not_sent_in_time_is_the_store_s_fault() -> None:
    writer, let_go = Writer(), threading.Event()

    def begin() -> Sent:
        let_go.wait()
        return Sent()

    saving = writer.send(begin)
    with pytest.raises(StoreUnavailable, match="could not be sent in time"):
        saving.settle(Deadline.after(0.01))
    let_go.set()
    assert saving.settle(soon())


def test_what_goes_wrong_is_told_where_it_is_settled_and_stops_nothing() -> None:
    # GIVEN a saving that fails in no foreseen way
    def begin() -> Sent:
        raise ZeroDivisionError

    writer = Writer()
    broken, fine = writer.send(begin), writer.send(Sent)

    # WHEN they are settled THEN that one says so, and the next went out
    with pytest.raises(ZeroDivisionError):
        broken.settle(soon())
    assert fine.settle(soon())


def test_a_writer_that_was_given_nothing_has_no_thread() -> None:
    before = threading.active_count()
    Writer().wait(soon())
    assert threading.active_count() == before
