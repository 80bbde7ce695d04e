"""Rounding a table to 8 bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model_export.export.onnx.parameters import MAX_BLOCK, quantize

SHAPES = st.tuples(st.integers(1, 6), st.sampled_from([16, 32, 48, 96, 112, 128, 256, 384]))
VALUES = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=True)


@given(table=hnp.arrays(np.float32, SHAPES, elements=VALUES | st.floats(-1, 1, width=32)))
def test_no_value_is_off_by_more_than_half_a_scale(table: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
    # GIVEN any table
    # WHEN it is rounded
    quantized = quantize(table)
    # THEN no value is further from what it was than half a step (and float32's own rounding)
    steps = np.repeat(quantized.scales.astype(np.float64), quantized.block, axis=1)
    off = np.abs(quantized.table().astype(np.float64) - table)
    assert (off <= 0.5 * steps * (1 + 1e-4) + 1e-6 * np.abs(table)).all()
    # AND the codes are symmetric around 128, and the largest value of a block takes all of their range
    assert quantized.codes.min() >= 1
    blocks = np.abs(table.reshape(len(table), -1, quantized.block)).max(axis=2)
    levels = np.abs(quantized.codes.astype(int) - 128).reshape(len(table), -1, quantized.block).max(axis=2)
    assert (levels[blocks >= np.finfo(np.float32).tiny] == 127).all()


@given(hidden=st.integers(1, 40).map(lambda blocks: blocks * 16))
def test_a_block_divides_the_hidden_size(hidden: int) -> None:
    # GIVEN any hidden size that a network may have
    # WHEN a table of that width is rounded
    quantized = quantize(np.ones((3, hidden), np.float32))
    # THEN its blocks are a power of two that ONNX Runtime takes, and fill a row without rest
    assert hidden % quantized.block == 0
    assert quantized.block in {16, 32, 64, MAX_BLOCK}
    assert quantized.scales.shape == (3, hidden // quantized.block)
    # AND no larger power would do
    assert quantized.block == MAX_BLOCK or hidden % (2 * quantized.block)


def test_rows_of_zeros_stay_zeros() -> None:
    # GIVEN a table with a row of zeros, and one of which half is zero
    table = np.zeros((3, 256), np.float32)
    table[1] = 0.5
    table[2, 128:] = -0.25
    # WHEN it is rounded
    quantized = quantize(table)
    # THEN zeros are zeros, and what is alone in its block is exact
    np.testing.assert_allclose(quantized.table(), table, rtol=1e-6, atol=0)
    assert np.isfinite(quantized.scales).all()
    assert (quantized.scales > 0).all()


@pytest.mark.parametrize("scale", [1e-44, 1e-39, 1e-30, 1e30])
def test_very_small_and_very_large_tables_keep_their_shape(scale: float) -> None:
    # GIVEN a table of values that float32 can hardly hold
    table = (np.linspace(-1, 1, 64, dtype=np.float64).reshape(2, 32) * scale).astype(np.float32)
    # WHEN it is rounded
    quantized = quantize(table)
    # THEN it is rounded like any other, down to where a step is as small as numbers get
    assert np.isfinite(quantized.table()).all()
    step = np.repeat(quantized.scales, quantized.block, axis=1).astype(np.float64)
    assert (np.abs(quantized.table().astype(np.float64) - table) <= 0.51 * step).all()
