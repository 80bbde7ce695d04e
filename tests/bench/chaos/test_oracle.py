"""The oracle accepts a session without faults and finds each kind of fault."""

from dataclasses import replace

import pytest
from msgspec import structs

from bench.chaos.journal import Call
from bench.chaos.oracle import Oracle, StoredSession, Verdict
from nextitem.sessions.codec import event_tag
from nextitem.sessions.session import SessionRecord
from tests.bench.chaos.example_session import HASH_KEY, LENGTH, SESSION, Example, call_at, record_of

LATER = 3_600.0


def check(session: Example, calls: list[Call], record: SessionRecord | None, until: float | None = None) -> Verdict:
    return Oracle(session.model, until).check(calls, {SESSION: StoredSession(record)})


def test_a_session_without_faults_passes(session: Example) -> None:
    verdict = check(session, session.calls, session.record)
    assert (verdict.lost, verdict.doubled, verdict.corrupted, verdict.findings) == (0, 0, 0, [])
    assert (verdict.acknowledged, verdict.answers_checked, verdict.snapshots_checked) == (LENGTH, LENGTH, 1)


def test_a_retry_after_a_lost_answer_is_no_fault(session: Example) -> None:
    # A call that was stored although its answer says that it was not
    calls = list(session.calls)
    calls[2] = replace(call_at(session.model, session.events[2:], 0, at=2), stored=False, served_by="stateless")
    again = replace(calls[5], events=(session.events[2],), started=6.0, ended=6.5, statuses=("duplicate",))

    verdict = check(session, [*calls, again], session.record)
    assert (verdict.acknowledged, verdict.lost, verdict.findings) == (LENGTH, 0, [])


@pytest.mark.parametrize("missing", range(LENGTH))
def test_a_lost_event_is_found(session: Example, missing: int) -> None:
    record = record_of(session.model, session.events[:missing] + session.events[missing + 1 :])
    verdict = check(session, session.calls, record)
    assert (verdict.lost, verdict.unexplained) == (1, 1)


def test_a_lost_session_is_found(session: Example) -> None:
    assert check(session, session.calls, None).unexplained == LENGTH


def test_losses_before_the_end_of_a_fault_are_explained(session: Example) -> None:
    # A fault that emptied the store between the third and the fourth call, and one more lost event after it
    after = [call_at(session.model, session.events[3:], place, at=place + 3) for place in range(LENGTH - 3)]

    verdict = check(session, [*session.calls[:3], *after], record_of(session.model, session.events[3:5]), until=2.9)
    assert (verdict.lost, verdict.unexplained) == (4, 1)


def test_an_event_twice_in_the_log_is_found(session: Example) -> None:
    assert check(session, session.calls, record_of(session.model, [*session.events, session.events[3]])).doubled == 1


def test_a_session_longer_than_its_events_is_found(session: Example) -> None:
    assert check(session, session.calls, structs.replace(session.record, length=LENGTH + 1)).doubled == 1


def test_an_answer_that_counted_an_event_twice_is_found(session: Example) -> None:
    wrong = replace(session.calls[-1], session_length=LENGTH + 1)
    assert check(session, [*session.calls[:-1], wrong], session.record).doubled == 1


def test_a_retry_that_was_applied_again_is_found(session: Example) -> None:
    again = replace(session.calls[-1], started=LATER, ended=LATER)
    assert check(session, [*session.calls, again], session.record).doubled == 1


def test_a_tag_both_trimmed_and_in_the_log_is_found(session: Example) -> None:
    stored = StoredSession(session.record, event_tag(HASH_KEY, session.events[0].event_id))
    assert Oracle(session.model, None).check(session.calls, {SESSION: stored}).doubled == 1


def test_a_broken_chain_is_found(session: Example) -> None:
    log = list(session.record.log)
    log[2] = log[2]._replace(chain=b"0" * 16)
    assert check(session, session.calls, structs.replace(session.record, log=tuple(log))).corrupted == 1


def test_an_event_with_another_item_is_found(session: Example) -> None:
    spoiled = list(session.events)
    spoiled[3] = replace(spoiled[3], item_id=spoiled[0].item_id)
    assert check(session, session.calls, record_of(session.model, spoiled)).corrupted == 1


def test_an_event_with_another_type_is_found(session: Example) -> None:
    spoiled = list(session.events)
    spoiled[3] = replace(spoiled[3], type="cart")
    assert check(session, session.calls, record_of(session.model, spoiled)).corrupted == 1


def test_an_event_that_was_never_sent_is_found(session: Example) -> None:
    strange = list(session.events)
    strange[3] = replace(strange[3], event_id="of another session")
    assert check(session, session.calls, record_of(session.model, strange)).corrupted == 1


def test_events_out_of_the_order_of_their_acknowledgements_are_found(session: Example) -> None:
    swapped = [session.events[1], session.events[0], *session.events[2:]]
    assert check(session, session.calls, record_of(session.model, swapped)).corrupted == 1


@pytest.mark.parametrize("stale", range(1, LENGTH))
def test_an_answer_from_an_older_state_is_found(session: Example, stale: int) -> None:
    calls = list(session.calls)
    calls[stale] = replace(calls[stale], top=calls[stale - 1].top)
    assert check(session, calls, session.record).corrupted == 1


def test_a_stateless_answer_must_rank_like_its_own_event(session: Example) -> None:
    own = call_at(session.model, session.events[5:], 0, at=5)
    right = replace(session.calls[5], served_by="stateless", stored=False, top=own.top)
    wrong = replace(right, top=session.calls[5].top)
    record = record_of(session.model, session.events[:5])
    assert check(session, [*session.calls[:5], right], record).corrupted == 0
    assert check(session, [*session.calls[:5], wrong], record).corrupted == 1


def test_near_ties_may_change_places(session: Example) -> None:
    top = list(session.calls[-1].top)
    near = min(range(len(top) - 1), key=lambda place: top[place][1] - top[place + 1][1])
    (first, high), (second, low) = top[near : near + 2]
    top[near : near + 2] = [(second, high), (first, low)]
    assert (
        check(session, [*session.calls[:-1], replace(session.calls[-1], top=tuple(top))], session.record).corrupted == 0
    )


def test_each_session_is_checked_with_its_own_calls(session: Example) -> None:
    other = [replace(call, session_id="other") for call in session.calls]
    assert check(session, [*session.calls, *other], session.record).lost == LENGTH


def test_a_second_check_finds_the_same(session: Example) -> None:
    oracle = Oracle(session.model, None)
    first = oracle.check(session.calls, {SESSION: StoredSession(session.record)})

    # the second check uses cached replays
    assert oracle.check(session.calls, {SESSION: StoredSession(session.record)}) == first
