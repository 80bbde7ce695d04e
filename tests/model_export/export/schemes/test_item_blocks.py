"""Blocks of alike items: every item is in one, and those in it lie closer together than by chance."""

import numpy as np
import pytest

from model_export.export.schemes.item_blocks import LEVELS, order_items

LEAF = 16
UNIT = LEAF << LEVELS


@pytest.mark.parametrize("items", [1, LEAF - 1, LEAF, LEAF + 1, UNIT, UNIT + 1, 2 * UNIT, 3 * UNIT - 5])
def test_each_item_is_in_one_block_by_ascending_index(items: int) -> None:
    # GIVEN catalogues around the sizes at which the tree changes its way
    codes = np.random.default_rng(1).integers(-127, 128, (items, 6)).astype(np.int8)
    # WHEN they are put in order, twice
    order, again = (order_items(codes, LEAF, np.ones(6, np.float32)) for _ in range(2))
    # THEN every item comes once, in each block the lower index first
    assert sorted(order.tolist()) == list(range(items))
    assert all((np.diff(order[at : at + LEAF]) > 0).all() for at in range(0, items, LEAF))
    # AND the same codes have the same order
    assert order.tolist() == again.tolist()


def test_items_of_a_block_lie_close_together_in_the_measure_that_counts() -> None:
    # GIVEN items whose first two codes are worth more than the others
    codes = np.random.default_rng(2).integers(-127, 128, (2 * UNIT, 6)).astype(np.int8)
    scales = np.array([1, 1, 0.01, 0.01, 0.01, 0.01], np.float32)
    # WHEN they are put in order
    blocks = (codes[order_items(codes, LEAF, scales)] * scales).reshape(-1, LEAF, 6)
    # THEN hardly any of their variance is left within the blocks
    assert blocks.var(axis=1).sum(axis=1).mean() < 0.01 * (codes * scales).var(axis=0).sum()


def test_alike_items_alone_are_no_trouble() -> None:
    # GIVEN items that are all the same
    codes = np.full((UNIT + LEAF, 4), 7, np.int8)
    # WHEN they are put in order
    # THEN each comes once
    assert sorted(order_items(codes, LEAF, np.ones(4, np.float32)).tolist()) == list(range(len(codes)))


def test_the_first_block_of_each_sixteen_is_a_fair_sample() -> None:
    # GIVEN items around a centre, and a direction that some blocks lie further along than others
    rng = np.random.default_rng(3)
    codes = np.clip(rng.standard_normal((4 * UNIT, 8)) * 30, -127, 127).astype(np.int8)
    centres = codes[order_items(codes, LEAF, np.ones(8, np.float32))].reshape(-1, LEAF, 8).mean(axis=1)
    scores = centres @ rng.standard_normal(8)
    # WHEN a threshold is set by the first of each sixteen
    sampled = scores[::16]
    threshold = np.quantile(sampled, 0.9)
    # THEN about as many of all are above it
    assert 0.05 < (scores > threshold).mean() < 0.17
