"""Round a table to 8 or 4 bits, with one scale for each block of a row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MAX_BLOCK = 128
ZERO_POINT = 128
_LEVELS = 127
_ZERO_POINT_4 = 8
_LEVELS_4 = 7


@dataclass(frozen=True)
class Quantized:
    """A table in 8 bits.

    Attributes:
        codes: uint8[items, hidden], around 128.
        scales: float32[items, hidden / block].
        block: values that share a scale: the largest power of two up to `MAX_BLOCK` that divides the hidden size.
    """

    codes: NDArray[np.uint8]
    scales: Floats
    block: int

    def table(self) -> Floats:
        """Return the table that the codes stand for, float32[items, hidden]."""
        items, hidden = self.codes.shape
        blocks = self.codes.astype(np.float32).reshape(items, -1, self.block) - ZERO_POINT
        return np.asarray((blocks * self.scales[:, :, None]).reshape(items, hidden), np.float32)


def quantize(table: Floats) -> Quantized:
    """Round a table to 8 bits, symmetrically."""
    hidden = table.shape[1]
    block = min(MAX_BLOCK, hidden & -hidden)
    codes, scales = _rounded(table, block, _LEVELS)
    return Quantized((codes + ZERO_POINT).astype(np.uint8), scales, block)


def quantize_to_4_bits(table: Floats, block: int) -> tuple[NDArray[np.uint8], Floats]:
    """Round a table to 4 bits around 8, two codes in a byte, the first in its lower half.

    Returns:
        The codes, uint8[items, hidden / 2], and the scales, float32[items, hidden / block].
    """
    levels, scales = _rounded(table, block, _LEVELS_4)
    codes = (levels + _ZERO_POINT_4).astype(np.uint8).reshape(len(table), -1, 2)
    return np.asarray(codes[:, :, 0] | codes[:, :, 1] << 4, np.uint8), scales


def _rounded(table: Floats, block: int, levels: int) -> tuple[Floats, Floats]:
    """Return whole numbers up to `levels`, float32[items, hidden], and the scale of each block."""
    items, hidden = table.shape
    blocks = table.reshape(items, -1, block)
    scales = np.maximum(np.abs(blocks).max(axis=2), np.finfo(np.float32).tiny) / levels
    return np.rint(blocks / scales[:, :, None]).reshape(items, hidden), scales.astype(np.float32)
