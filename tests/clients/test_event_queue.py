"""The queue keeps order, its bound and its file."""

import logging
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextitem_client import Event, EventQueue


def items(queue: EventQueue) -> list[tuple[str, str]]:
    """Take everything out of a queue: session and item of each event."""
    taken = []
    while (batch := queue.batch()) is not None:
        queue.remove(batch)
        taken += [(batch.session_id, event.item_id) for event in batch.events]
    return taken


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=200), st.integers(1, 150))
def test_each_session_gets_its_newest_events_in_order(sessions: list[str], limit: int) -> None:
    # GIVEN events of some sessions, in one order
    with EventQueue(limit=limit) as queue:
        added = [(session, f"item-{place}") for place, session in enumerate(sessions)]
        for session, item in added:
            queue.add(session, Event(item))
        assert len(queue) == min(len(added), limit)
        # WHEN the queue is emptied
        taken = items(queue)
        dropped = queue.dropped.get("full", 0)
    # THEN the oldest beyond the limit are dropped and counted, and the others come in each session's order
    kept = added[-limit:]
    assert dropped == len(added) - len(kept)
    for session in "abc":
        assert [pair for pair in taken if pair[0] == session] == [pair for pair in kept if pair[0] == session]
    assert len(taken) == len(kept)


def test_a_batch_has_64_events_at_most_and_one_session() -> None:
    with EventQueue() as queue:
        for place in range(70):
            queue.add("a", Event(f"item-{place}"))
        queue.add("b", Event("other"))
        sizes = []
        while (batch := queue.batch()) is not None:
            sizes.append((batch.session_id, len(batch.events)))
            queue.remove(batch)
    assert sizes == [("a", 64), ("a", 6), ("b", 1)]


def test_a_file_keeps_events_ids_times_and_drops(tmp_path: Path) -> None:
    # GIVEN a queue in a file, which was full
    path = tmp_path / "events.sqlite3"
    events = [Event("tea-001"), Event("tea-002", recommendation_id="4c96"), Event("tea-003", occurred_at=1)]
    with EventQueue(path, limit=2) as queue:
        for event in events:
            queue.add("me", event)
    # WHEN another process opens it
    with EventQueue(path, limit=2) as queue:
        batch = queue.batch()
        # THEN it has the same events, and the count of the dropped one
        assert batch is not None
        assert list(batch.events) == events[1:]
        assert queue.dropped == {"full": 1}


def test_two_queues_on_one_file_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite3"
    with EventQueue(path) as one, EventQueue(path) as other:
        one.add("me", Event("tea-001"))
        other.add("me", Event("tea-002"))
        batch = one.batch()
        assert batch is not None
        other.add("me", Event("tea-003"))
        one.remove(batch)
        assert items(other) == [("me", "tea-003")]


def test_a_batch_is_removed_once_even_if_two_deliver_it() -> None:
    with EventQueue() as queue:
        queue.add("me", Event("tea-001"))
        batch = queue.batch()
        assert batch is not None
        queue.remove(batch, dropped_as="refused")
        queue.remove(batch, dropped_as="refused")
        assert queue.dropped == {"refused": 1}


def test_drops_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with EventQueue(limit=1) as queue, caplog.at_level(logging.WARNING):
        queue.add("me", Event("tea-001"))
        assert caplog.messages == []
        queue.add("me", Event("tea-002"))
    assert caplog.messages == ["the event queue dropped 1 events: full"]


def test_a_session_can_be_forgotten() -> None:
    with EventQueue() as queue:
        for session in ("a", "b", "a"):
            queue.add(session, Event("tea-001"))
        assert queue.forget("a") == 2
        assert items(queue) == [("b", "tea-001")]


def test_what_cannot_be_sent_is_refused_when_it_is_added() -> None:
    with EventQueue() as queue, pytest.raises(ValueError, match="session_id"):
        queue.add("a/b", Event("tea-001"))
    with pytest.raises(ValueError, match="limit is 0"):
        EventQueue(limit=0)
