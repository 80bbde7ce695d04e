"""Slices of the targets, and what is shown of the catalogue."""

import numpy as np
import pytest
from hypothesis import given, settings

from model_export.data.sessions import Sessions
from model_export.metrics.exposure import exposure, gini
from model_export.metrics.protocol import target_events
from model_export.metrics.slices import owners_of, slices
from tests.model_export.handmade import handmade
from tests.model_export.random_sessions import DAY, calendars


def found(test: Sessions, train: Sessions | None = None) -> dict[str, dict[str, list[int]]]:
    """Rows of the targets of each slice, by what tells it apart."""
    rows = test.rows[target_events(test)]
    by: dict[str, dict[str, list[int]]] = {}
    for one in slices(test, train):
        by.setdefault(one.by, {})[one.name] = rows[one.within].tolist()
    return by


def test_targets_are_told_apart_by_place_and_novelty() -> None:
    # GIVEN a session of twelve events in rows 1 to 12, in which a and b come back, and one of two in rows 13 and 14
    test = handmade("a b c a d e f g h i j b", "a c")
    # WHEN they are sliced THEN places count the events before, and what was in the session before is told
    by = found(test)
    assert by["events before the target"] == {
        "1": [2, 14],
        "2": [3],
        "3 to 4": [4, 5],
        "5 to 9": [6, 7, 8, 9, 10],
        "10 or more": [11, 12],
    }
    assert by["the target in its session"] == {
        "new": [2, 3, 5, 6, 7, 8, 9, 10, 11, 14],
        "seen before": [4, 12],
    }


def test_thirds_of_popularity_are_of_events() -> None:
    # GIVEN train events: a four times, b and c twice each, d to g once each; 12 in all
    train = handmade("a a a a", "b b c c", "d e f g")
    # WHEN each is a target once THEN a makes up the first third, b and c the second
    test = handmade("a a b c d e f g").recoded(train.catalogue)
    assert found(test, train)["popularity of the target"] == {"head": [2], "mid": [3, 4], "tail": [5, 6, 7, 8]}


def test_items_not_seen_lately_are_told() -> None:
    # GIVEN train sessions in which a was last seen eight days before the end, and b at the end
    train = Sessions.from_events(
        catalogue=["a", "b"],
        ids=["s", "t"],
        owners=np.array([0, 0, 1, 1]),
        codes=np.array([0, 0, 1, 1], dtype=np.int32),
        times=18_000.0 * DAY + np.array([0, 1, 8 * DAY, 8 * DAY + 1]),
        rows=np.arange(1, 5),
    )
    # WHEN both are targets THEN they are told apart
    test = handmade("a a b").recoded(train.catalogue)
    assert found(test, train)["the target in train"] == {"last 7 days": [3], "earlier only": [2]}


def test_hours_are_told_where_there_is_a_calendar() -> None:
    # GIVEN targets at 05:59:59, 06:00:00 and 23:00:00 UTC
    midnight = 18_000 * DAY
    times = [midnight, midnight + 6 * 3600 - 1, midnight + 6 * 3600, midnight + 23 * 3600]
    test = Sessions.from_events(
        catalogue=["a"],
        ids=["s"],
        owners=np.zeros(4, dtype=np.int64),
        codes=np.zeros(4, dtype=np.int32),
        times=np.array(times, dtype=np.float64),
        rows=np.arange(1, 5),
    )
    # WHEN they are sliced, by the calendar or a mere order THEN hours are told, or left out
    assert found(test)["time of day"] == {"00-06 UTC": [2], "06-12 UTC": [3], "18-24 UTC": [4]}
    assert set(found(handmade("a b a a", start=0))) == {"events before the target", "the target in its session"}


def test_a_part_that_is_the_whole_is_no_slice() -> None:
    # GIVEN sessions of two events, none of which repeats an item WHEN they are sliced THEN nothing is told apart
    assert found(handmade("a b", "b a")) == {}


@settings(deadline=None)
@given(sessions=calendars())
def test_the_parts_make_up_the_whole(sessions: Sessions) -> None:
    # GIVEN any sessions of which something is left to be judged
    test = sessions.recoded(sessions.catalogue)
    targets = len(test.codes) - len(test)
    # WHEN they are sliced THEN each target is in one part of each kind, and its owner is its session
    for by in {one.by for one in slices(test, sessions)}:
        parts = [one.within for one in slices(test, sessions) if one.by == by]
        assert np.sum(parts, axis=0).tolist() == [1] * targets
    assert np.bincount(owners_of(test), minlength=len(test)).tolist() == (test.lengths - 1).tolist()


def test_exposure_by_hand() -> None:
    # GIVEN four items of 1, 2, 2 and 5 training events; the last was shown three times, the first once
    one = exposure(np.array([1, 0, 0, 3]), np.array([1, 2, 2, 5]))
    # THEN the means are over what was shown, and the first is below all, the last above
    assert one.popularity == (1 + 3 * 5) / 4
    assert one.percentile == 3 / 4
    # AND an item of the same popularity as another stands in the middle of the two
    assert exposure(np.array([0, 1, 0, 0]), np.array([1, 2, 2, 5])).percentile == 1.5 / 3


@pytest.mark.parametrize(("counts", "value"), [([3, 3, 3], 0.0), ([0, 0, 0, 4], 0.75), ([1, 3], 0.25), ([5], 0.0)])
def test_gini_by_hand(counts: list[int], value: float) -> None:
    assert gini(np.array(counts)) == pytest.approx(value)
