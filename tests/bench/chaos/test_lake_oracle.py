"""The oracle of the lake accepts what may happen, and finds each planted fault."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bench.chaos.journal import Call, Deletion, SentEvent
from bench.chaos.lake_oracle import LakeContents, LakeOracle, LakeRow, LakeVerdict
from devstack.stack import KEY_SECRET
from nextitem.sessions.codec import event_tag
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import SessionName, session_key

WALL = 1_000_000.0
SESSION, OTHER, STRANGER = "session", "other", "of no session here"
EVENTS = [SentEvent(f"e{number}", f"item {number}") for number in range(4)]
LATER = 100.0


def tag(event: SentEvent, session_id: str = SESSION) -> str:
    return event_tag(session_key(KEY_SECRET.encode(), session_id).hash_key, event.event_id).hex()


def call(event: SentEvent, at: float, session_id: str = SESSION, **changes: Any) -> Call:
    acknowledged = Call(session_id, (event,), at, at + 0.5, 200, "session", stored=True, statuses=("applied",))
    return replace(acknowledged, **changes)


def row(event: SentEvent, at: float, session_id: str = SESSION, number: int = 0) -> LakeRow:
    arrived = int((at + 0.2 + WALL) * 1000)
    name = SessionName(session_id).pseudonym(KeySecret(KEY_SECRET.encode()).lake_key)
    return LakeRow(
        name, tag(event, session_id), event.item_id, event.type, arrived, arrived, f"{arrived}-{number}", False
    )


CALLS = [
    *(call(event, at) for at, event in enumerate(EVENTS)),
    *(call(event, at, OTHER) for at, event in enumerate(EVENTS)),
]
MINE = [row(event, at) for at, event in enumerate(EVENTS)]
OTHERS = [row(event, at, OTHER) for at, event in enumerate(EVENTS)]
ROWS = [*MINE, *OTHERS]
LOGS = {name: [tag(event, name) for event in EVENTS] for name in (SESSION, OTHER)}
DELETED = Deletion(SESSION, 10.0, 10.5, 204)
LOST_ANSWER = call(EVENTS[3], 3.0, stored=False, served_by="stateless", statuses=("not_stored",))


def check(
    rows: Sequence[LakeRow] = ROWS,
    *,
    calls: Sequence[Call] = CALLS,
    deletions: Sequence[Deletion] = (),
    compacted: Sequence[LakeRow] | None = None,
    lost: int = 0,
    until: float | None = None,
    logs: dict[str, list[str]] | None = None,
) -> LakeVerdict:
    contents = LakeContents(rows, rows if compacted is None else compacted, lost)
    return LakeOracle(WALL, until).check(calls, deletions, LOGS if logs is None else logs, contents)


def test_a_lake_with_each_event_once_passes() -> None:
    assert check() == LakeVerdict(events=len(ROWS))


def test_a_missing_event_is_found_unless_it_is_counted_as_lost_or_was_destroyed() -> None:
    without = [row for row in ROWS if row != MINE[2]]
    assert (check(without).missing, check(without).unexplained) == (1, 1)
    assert check(without, lost=1).passed
    assert check(without, until=LATER).passed
    assert check(without, until=0.1).unexplained == 1


def test_entries_that_are_counted_as_lost_but_are_there_are_found() -> None:
    assert check(lost=1).unexplained == 1
    assert check([row for row in ROWS if row != MINE[2]], lost=2).unexplained == 1


def test_an_event_twice_is_found_unless_its_session_was_lost_before() -> None:
    again = row(EVENTS[1], at=50, number=1)
    assert check([*ROWS, again]).doubled == 1
    assert check([*ROWS, again], until=40.0).doubled == 0
    assert check([*ROWS, again, row(EVENTS[1], at=60)], until=40.0).doubled == 1
    assert check([*ROWS, MINE[1]], until=40.0).doubled == 1  # one entry in two files is the collector's fault


def test_an_event_that_was_not_sent_is_found() -> None:
    strange = SentEvent("never sent", "item")
    assert check([*ROWS, row(strange, 5)], logs={}).unsent == 1
    assert check([*ROWS, row(strange, 5, STRANGER)]).unsent == 1
    # its id is unknown where an answer with an id that the service chose was lost
    nameless = call(SentEvent("", "item"), 5, status=599, stored=False, statuses=())
    assert check([*ROWS, row(strange, 5)], calls=[*CALLS, nameless], logs={}).unsent == 0


def test_an_event_whose_answer_was_lost_may_be_there_or_not() -> None:
    calls = [*CALLS[:3], LOST_ANSWER, *CALLS[4:]]
    there, absent = check(calls=calls), check([*MINE[:3], *OTHERS], calls=calls, logs={})
    assert (there.passed, there.uncertain, absent.passed, absent.uncertain) == (True, 1, True, 0)


def test_an_event_that_was_only_too_old_must_not_be_there_but_may_not_be_missing_otherwise() -> None:
    too_old = replace(CALLS[3], statuses=("too_old",))
    assert check([*MINE[:3], *OTHERS], calls=[*CALLS[:3], too_old, *CALLS[4:]], logs={}).missing == 0
    assert check([*MINE[:3], *OTHERS], calls=[*CALLS, too_old], logs={}).missing == 1


@pytest.mark.parametrize("change", [{"item_id": "another"}, {"type": "cart"}, {"late": True}])
def test_another_content_is_found(change: dict[str, Any]) -> None:
    assert check([MINE[0]._replace(**change), *ROWS[1:]]).spoiled == 1


def test_a_destroyed_server_may_have_taken_for_late_what_another_did_not() -> None:
    assert check([MINE[0]._replace(late=True), *ROWS[1:]], until=0.1).spoiled == 0
    assert check([*MINE[:3], MINE[3]._replace(late=True), *OTHERS], until=0.1).spoiled == 1
    # a repeat is new to the server that has lost the session, and late there
    again = call(EVENTS[0], 50.0, statuses=("late",))
    lateness = (row(EVENTS[0], 50, number=1)._replace(late=late) for late in (True, False))
    found = [check([*ROWS, row_again], calls=[*CALLS, again], until=40.0).spoiled for row_again in lateness]
    assert found == [0, 1]


def test_another_time_than_was_sent_is_found() -> None:
    at = MINE[0].occurred_at
    timed = replace(EVENTS[0], occurred_at=at)
    calls = [call(timed, 0), *CALLS[1:]]
    assert check(calls=calls).passed
    assert check([MINE[0]._replace(occurred_at=at - 1), *ROWS[1:]], calls=calls).spoiled == 1


def test_another_order_than_the_log_s_is_found() -> None:
    swapped = [MINE[1], MINE[0]._replace(occurred_at=MINE[1].occurred_at + 1), *ROWS[2:]]
    assert check(swapped).spoiled == 1
    # entries of one millisecond are ordered by their numbers, not as text
    tenth = MINE[0]._replace(entry=f"{MINE[0].arrived_at}-10")
    second = MINE[1]._replace(
        occurred_at=MINE[0].occurred_at, arrived_at=MINE[0].arrived_at, entry=f"{MINE[0].arrived_at}-9"
    )
    logs = {SESSION: [second.event, tenth.event, MINE[2].event, MINE[3].event]}
    assert check([tenth, second, *ROWS[2:]], logs=logs).passed


def test_a_deleted_session_must_be_gone_and_no_other() -> None:
    gone = check(deletions=[DELETED], compacted=OTHERS)
    assert (gone.passed, gone.deletions) == (True, 1)
    assert check(deletions=[DELETED], compacted=[MINE[3], *OTHERS]).unexplained == 1
    assert check(deletions=[DELETED], compacted=OTHERS[:3]).spoiled == 1
    # a refused DELETE deletes or not; the deletion may be destroyed, but no loss of events explains it
    assert check(deletions=[replace(DELETED, status=503)]).passed
    assert check(deletions=[DELETED], lost=1).unexplained == 2
    assert check(deletions=[DELETED], until=LATER).passed


def test_events_that_come_after_a_deletion_may_stay() -> None:
    after = replace(CALLS[0], started=11, ended=11.5)
    again = row(EVENTS[0], at=11)
    verdict = check([*ROWS, again], calls=[*CALLS, after], deletions=[DELETED], compacted=[again, *OTHERS])
    assert verdict.passed
    # an event that arrived before it may not, nor one that was sent and acknowledged before it
    assert check(calls=[*CALLS, after], deletions=[DELETED], compacted=[MINE[0], *OTHERS]).unexplained == 1
    assert check([*ROWS, again], deletions=[DELETED], compacted=[again, *OTHERS]).unexplained == 1
