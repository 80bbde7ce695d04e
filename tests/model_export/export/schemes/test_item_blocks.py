"""Blocks of similar items: every item is in one block, and its items lie close together."""

import numpy as np
import pytest

from model_export.export.schemes.item_blocks import LEVELS, order_items

LEAF = 16
UNIT = LEAF << LEVELS


@pytest.mark.parametrize("items", [1, LEAF - 1, LEAF, LEAF + 1, UNIT, UNIT + 1, 2 * UNIT, 3 * UNIT - 5])
def test_each_item_is_in_one_block_by_ascending_index(items: int) -> None:
    codes = np.random.default_rng(1).integers(-127, 128, (items, 6)).astype(np.int8)
    order, again = (order_items(codes, LEAF, np.ones(6, np.float32)) for _ in range(2))
    assert sorted(order.tolist()) == list(range(items))
    assert all((np.diff(order[at : at + LEAF]) > 0).all() for at in range(0, items, LEAF))
    assert order.tolist() == again.tolist()


def test_items_of_a_block_lie_close_together_by_the_scales() -> None:
    codes = np.random.default_rng(2).integers(-127, 128, (2 * UNIT, 6)).astype(np.int8)
    scales = np.array([1, 1, 0.01, 0.01, 0.01, 0.01], np.float32)
    blocks = (codes[order_items(codes, LEAF, scales)] * scales).reshape(-1, LEAF, 6)
    assert blocks.var(axis=1).sum(axis=1).mean() < 0.01 * (codes * scales).var(axis=0).sum()


def test_equal_items_are_kept() -> None:
    codes = np.full((UNIT + LEAF, 4), 7, np.int8)
    assert sorted(order_items(codes, LEAF, np.ones(4, np.float32)).tolist()) == list(range(len(codes)))


def test_the_first_block_of_each_sixteen_is_a_fair_sample() -> None:
    rng = np.random.default_rng(3)
    codes = np.clip(rng.standard_normal((4 * UNIT, 8)) * 30, -127, 127).astype(np.int8)
    centres = codes[order_items(codes, LEAF, np.ones(8, np.float32))].reshape(-1, LEAF, 8).mean(axis=1)
    scores = centres @ rng.standard_normal(8)
    sampled = scores[::16]
    threshold = np.quantile(sampled, 0.9)
    assert 0.05 < (scores > threshold).mean() < 0.17
