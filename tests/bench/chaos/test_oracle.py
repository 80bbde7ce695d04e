"""The oracle of the chaos suite, on made-up sessions: a clean one passes, and each way to spoil one is found."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from bench.chaos.journal import Call
from bench.chaos.oracle import Oracle, StoredSession, Verdict
from nextitem.sessions.codec import event_tag
from nextitem.sessions.session import SessionRecord, Snapshot
from tests.bench.chaos.made_session import LENGTH, SESSION, Story, call_at, record_of

LATER = 3_600.0


def judged(story: Story, calls: list[Call], record: SessionRecord | None, until: float | None = None) -> Verdict:
    return Oracle(story.model, until).judge(calls, {SESSION: StoredSession(record)})


def test_a_clean_session_passes_with_everything_checked(story: Story) -> None:
    verdict = judged(story, story.calls, story.record)
    assert (verdict.lost, verdict.doubled, verdict.corrupted, verdict.findings) == (0, 0, 0, [])
    assert (verdict.acknowledged, verdict.answers_checked, verdict.snapshots_checked) == (LENGTH, LENGTH, 1)


def test_an_event_that_came_in_unheard_and_was_sent_again_is_no_fault(story: Story) -> None:
    # GIVEN a call whose append was carried out, though its client was told that it was not
    calls = list(story.calls)
    calls[2] = replace(call_at(story.model, story.events[2:], 0, at=2), stored=False, served_by="stateless")
    again = replace(calls[5], events=(story.events[2],), started=6.0, ended=6.5, statuses=("duplicate",))

    # WHEN it is judged THEN nothing is wrong
    verdict = judged(story, [*calls, again], story.record)
    assert (verdict.acknowledged, verdict.lost, verdict.findings) == (LENGTH, 0, [])


@pytest.mark.parametrize("missing", range(LENGTH))
def test_a_lost_event_is_found(story: Story, missing: int) -> None:
    record = record_of(story.model, story.events[:missing] + story.events[missing + 1 :])
    verdict = judged(story, story.calls, record)
    assert (verdict.lost, verdict.unexcused) == (1, 1)


def test_a_lost_session_is_found(story: Story) -> None:
    assert judged(story, story.calls, None).unexcused == LENGTH


def test_what_a_fault_destroyed_is_excused_and_nothing_after_it(story: Story) -> None:
    # GIVEN a fault that emptied the store between the third and the fourth call, and one more event lost after it
    after = [call_at(story.model, story.events[3:], place, at=place + 3) for place in range(LENGTH - 3)]

    # WHEN it is judged THEN all four are lost, and one of them should not be
    verdict = judged(story, [*story.calls[:3], *after], record_of(story.model, story.events[3:5]), until=2.9)
    assert (verdict.lost, verdict.unexcused) == (4, 1)


def test_an_event_twice_in_the_log_is_found(story: Story) -> None:
    assert judged(story, story.calls, record_of(story.model, [*story.events, story.events[3]])).doubled == 1


def test_a_session_longer_than_its_events_is_found(story: Story) -> None:
    assert judged(story, story.calls, structs.replace(story.record, length=LENGTH + 1)).doubled == 1


def test_an_answer_that_counted_an_event_twice_is_found(story: Story) -> None:
    wrong = replace(story.calls[-1], session_length=LENGTH + 1)
    assert judged(story, [*story.calls[:-1], wrong], story.record).doubled == 1


def test_a_retry_that_was_applied_again_is_found(story: Story) -> None:
    again = replace(story.calls[-1], started=LATER, ended=LATER)
    assert judged(story, [*story.calls, again], story.record).doubled == 1


def test_a_tag_both_trimmed_and_in_the_log_is_found(story: Story) -> None:
    stored = StoredSession(story.record, event_tag(story.events[0].event_id))
    assert Oracle(story.model, None).judge(story.calls, {SESSION: stored}).doubled == 1


def test_a_hidden_state_that_stepped_an_event_twice_is_found(story: Story) -> None:
    # GIVEN a snapshot that stepped the last event twice, under the chain of the clean log
    twice = [*story.items, story.items[-1]]
    snapshot = Snapshot(story.record.log[-1].chain, story.model.replay(None, twice))
    assert judged(story, story.calls, structs.replace(story.record, snapshot=snapshot)).corrupted == 1


def test_a_hidden_state_off_by_two_percent_is_found(story: Story) -> None:
    clean = story.record.snapshot
    assert clean is not None
    spoiled = structs.replace(clean, hidden=clean.hidden * np.float32(1.02))
    assert judged(story, story.calls, structs.replace(story.record, snapshot=spoiled)).corrupted == 1


def test_a_broken_chain_is_found(story: Story) -> None:
    log = list(story.record.log)
    log[2] = log[2]._replace(chain=b"0" * 16)
    assert judged(story, story.calls, structs.replace(story.record, log=tuple(log))).corrupted == 1


def test_an_event_with_another_item_is_found(story: Story) -> None:
    spoiled = list(story.events)
    spoiled[3] = replace(spoiled[3], item_id=spoiled[0].item_id)
    assert judged(story, story.calls, record_of(story.model, spoiled)).corrupted == 1


def test_an_event_that_nobody_sent_is_found(story: Story) -> None:
    strange = list(story.events)
    strange[3] = replace(strange[3], event_id="of another session")
    assert judged(story, story.calls, record_of(story.model, strange)).corrupted == 1


def test_events_out_of_the_order_of_their_acknowledgements_are_found(story: Story) -> None:
    swapped = [story.events[1], story.events[0], *story.events[2:]]
    assert judged(story, story.calls, record_of(story.model, swapped)).corrupted == 1


@pytest.mark.parametrize("stale", range(1, LENGTH))
def test_an_answer_from_an_older_state_is_found(story: Story, stale: int) -> None:
    # GIVEN an answer that ranks as the one before it did: an update was lost on the way to it
    calls = list(story.calls)
    calls[stale] = replace(calls[stale], top=calls[stale - 1].top)
    assert judged(story, calls, story.record).corrupted == 1


def test_a_stateless_answer_from_anything_but_its_own_event_is_found(story: Story) -> None:
    # GIVEN an answer that was given without the store, first from its own event, then from the whole session
    own = call_at(story.model, story.events[5:], 0, at=5)
    fitting, wrong = (
        replace(story.calls[5], served_by="stateless", stored=False, top=top) for top in (own.top, story.calls[5].top)
    )
    record = record_of(story.model, story.events[:5])
    assert judged(story, [*story.calls[:5], fitting], record).corrupted == 0
    assert judged(story, [*story.calls[:5], wrong], record).corrupted == 1


def test_near_ties_may_change_places(story: Story) -> None:
    # GIVEN an answer in which the two nearest neighbours have changed places
    top = list(story.calls[-1].top)
    near = min(range(len(top) - 1), key=lambda place: top[place][1] - top[place + 1][1])
    (first, high), (second, low) = top[near : near + 2]
    top[near : near + 2] = [(second, high), (first, low)]
    assert judged(story, [*story.calls[:-1], replace(story.calls[-1], top=tuple(top))], story.record).corrupted == 0


def test_a_session_of_another_name_is_judged_by_its_own_calls(story: Story) -> None:
    # GIVEN two sessions with the same events, of which the store has one
    other = [replace(call, session_id="other") for call in story.calls]
    assert judged(story, [*story.calls, *other], story.record).lost == LENGTH


def test_judging_again_finds_the_same(story: Story) -> None:
    # GIVEN an oracle that has judged a session, so that it remembers replays
    oracle = Oracle(story.model, None)
    first = oracle.judge(story.calls, {SESSION: StoredSession(story.record)})

    # WHEN it judges it once more THEN it finds the same
    assert oracle.judge(story.calls, {SESSION: StoredSession(story.record)}) == first
