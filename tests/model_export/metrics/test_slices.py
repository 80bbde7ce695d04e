"""Slices of the targets, and the exposure of items."""

import numpy as np
import pytest
from hypothesis import given, settings

from model_export.data.sessions import Sessions
from model_export.metrics.exposure import exposure, gini
from model_export.metrics.protocol import target_events
from model_export.metrics.slices import days, sessions_of_targets, slices
from tests.model_export.handmade import handmade
from tests.model_export.random_sessions import DAY, calendars


def rows_by_slice(test: Sessions, train: Sessions | None = None) -> dict[str, dict[str, list[int]]]:
    """Rows of the targets in each slice, by property and name."""
    rows = test.rows[target_events(test)]
    by: dict[str, dict[str, list[int]]] = {}
    for part in slices(test, train):
        by.setdefault(part.by, {})[part.name] = rows[part.targets].tolist()
    return by


def one_session(codes: list[int], times: list[float]) -> Sessions:
    return Sessions.from_events(
        catalogue=["a", "b"][: max(codes) + 1],
        ids=["s"],
        owners=np.zeros(len(codes), dtype=np.int64),
        codes=np.array(codes, dtype=np.int32),
        times=np.array(times),
        rows=np.arange(1, len(codes) + 1),
    )


def test_slices_by_place_and_repeat() -> None:
    # rows 1 to 12, in which a and b repeat, and rows 13 and 14
    by = rows_by_slice(handmade("a b c a d e f g h i j b", "a c"))
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


def test_days_are_those_of_the_targets_in_their_order() -> None:
    # GIVEN a session over midnight of two days, and nothing on the day between
    noon = 18_000 * DAY + DAY / 2
    test = one_session([0, 1, 0, 1], [noon, noon + 1, noon + 2 * DAY, noon + 2 * DAY + 1])
    # THEN each target counts on its own day
    assert [(part.by, part.name, part.targets.tolist()) for part in days(test)] == [
        ("UTC day", "2019-04-14", [True, False, False]),
        ("UTC day", "2019-04-16", [False, True, True]),
    ]
    # AND a running index has no days
    assert days(one_session([0, 1, 0], [1.0, 2.0, 3.0])) == []


def test_targets_are_sliced_by_their_type() -> None:
    # rows 1 to 7: the cart of b at hand is no target, that of a is one
    assert rows_by_slice(handmade("a b b:cart a:cart c:purchase", "c a"))["type of the target"] == {
        "view": [2, 7],
        "cart": [4],
        "purchase": [5],
    }
    assert "type of the target" not in rows_by_slice(handmade("a b", "c a"))


def test_popularity_slices_are_thirds_of_the_training_events() -> None:
    # 12 events: a four times, b and c twice each, d to g once each
    train = handmade("a a a a", "b b c c", "d e f g")
    test = handmade("a a b c d e f g").recoded(train.catalogue)
    assert rows_by_slice(test, train)["popularity of the target"] == {
        "head": [2],
        "mid": [3, 4],
        "tail": [5, 6, 7, 8],
    }


def test_slices_by_recency_in_train() -> None:
    # a was last seen eight days before the end of train
    train = one_session([0, 0, 1, 1], [18_000 * DAY + seconds for seconds in (0, 1, 8 * DAY, 8 * DAY + 1)])
    test = handmade("a a b").recoded(train.catalogue)
    assert rows_by_slice(test, train)["the target in train"] == {"last 7 days": [3], "earlier only": [2]}


def test_slices_by_hour_need_a_calendar() -> None:
    midnight = 18_000 * DAY
    test = one_session([0] * 4, [midnight, midnight + 6 * 3600 - 1, midnight + 6 * 3600, midnight + 23 * 3600])
    assert rows_by_slice(test)["time of day"] == {"00-06 UTC": [2], "06-12 UTC": [3], "18-24 UTC": [4]}
    assert set(rows_by_slice(handmade("a b a a", start=0))) == {"events before the target", "the target in its session"}


def test_a_property_with_one_value_gives_no_slice() -> None:
    assert rows_by_slice(handmade("a b", "b a")) == {}


@settings(deadline=None)
@given(sessions=calendars())
@pytest.mark.slow
def test_slices_partition_the_targets(sessions: Sessions) -> None:
    test = sessions.recoded(sessions.catalogue)
    targets = len(test.codes) - len(test)
    parts = slices(test, sessions)
    for by in {part.by for part in parts}:
        assert np.sum([part.targets for part in parts if part.by == by], axis=0).tolist() == [1] * targets
    assert np.bincount(sessions_of_targets(test), minlength=len(test)).tolist() == (test.lengths - 1).tolist()


def test_exposure_by_hand() -> None:
    # four items of 1, 2, 2 and 5 training events; the first was shown once, the last three times
    result = exposure(np.array([1, 0, 0, 3]), np.array([1, 2, 2, 5]))
    assert result.popularity == (1 + 3 * 5) / 4
    assert result.percentile == 3 / 4
    # two items of equal popularity share the middle of their percentiles
    assert exposure(np.array([0, 1, 0, 0]), np.array([1, 2, 2, 5])).percentile == 1.5 / 3


@pytest.mark.parametrize(("counts", "value"), [([3, 3, 3], 0.0), ([0, 0, 0, 4], 0.75), ([1, 3], 0.25), ([5], 0.0)])
def test_gini_by_hand(counts: list[int], value: float) -> None:
    assert gini(np.array(counts)) == pytest.approx(value)
