"""The order of events of one time: no order of the file, and no order of the items."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from model_export.data.ingestion.reader import read_sessions
from tests.model_export.data.ingestion.preparing import Row, write_csv
from tests.model_export.handmade import items_of

ITEMS = 40


def noise(sessions: int, seconds: int) -> list[Row]:
    """Sessions of four different random items in each of some seconds, sorted by item."""
    generator = np.random.default_rng(11)
    return [
        (f"s{session}", f"{item:02}", second)
        for session in range(sessions)
        for second in range(seconds)
        for item in sorted(generator.choice(ITEMS, size=4, replace=False).tolist())
    ]


@pytest.mark.slow
def test_items_of_one_time_have_no_order_to_learn(tmp_path: Path) -> None:
    # GIVEN pure noise in a file that is sorted by item
    sessions = items_of(read_sessions(write_csv(tmp_path / "e.csv", noise(1500, 1))))
    # WHEN the items before and after one another are compared
    pairs = [(before, after) for items in sessions for before, after in pairwise(items)]
    # THEN half of them ascend, where the file's order has them all
    assert len(pairs) == 4500
    assert np.mean([before < after for before, after in pairs]) == pytest.approx(0.5, abs=0.03)
    # AND no item comes first or last more often than chance: of 150 sessions each, a quarter
    first = np.bincount([int(items[0]) for items in sessions], minlength=ITEMS)
    there = np.bincount([int(item) for items in sessions for item in items], minlength=ITEMS)
    assert np.abs(first / there - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / there.min())


def test_the_order_of_one_time_does_not_tell_that_of_the_next(tmp_path: Path) -> None:
    # GIVEN sessions with the same two items at each of two times, a third between them
    rows: list[Row] = [
        (f"s{session}", item, second)
        for session in range(1000)
        for second, items in enumerate(("ab", "c", "ab"))
        for item in items
    ]
    # WHEN they are read
    sessions = items_of(read_sessions(write_csv(tmp_path / "e.csv", rows)))
    # THEN the two orders agree in half of the sessions
    assert np.mean([items[0] == items[3] for items in sessions]) == pytest.approx(0.5, abs=0.06)


@pytest.mark.slow
def test_the_order_of_the_rows_does_not_count(tmp_path: Path) -> None:
    # GIVEN the same events in two orders
    rows = noise(200, 2)
    shuffled = [rows[place] for place in np.random.default_rng(3).permutation(len(rows)).tolist()]
    one, other = (
        read_sessions(write_csv(tmp_path / f"{name}.csv", content))
        for name, content in (("one", rows), ("other", shuffled))
    )
    # THEN each session has them in one order
    assert dict(zip(one.ids, items_of(one), strict=True)) == dict(zip(other.ids, items_of(other), strict=True))
