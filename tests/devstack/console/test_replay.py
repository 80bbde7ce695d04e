"""A replay steps the model event by event, and reasons name events by their place in the session."""

import numpy as np
import pytest

from devstack.console.replay import explain_answer, replay_steps
from devstack.console.stored_session import StoredEvent, StoredSession, StoredSnapshot
from devstack.publish import demo_artifact
from nextitem.catalogue.served_items import ServedItems
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.service.serving import RoutedModel

ITEMS = ("tea-003", "no-such-item", "teapot-002", "mug-001")
EVENTS = [StoredEvent(item_id, at) for at, item_id in enumerate(ITEMS)]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(open_artifact(demo_artifact()), goldens=1)


def routed(model: Model, *, exclude_seen: bool = True) -> RoutedModel:
    return RoutedModel(model, ServedItems(model.vocabulary, model.manifest.model.hidden), "main", exclude_seen)


def session(*item_ids: str, snapshots: tuple[StoredSnapshot, ...] = ()) -> StoredSession:
    events = tuple(StoredEvent(item_id, at) for at, item_id in enumerate(item_ids))
    return StoredSession(len(events), 60, events, snapshots, None)


def test_each_step_is_the_answer_after_its_events(model: Model) -> None:
    # GIVEN a session, and a snapshot after its third event that is off by a half in one value
    known = model.vocabulary.indices(ITEMS)
    wrong = model.replay(None, known[:2]).copy()
    wrong[0] += 0.5
    snapshots = (StoredSnapshot(model.version, 3, wrong), StoredSnapshot("v0123456789abcdef", 4, wrong))
    # WHEN it is replayed
    steps = replay_steps(routed(model), session(*ITEMS, snapshots=snapshots))
    # THEN the last step ranks as a whole replay does, without the session's items
    ranked = model.top(model.replay(None, known), known, 20, known)
    assert list(steps[-1].top) == [model.vocabulary.item_id(item.index) for item in ranked]
    # AND an unknown item changes nothing
    assert [step.known for step in steps] == [True, False, True, True]
    assert steps[1].top == steps[0].top
    # AND only the snapshot of this version is compared, at its place
    assert [step.snapshot_difference is not None for step in steps] == [False, False, True, False]
    assert np.isclose(steps[2].snapshot_difference or 0.0, 0.5)


def test_items_of_the_session_may_be_kept(model: Model) -> None:
    seen = {"tea-003", "teapot-002"}
    kept = replay_steps(routed(model, exclude_seen=False), session("tea-003", "teapot-002", "tea-003"))

    assert seen & set(kept[-1].top)


def test_a_reason_names_the_place_in_the_whole_session(model: Model) -> None:
    # WHEN an answer to a session with an unknown item is explained
    why = explain_answer(routed(model), EVENTS, 5)
    # THEN places count the unknown item, and the item of a reason stands there
    because = [reason.because for reason in why.reasons if reason.because is not None]
    assert len(because) == 5
    assert {(effect.place, effect.item_id) for effect in because} <= {(1, ITEMS[0]), (3, ITEMS[2]), (4, ITEMS[3])}
    # AND the event that moved most is the one with the largest sum of changes
    assert why.moved_most is not None
    assert why.moved_most.effect > 0
    assert ITEMS[why.moved_most.place - 1] == why.moved_most.item_id
    assert why.moved_most.effect >= max(abs(effect.effect) for effect in because)


def test_a_single_event_needs_no_reason(model: Model) -> None:
    why = explain_answer(routed(model), EVENTS[:1], 5)

    assert [reason.because for reason in why.reasons] == [None] * 5
    assert why.moved_most is None
