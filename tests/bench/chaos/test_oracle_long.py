"""The oracle on a made-up session that outlived its window: both right states pass, and what spoils it is found."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from bench.chaos.history import replays
from bench.chaos.journal import Call, SentEvent
from bench.chaos.oracle import Oracle, StoredSession, Verdict
from nextitem.sessions.codec import event_tag, next_chain
from nextitem.sessions.session import TAG_BYTES, WINDOW, LogEntry, SessionRecord, Snapshot
from tests.bench.chaos.made_session import LIMIT, LONG, SESSION, Story, record_of, seen_of

TRIMMED = LONG - WINDOW
LATER = 3_600.0
HOUR_AGO = -3_600_000


def judged(
    story: Story, calls: Sequence[Call] | None = None, record: SessionRecord | None = None, seen: bytes | None = None
) -> Verdict:
    """Judge the clean story, or what is given instead of a part of it."""
    stored = StoredSession(record or story.record, seen_of(story.events) if seen is None else seen)
    return Oracle(story.model, None).judge(story.calls if calls is None else calls, {SESSION: stored})


def with_state_of(story: Story, items: Sequence[int]) -> SessionRecord:
    """The clean record, its snapshot the state after some items, under the chain of the whole session."""
    return structs.replace(story.record, snapshot=Snapshot(story.record.log[-1].chain, story.model.replay(None, items)))


def retold(story: Story, events: Sequence[SentEvent]) -> Verdict:
    """Judge the clean calls with a store that has other events."""
    return judged(story, record=record_of(story.model, events), seen=seen_of(events))


def rechained(log: Sequence[LogEntry], chain: bytes) -> tuple[LogEntry, ...]:
    """The entries under chain values that hold from a value on."""
    found: list[LogEntry] = []
    for entry in log:
        chain = next_chain(chain, entry.tag, entry.item_id.encode())
        found.append(entry._replace(chain=chain))
    return tuple(found)


def late_call(story: Story, *, status: str, at: float, occurred_at: int = HOUR_AGO) -> Call:
    """A call with one more event, older than the window, that was stored without a change to the session."""
    event = SentEvent("late", story.events[0].item_id, occurred_at)
    return replace(story.calls[-1], events=(event,), started=at, ended=at + 0.5, statuses=(status,))


def test_a_clean_session_passes_with_everything_checked(long_story: Story) -> None:
    verdict = judged(long_story)
    assert (verdict.lost, verdict.doubled, verdict.corrupted, verdict.findings) == (0, 0, 0, [])
    assert (verdict.acknowledged, verdict.answers_checked, verdict.answers_beyond) == (LONG, LONG, TRIMMED)
    assert (verdict.beyond_window, verdict.snapshots_checked) == (1, 1)


@pytest.mark.parametrize("start", [1, TRIMMED // 2, TRIMMED], ids=["rebuilt early", "rebuilt half-way", "just rebuilt"])
def test_a_state_that_was_rebuilt_from_a_window_passes(long_story: Story, start: int) -> None:
    # GIVEN a session whose snapshot was lost once: rebuilt from the window then, and stepped on from there
    verdict = judged(long_story, record=with_state_of(long_story, long_story.items[start:]))
    assert (verdict.snapshots_checked, verdict.corrupted, verdict.findings) == (1, 0, [])


def test_an_answer_from_a_rebuilt_window_passes(long_story: Story) -> None:
    log = long_story.items[-WINDOW:]
    ranked = long_story.model.top(long_story.model.replay(None, log), (), LIMIT, log)
    top = tuple((long_story.model.vocabulary.item_id(one.index), one.score) for one in ranked)
    assert judged(long_story, [*long_story.calls[:-1], replace(long_story.calls[-1], top=top)]).corrupted == 0


@pytest.mark.parametrize("missing", [0, TRIMMED // 2, TRIMMED - 1, TRIMMED, LONG - 1])
def test_a_lost_event_is_found_wherever_it_was(long_story: Story, missing: int) -> None:
    verdict = retold(long_story, long_story.events[:missing] + long_story.events[missing + 1 :])
    assert (verdict.lost, verdict.unexcused) == (1, 1)


@pytest.mark.parametrize("missing", [0, TRIMMED - 1])
def test_a_forgotten_tag_is_found(long_story: Story, missing: int) -> None:
    # GIVEN a store that would not recognise a trimmed event: it counts it, but no longer knows its tag
    seen = seen_of(long_story.events)
    verdict = judged(long_story, seen=seen[: missing * TAG_BYTES] + seen[(missing + 1) * TAG_BYTES :])
    assert (verdict.unexcused, verdict.corrupted) == (1, 1)


def test_a_trimmed_event_that_was_applied_again_is_found(long_story: Story) -> None:
    # GIVEN a retry of a trimmed event that was not recognised, so that the session has it twice
    again = replace(
        long_story.calls[-1], events=(long_story.events[3],), started=LATER, ended=LATER, session_length=LONG + 1
    )
    events = [*long_story.events, long_story.events[3]]
    verdict = judged(long_story, [*long_story.calls, again], record_of(long_story.model, events), seen_of(events))
    assert verdict.doubled >= 1


def test_a_retry_of_a_trimmed_event_that_was_called_new_is_found(long_story: Story) -> None:
    again = replace(long_story.calls[3], started=LATER, ended=LATER, session_length=LONG)
    assert judged(long_story, [*long_story.calls, again]).doubled == 1


def test_a_recognised_duplicate_of_a_trimmed_event_is_no_fault(long_story: Story) -> None:
    again = replace(
        long_story.calls[-1], events=(long_story.events[3],), started=LATER, ended=LATER, statuses=("duplicate",)
    )
    verdict = judged(long_story, [*long_story.calls, again])
    assert (verdict.doubled, verdict.lost, verdict.findings) == (0, 0, [])


def test_a_log_shorter_than_its_window_is_found(long_story: Story) -> None:
    # GIVEN a log that was trimmed by one event too many, which is among the trimmed
    record = structs.replace(long_story.record, log=long_story.record.log[1:])
    seen = seen_of(long_story.events) + long_story.record.log[0].tag
    assert judged(long_story, record=record, seen=seen).corrupted == 1


def test_a_trimmed_event_that_nobody_sent_is_found(long_story: Story) -> None:
    seen = seen_of(long_story.events)
    assert judged(long_story, seen=event_tag("of another session") + seen[TAG_BYTES:]).corrupted == 1


def test_a_log_that_does_not_continue_what_was_trimmed_is_found(long_story: Story) -> None:
    # GIVEN a log whose chain holds within itself, but not from the trimmed events on
    log = rechained(long_story.record.log, b"")
    snapshot = Snapshot(log[-1].chain, long_story.model.replay(None, long_story.items))
    assert judged(long_story, record=structs.replace(long_story.record, log=log, snapshot=snapshot)).corrupted == 1


def test_a_newer_event_trimmed_before_an_older_one_is_found(long_story: Story) -> None:
    # GIVEN a store in which the last trimmed event and the log's first have changed places, under a chain that holds
    events = list(long_story.events)
    events[TRIMMED - 1 : TRIMMED + 1] = events[TRIMMED], events[TRIMMED - 1]
    assert retold(long_story, events).corrupted == 1


def test_a_trimmed_event_newer_than_the_log_is_found(long_story: Story) -> None:
    # GIVEN a trimmed event that said when it occurred: after all that is in the log
    wrong = replace(long_story.events[2], occurred_at=LONG * 2)
    calls = [*long_story.calls[:2], replace(long_story.calls[2], events=(wrong,)), *long_story.calls[3:]]
    assert judged(long_story, calls).corrupted == 1


@pytest.mark.parametrize("steps", [1, 2, 3], ids="the newest {} only".format)
def test_a_state_that_remembers_less_than_a_window_is_found(long_story: Story, steps: int) -> None:
    assert judged(long_story, record=with_state_of(long_story, long_story.items[-steps:])).corrupted == 1


def test_a_state_that_stepped_an_event_twice_is_found(long_story: Story) -> None:
    twice = [*long_story.items, long_story.items[-1]]
    assert judged(long_story, record=with_state_of(long_story, twice)).corrupted == 1


def test_a_state_off_by_two_percent_is_found(long_story: Story) -> None:
    clean = long_story.record.snapshot
    assert clean is not None
    spoiled = structs.replace(clean, hidden=clean.hidden * np.float32(1.02))
    assert judged(long_story, record=structs.replace(long_story.record, snapshot=spoiled)).corrupted == 1


@pytest.mark.parametrize("stale", [TRIMMED, WINDOW, LONG - 1])
def test_an_answer_from_an_older_state_is_found(long_story: Story, stale: int) -> None:
    calls = list(long_story.calls)
    calls[stale] = replace(calls[stale], top=calls[stale - 1].top)
    assert judged(long_story, calls).corrupted == 1


def test_an_event_older_than_a_full_window_changes_nothing_however_often(long_story: Story) -> None:
    # GIVEN such an event, acknowledged as late, and again when it was sent again: the session never has it
    calls = [*long_story.calls, *(late_call(long_story, status="late", at=at) for at in (LATER, LATER + 1))]

    # WHEN it is judged THEN nothing is wrong
    verdict = judged(long_story, calls)
    assert (verdict.lost, verdict.doubled, verdict.corrupted, verdict.findings) == (0, 0, 0, [])


@pytest.mark.parametrize(("status", "occurred_at"), [("applied", HOUR_AGO), ("late", LONG)])
def test_an_event_that_belongs_into_the_log_is_lost_without_it(
    long_story: Story, status: str, occurred_at: int
) -> None:
    # GIVEN one that was not late, or is newer than the log's first
    call = late_call(long_story, status=status, at=LATER, occurred_at=occurred_at)
    assert judged(long_story, [*long_story.calls, call]).unexcused == 1


def test_what_may_have_led_to_a_state_is_all_there_was_or_began_with_a_whole_window() -> None:
    # GIVEN three events more than a window WHEN it is asked what a state after them may come of
    items = [f"item {number}" for number in range(WINDOW + 3)]

    # THEN it is all of them, or those from any event on that has a window after it
    assert [len(known) for known in replays(items)] == [WINDOW + 3, WINDOW, WINDOW + 1, WINDOW + 2]
    assert all(known == items[-len(known) :] for known in replays(items))

    # AND what begins with an event that nobody knows any more cannot be replayed
    assert [len(known) for known in replays([None, None, *items[2:]])] == [WINDOW, WINDOW + 1]
    assert [len(known) for known in replays(items[:WINDOW])] == [WINDOW]
