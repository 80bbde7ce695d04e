"""Exchanging items between runs brings them closer together and loses none."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.export.schemes.block_exchange import GROUP, exchange_items

LEAF = 16
DIMS = 6


def within(codes: NDArray[np.int8], order: NDArray[np.int32]) -> float:
    """Mean square distance of the items to the centres of their full runs."""
    runs = codes[order[: len(order) // LEAF * LEAF]].reshape(-1, LEAF, DIMS).astype(np.float64)
    return float(runs.var(axis=1).sum(axis=1).mean())


@pytest.mark.parametrize("items", [1, LEAF, 8 * LEAF, GROUP, GROUP + 3 * LEAF + 5, 3 * GROUP - 1])
def test_no_item_is_lost_and_all_lie_closer(items: int) -> None:
    # GIVEN items in an order that says little
    codes = np.random.default_rng(1).integers(-127, 128, (items, DIMS)).astype(np.int8)
    order = np.argsort(codes[:, 0], kind="stable").astype(np.int32)
    before = order.copy()
    # WHEN their runs exchange them
    exchange_items(codes, order, LEAF, np.ones(DIMS, np.float32))
    # THEN each item comes once, and those of no full run stay where they are
    assert sorted(order.tolist()) == list(range(items))
    whole = items // LEAF * LEAF
    assert order[whole:].tolist() == before[whole:].tolist()
    # AND they lie closer together, where there are runs enough to exchange with
    if items >= GROUP:
        assert within(codes, order) < 0.9 * within(codes, before)
    elif whole:
        assert within(codes, order) <= within(codes, before)


def test_strays_come_home() -> None:
    # GIVEN tight clusters of sixteen, and some pairs of neighbouring clusters that have swapped an item
    rng = np.random.default_rng(2)
    centres = rng.integers(-100, 101, (64, DIMS))
    codes = (np.repeat(centres, LEAF, axis=0) + rng.integers(-2, 3, (64 * LEAF, DIMS))).astype(np.int8)
    order = np.arange(len(codes), dtype=np.int32)
    nearest = np.square(centres[:, None] - centres).sum(axis=2) + np.eye(64, dtype=int) * 10**9
    one, two = np.unravel_index(nearest.argmin(), nearest.shape)
    order[[one * LEAF, two * LEAF]] = order[[two * LEAF, one * LEAF]]
    assert within(codes, order) > within(codes, np.arange(len(codes), dtype=np.int32))
    # WHEN runs exchange items
    exchange_items(codes, order, LEAF, np.ones(DIMS, np.float32))
    # THEN each cluster is a run again
    assert all(len(set((order[at : at + LEAF] // LEAF).tolist())) == 1 for at in range(0, len(order), LEAF))
