"""Rounding a table to 8 bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from model_export.export.schemes.rounding import MAX_BLOCK, quantize

SHAPES = st.tuples(st.integers(1, 6), st.sampled_from([16, 32, 48, 96, 112, 128, 256, 384]))
VALUES = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=True)


@given(table=hnp.arrays(np.float32, SHAPES, elements=VALUES | st.floats(-1, 1, width=32)))
@pytest.mark.slow
def test_no_value_is_off_by_more_than_half_a_step(table: NDArray[np.float32]) -> None:
    quantized = quantize(table)
    steps = np.repeat(quantized.scales.astype(np.float64), quantized.block, axis=1)
    off = np.abs(quantized.table().astype(np.float64) - table)
    assert (off <= 0.5 * steps * (1 + 1e-4) + 1e-6 * np.abs(table)).all()
    # The codes are symmetric around 128, and the largest value of a block uses their whole range.
    assert quantized.codes.min() >= 1
    blocks = np.abs(table.reshape(len(table), -1, quantized.block)).max(axis=2)
    levels = np.abs(quantized.codes.astype(int) - 128).reshape(len(table), -1, quantized.block).max(axis=2)
    assert (levels[blocks >= np.finfo(np.float32).tiny] == 127).all()


@given(hidden=st.integers(1, 40).map(lambda blocks: blocks * 16))
def test_the_block_is_the_largest_power_of_two_that_divides_the_hidden_size(hidden: int) -> None:
    quantized = quantize(np.ones((3, hidden), np.float32))
    assert hidden % quantized.block == 0
    assert quantized.block in {16, 32, 64, MAX_BLOCK}
    assert quantized.scales.shape == (3, hidden // quantized.block)
    assert quantized.block == MAX_BLOCK or hidden % (2 * quantized.block)


def test_rows_of_zeros_stay_zeros() -> None:
    table = np.zeros((3, 256), np.float32)
    table[1] = 0.5
    table[2, 128:] = -0.25
    quantized = quantize(table)
    np.testing.assert_allclose(quantized.table(), table, rtol=1e-6, atol=0)
    assert np.isfinite(quantized.scales).all()
    assert (quantized.scales > 0).all()


@pytest.mark.parametrize("scale", [1e-44, 1e-39, 1e-30, 1e30])
def test_very_small_and_very_large_tables_round_like_others(scale: float) -> None:
    table = (np.linspace(-1, 1, 64, dtype=np.float64).reshape(2, 32) * scale).astype(np.float32)
    quantized = quantize(table)
    assert np.isfinite(quantized.table()).all()
    step = np.repeat(quantized.scales, quantized.block, axis=1).astype(np.float64)
    assert (np.abs(quantized.table().astype(np.float64) - table) <= 0.51 * step).all()
