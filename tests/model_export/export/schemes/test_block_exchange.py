"""Exchanging items between runs brings them closer together and loses none."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.export.schemes.block_exchange import GROUP, exchange_items

LEAF = 16
DIMS = 6


def variance_within(codes: NDArray[np.int8], order: NDArray[np.int32]) -> float:
    """Mean square distance of the items from the centres of their full runs."""
    runs = codes[order[: len(order) // LEAF * LEAF]].reshape(-1, LEAF, DIMS).astype(np.float64)
    return float(runs.var(axis=1).sum(axis=1).mean())


@pytest.mark.parametrize("items", [1, LEAF, 8 * LEAF, GROUP, GROUP + 3 * LEAF + 5, 3 * GROUP - 1])
def test_keeps_all_items_and_brings_them_closer(items: int) -> None:
    codes = np.random.default_rng(1).integers(-127, 128, (items, DIMS)).astype(np.int8)
    order = np.argsort(codes[:, 0], kind="stable").astype(np.int32)
    before = order.copy()
    exchange_items(codes, order, LEAF, np.ones(DIMS, np.float32))
    assert sorted(order.tolist()) == list(range(items))
    whole = items // LEAF * LEAF
    assert order[whole:].tolist() == before[whole:].tolist()
    if items >= GROUP:
        assert variance_within(codes, order) < 0.9 * variance_within(codes, before)
    elif whole:
        assert variance_within(codes, order) <= variance_within(codes, before)


def test_moves_stray_items_back_to_their_cluster() -> None:
    rng = np.random.default_rng(2)
    centres = rng.integers(-100, 101, (64, DIMS))
    codes = (np.repeat(centres, LEAF, axis=0) + rng.integers(-2, 3, (64 * LEAF, DIMS))).astype(np.int8)
    order = np.arange(len(codes), dtype=np.int32)
    nearest = np.square(centres[:, None] - centres).sum(axis=2) + np.eye(64, dtype=int) * 10**9
    one, two = np.unravel_index(nearest.argmin(), nearest.shape)
    order[[one * LEAF, two * LEAF]] = order[[two * LEAF, one * LEAF]]
    assert variance_within(codes, order) > variance_within(codes, np.arange(len(codes), dtype=np.int32))
    exchange_items(codes, order, LEAF, np.ones(DIMS, np.float32))
    assert all(len(set((order[at : at + LEAF] // LEAF).tolist())) == 1 for at in range(0, len(order), LEAF))
