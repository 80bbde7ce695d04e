"""The engine ranks and replays items whose rows a request brings."""

import numpy as np
import pytest

from nextitem.model.engine import Model
from tests.nextitem.model.test_engine import ITEMS, PARITY, same


def test_new_items_are_ranked_and_replayed_beside_the_others(model: Model) -> None:
    # GIVEN two new items, one with a row in the direction of a visitor's state
    hidden = model.replay(None, [3, 5])
    away, close = -hidden, hidden
    rows = np.stack([away, close]) / np.linalg.norm(hidden)
    new = rows.astype(np.float32)
    whole = model.top(hidden, (), 20, session=[3, 5])

    # WHEN the catalogue is ranked with them THEN the close one is first, and nothing else has changed
    ranked = model.top(hidden, (), 21, session=[3, 5], new_rows=new)
    assert ranked[0].index == ITEMS + 1
    assert same(ranked[1:], whole)
    # AND it can be listed, excluded and replayed like any other
    listed = model.rank(hidden, [ITEMS + 1, whole[2].index, ITEMS], (), 9, session=[3, 5], new_rows=new)
    assert [item.index for item in listed] == [ITEMS + 1, whole[2].index, ITEMS]
    assert listed[0].score == pytest.approx(ranked[0].score, rel=PARITY)
    assert same(model.top(hidden, [ITEMS + 1], 20, session=[3, 5], new_rows=new), whole)
    assert not np.allclose(model.replay(hidden, [ITEMS + 1], new), hidden, atol=1e-3)
    assert np.array_equal(model.replay(hidden, [7], new), model.replay(hidden, [7]))
    # AND a mask over both kinds holds
    mask = np.zeros(ITEMS + 2, np.bool_)
    mask[[whole[0].index, ITEMS + 1]] = True
    masked = model.top(hidden, (), 19, session=[3, 5], unavailable=mask, new_rows=new)
    assert same(masked, whole[1:])


def test_the_rows_of_items_are_those_that_are_scored(model: Model) -> None:
    # GIVEN two new items, and items of both kinds in any order
    hidden = model.replay(None, [3, 5])
    new = np.stack([-hidden, 2 * hidden]).astype(np.float32)
    listed = [ITEMS + 1, 7, ITEMS, 0, 7, ITEMS - 1]

    # WHEN their rows are read
    rows = model.rows(listed, new)
    # THEN those of new items are their own, and those of the others need no new items
    assert np.array_equal(rows[[0, 2]], new[[1, 0]])
    assert np.array_equal(rows[[1, 3, 4, 5]], model.rows([7, 0, 7, ITEMS - 1]))
    assert model.rows([], new).shape == (0, len(new[0]))
    # AND as new items the same rows get the scores of the items
    known = [item.index for item in model.top(hidden, (), 5)]
    again = model.rank(hidden, range(ITEMS, ITEMS + 5), (), 5, new_rows=model.rows(known))
    assert [item.index - ITEMS for item in again] == [0, 1, 2, 3, 4]
