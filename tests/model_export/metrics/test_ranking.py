"""Ranks and metrics, compared with slow versions that follow their definitions."""

import math
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.metrics.ranking import (
    accuracy,
    discounted_gains,
    hits,
    rank_in_list,
    ranks_of_targets,
    reciprocal_ranks,
)


@given(scores=st.lists(st.integers(0, 3).map(float), min_size=1, max_size=6), k=st.integers(1, 7), data=st.data())
@pytest.mark.slow
def test_ranks_and_metrics_follow_their_definitions(scores: list[float], k: int, data: st.DataObject) -> None:
    target = data.draw(st.integers(0, len(scores) - 1))
    items = range(len(scores))
    # Every order of the items that the scores allow, the target's mean place in them.
    orders = [order for order in permutations(items) if all(scores[a] >= scores[b] for a, b in pairwise(order))]
    rank = sum(order.index(target) + 1 for order in orders) / len(orders)
    assert ranks_of_targets(np.array(scores), target) == pytest.approx(rank)
    shuffled = data.draw(st.permutations(items))
    assert rank_in_list(shuffled, np.array([scores[item] for item in shuffled]), target) == pytest.approx(rank)
    assert rank_in_list(shuffled, np.array(scores), len(scores)) == math.inf

    ranks = np.array([rank, math.inf])
    within = rank <= k
    assert hits(ranks, k).tolist() == [float(within), 0.0]
    assert reciprocal_ranks(ranks, k).tolist() == [1 / rank if within else 0.0, 0.0]
    assert discounted_gains(ranks, k).tolist() == pytest.approx([1 / math.log2(1 + rank) if within else 0.0, 0.0])


def test_one_target_per_row() -> None:
    scores = np.array([[1.0, 2.0, 2.0], [3.0, 3.0, 3.0]])
    assert ranks_of_targets(scores, [1, 0]).tolist() == [1.5, 2.0]


def test_a_rank_between_20_and_21_is_a_miss() -> None:
    both = accuracy(np.array([4.0, 20.5]))
    assert both == (0.5, 0.125)
    assert both.objective == 0.75
