"""The oracle on a session longer than its window: both valid states pass, and faults are found."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from bench.chaos.history import Action, replays
from bench.chaos.journal import Call, SentEvent
from bench.chaos.oracle import Oracle, StoredSession, Verdict
from nextitem.sessions.codec import event_tag, next_chain
from nextitem.sessions.session import TAG_BYTES, WINDOW, LogEntry, SessionRecord, Snapshot
from tests.bench.chaos.example_session import HASH_KEY, LIMIT, LONG, SESSION, Example, record_of, seen_of

TRIMMED = LONG - WINDOW
LATER = 3_600.0
HOUR_AGO = -3_600_000


def check(
    session: Example,
    calls: Sequence[Call] | None = None,
    record: SessionRecord | None = None,
    seen: bytes | None = None,
) -> Verdict:
    """Check the session without faults, with some parts replaced."""
    stored = StoredSession(record or session.record, seen_of(session.events) if seen is None else seen)
    return Oracle(session.model, None).check(session.calls if calls is None else calls, {SESSION: stored})


def with_state_of(session: Example, items: Sequence[int]) -> SessionRecord:
    """Return the record with the state after some items, under the chain of the whole session."""
    return structs.replace(
        session.record, snapshot=Snapshot(session.record.log[-1].chain, session.model.replay(None, items))
    )


def check_stored(session: Example, events: Sequence[SentEvent]) -> Verdict:
    """Check the calls without faults against a store that has other events."""
    return check(session, record=record_of(session.model, events), seen=seen_of(events))


def rechained(log: Sequence[LogEntry], chain: bytes) -> tuple[LogEntry, ...]:
    """Return the entries with a valid chain that begins at a value."""
    entries: list[LogEntry] = []
    for entry in log:
        chain = next_chain(chain, entry.tag, entry.item_id, entry.type)
        entries.append(entry._replace(chain=chain))
    return tuple(entries)


def late_call(session: Example, *, status: str, at: float, occurred_at: int = HOUR_AGO) -> Call:
    """Return a call with one more event, older than the window, that did not change the session."""
    event = SentEvent("late", session.events[0].item_id, occurred_at)
    return replace(session.calls[-1], events=(event,), started=at, ended=at + 0.5, statuses=(status,))


def test_a_session_without_faults_passes(long_session: Example) -> None:
    verdict = check(long_session)
    assert (verdict.lost, verdict.doubled, verdict.corrupted, verdict.findings) == (0, 0, 0, [])
    assert (verdict.acknowledged, verdict.answers_checked, verdict.answers_beyond) == (LONG, LONG, TRIMMED)
    assert (verdict.beyond_window, verdict.snapshots_checked) == (1, 1)


@pytest.mark.parametrize("start", [1, TRIMMED // 2, TRIMMED], ids=["rebuilt early", "rebuilt half-way", "just rebuilt"])
def test_a_state_that_was_rebuilt_from_a_window_passes(long_session: Example, start: int) -> None:
    verdict = check(long_session, record=with_state_of(long_session, long_session.items[start:]))
    assert (verdict.snapshots_checked, verdict.corrupted, verdict.findings) == (1, 0, [])


def test_an_answer_from_a_rebuilt_window_passes(long_session: Example) -> None:
    log = long_session.items[-WINDOW:]
    ranked = long_session.model.top(long_session.model.replay(None, log), (), LIMIT, log)
    top = tuple((long_session.model.vocabulary.item_id(item.index), item.score) for item in ranked)
    assert check(long_session, [*long_session.calls[:-1], replace(long_session.calls[-1], top=top)]).corrupted == 0


@pytest.mark.parametrize("missing", [0, TRIMMED // 2, TRIMMED - 1, TRIMMED, LONG - 1])
def test_a_lost_event_is_found_wherever_it_was(long_session: Example, missing: int) -> None:
    verdict = check_stored(long_session, long_session.events[:missing] + long_session.events[missing + 1 :])
    assert (verdict.lost, verdict.unexplained) == (1, 1)


@pytest.mark.parametrize("missing", [0, TRIMMED - 1])
def test_a_forgotten_tag_is_found(long_session: Example, missing: int) -> None:
    seen = seen_of(long_session.events)
    verdict = check(long_session, seen=seen[: missing * TAG_BYTES] + seen[(missing + 1) * TAG_BYTES :])
    assert (verdict.unexplained, verdict.corrupted) == (1, 1)


def test_a_trimmed_event_that_was_applied_again_is_found(long_session: Example) -> None:
    again = replace(
        long_session.calls[-1], events=(long_session.events[3],), started=LATER, ended=LATER, session_length=LONG + 1
    )
    events = [*long_session.events, long_session.events[3]]
    verdict = check(long_session, [*long_session.calls, again], record_of(long_session.model, events), seen_of(events))
    assert verdict.doubled >= 1


def test_a_retry_of_a_trimmed_event_that_was_called_new_is_found(long_session: Example) -> None:
    again = replace(long_session.calls[3], started=LATER, ended=LATER, session_length=LONG)
    assert check(long_session, [*long_session.calls, again]).doubled == 1


def test_a_recognised_duplicate_of_a_trimmed_event_is_no_fault(long_session: Example) -> None:
    again = replace(
        long_session.calls[-1], events=(long_session.events[3],), started=LATER, ended=LATER, statuses=("duplicate",)
    )
    verdict = check(long_session, [*long_session.calls, again])
    assert (verdict.doubled, verdict.lost, verdict.findings) == (0, 0, [])


def test_a_log_shorter_than_its_window_is_found(long_session: Example) -> None:
    record = structs.replace(long_session.record, log=long_session.record.log[1:])
    seen = seen_of(long_session.events) + long_session.record.log[0].tag
    assert check(long_session, record=record, seen=seen).corrupted == 1


def test_a_trimmed_event_that_was_never_sent_is_found(long_session: Example) -> None:
    seen = seen_of(long_session.events)
    assert check(long_session, seen=event_tag(HASH_KEY, "of another session") + seen[TAG_BYTES:]).corrupted == 1


def test_a_log_that_does_not_continue_what_was_trimmed_is_found(long_session: Example) -> None:
    # The chain is valid within the log, but does not begin with the trimmed events.
    log = rechained(long_session.record.log, b"")
    snapshot = Snapshot(log[-1].chain, long_session.model.replay(None, long_session.items))
    assert check(long_session, record=structs.replace(long_session.record, log=log, snapshot=snapshot)).corrupted == 1


def test_a_newer_event_trimmed_before_an_older_one_is_found(long_session: Example) -> None:
    events = list(long_session.events)
    events[TRIMMED - 1 : TRIMMED + 1] = events[TRIMMED], events[TRIMMED - 1]
    assert check_stored(long_session, events).corrupted == 1


def test_a_trimmed_event_newer_than_the_log_is_found(long_session: Example) -> None:
    wrong = replace(long_session.events[2], occurred_at=LONG * 2)
    calls = [*long_session.calls[:2], replace(long_session.calls[2], events=(wrong,)), *long_session.calls[3:]]
    assert check(long_session, calls).corrupted == 1


@pytest.mark.parametrize("steps", [1, 2, 3], ids="the newest {} only".format)
def test_a_state_that_remembers_less_than_a_window_is_found(long_session: Example, steps: int) -> None:
    assert check(long_session, record=with_state_of(long_session, long_session.items[-steps:])).corrupted == 1


def test_a_state_that_stepped_an_event_twice_is_found(long_session: Example) -> None:
    twice = [*long_session.items, long_session.items[-1]]
    assert check(long_session, record=with_state_of(long_session, twice)).corrupted == 1


def test_a_state_off_by_two_percent_is_found(long_session: Example) -> None:
    clean = long_session.record.snapshot
    assert clean is not None
    spoiled = structs.replace(clean, hidden=clean.hidden * np.float32(1.02))
    assert check(long_session, record=structs.replace(long_session.record, snapshot=spoiled)).corrupted == 1


@pytest.mark.parametrize("stale", [TRIMMED, WINDOW, LONG - 1])
def test_an_answer_from_an_older_state_is_found(long_session: Example, stale: int) -> None:
    calls = list(long_session.calls)
    calls[stale] = replace(calls[stale], top=calls[stale - 1].top)
    assert check(long_session, calls).corrupted == 1


def test_an_event_older_than_a_full_window_does_not_enter_the_log(long_session: Example) -> None:
    # The event was sent twice and answered with `too_old` twice.
    calls = [*long_session.calls, *(late_call(long_session, status="too_old", at=at) for at in (LATER, LATER + 1))]

    verdict = check(long_session, calls)
    assert (verdict.lost, verdict.doubled, verdict.corrupted, verdict.findings) == (0, 0, 0, [])


@pytest.mark.parametrize(("status", "occurred_at"), [("applied", HOUR_AGO), ("late", HOUR_AGO), ("too_old", LONG)])
def test_an_event_that_belongs_in_the_log_is_lost_without_it(
    long_session: Example, status: str, occurred_at: int
) -> None:
    # Its status is another one, or it is newer than the log's first.
    call = late_call(long_session, status=status, at=LATER, occurred_at=occurred_at)
    assert check(long_session, [*long_session.calls, call]).unexplained == 1


def test_a_replay_begins_at_the_start_or_with_a_whole_window() -> None:
    actions = [Action(f"item {number}") for number in range(WINDOW + 3)]
    assert [len(known) for known in replays(actions)] == [WINDOW + 3, WINDOW, WINDOW + 1, WINDOW + 2]
    assert all(known == actions[-len(known) :] for known in replays(actions))

    # a history that begins with unknown events cannot be replayed as a whole
    assert [len(known) for known in replays([None, None, *actions[2:]])] == [WINDOW, WINDOW + 1]
    assert [len(known) for known in replays(actions[:WINDOW])] == [WINDOW]
