"""Rotated rows in int8 for an exact integer product, laid out for reading at the speed of memory.

`MatMulInteger` multiplies one row of uint8 by a matrix of int8 straight from the mapped file, if the matrix is no
constant that ONNX Runtime would repack and there is no zero point. In blocks [slots / 128, depth, 128] it reads the
file from beginning to end.

Without a zero point the state must be unsigned, so 64 is added to its levels. That adds 64 times the sum of an item's
codes to its score. Correction codes of the item, with weights of their own, subtract it again. States of 7 bits stay
within what AVX2 without VNNI sums exactly, so all machines find the same candidates.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from model_export.export.onnx.builder import Value
from model_export.export.schemes.rotation import Rotation
from model_export.export.schemes.top_k import BLOCK

Floats = NDArray[np.float32]
Codes = NDArray[np.int8]

ZERO = 64
"""The middle of a state's 7 bits."""
REACH = 63
LEVELS = 127
"""Largest code, and largest weight of a correction code."""
_MULTIPLE = 4
"""Depths that the instructions take at a time."""


@dataclass(frozen=True)
class Coder:
    """Converts rows to codes, and a state to the factor that multiplies the codes.

    Attributes:
        rotation: of rows and states.
        scales: float32[dims], of each dimension, the same for all rows.
        corrections: number of correction codes, the last one with weight 1.
    """

    rotation: Rotation
    scales: Floats
    corrections: int

    @classmethod
    def of(cls, rotation: Rotation, rows: Floats) -> "Coder":
        """Return the coder for a table, from a sample of its rows."""
        rotated = (rows - rotation.centre) @ rotation.rows
        reach = np.maximum(np.abs(rotated).max(axis=0), np.finfo(np.float32).tiny)
        # A dimension of less reach gets a smaller range of codes and a larger one of levels: both round the same, and
        # smaller codes have smaller sums to correct.
        scales = reach**0.25 * reach.max() ** 0.75 / LEVELS
        sums = np.rint(rotated / scales).sum(axis=1)
        coarse = int(np.ceil(ZERO * np.abs(sums).max() * 1.25 / LEVELS**2))
        dims = len(scales)
        corrections = -(-(dims + coarse + 1) // _MULTIPLE) * _MULTIPLE - dims
        return cls(rotation, scales.astype(np.float32), corrections)

    @property
    def depth(self) -> int:
        """Codes of an item."""
        return len(self.scales) + self.corrections

    def codes(self, rows: Floats) -> Codes:
        """Return the codes of some rows, int8[n, depth]."""
        rotated = (rows - self.rotation.centre) @ self.rotation.rows
        return self.with_corrections(np.clip(np.rint(rotated / self.scales), -LEVELS, LEVELS).astype(np.int8))

    def with_corrections(self, codes: Codes) -> Codes:
        """Append the correction codes to int8[n, dims] codes."""
        rest = -ZERO * codes.sum(axis=1, dtype=np.int64)
        weights = self.correction_weights().astype(np.int64)
        added = np.zeros((len(codes), self.corrections), np.int8)
        for at, weight in enumerate(weights):
            added[:, at] = np.clip(np.fix(rest / weight), -LEVELS, LEVELS)
            rest -= weight * added[:, at]
        return np.concatenate([codes, added], axis=1)

    def correction_weights(self) -> NDArray[np.uint8]:
        """Return the weights of the correction codes."""
        return np.array([LEVELS] * (self.corrections - 1) + [1], np.uint8)

    def levels(self, state: Value) -> Value:
        """Build float32[1, dims] from a state, float32[1, hidden]: rotated, the largest level at `REACH`."""
        rotated = state @ state.graph.constant(self.rotation.states * self.scales)
        largest = state.graph.node("Abs", rotated).reduce("Max").max(float(np.finfo(np.float32).tiny) * ZERO)
        return rotated * (state.graph.constant(float(REACH)) / largest)

    def unsigned(self, levels: Value) -> Value:
        """Build uint8[1, depth] from levels: these around `ZERO`, and the weights of the correction codes."""
        positive = levels + (ZERO + 0.5)  # the half makes the cast round
        return levels.graph.concat(positive.cast(TensorProto.UINT8), self.correction_weights()[None], axis=1)


def padding(coder: Coder, slots: int) -> Codes:
    """Return codes for slots without an item, int8[slots, depth]: their scores are the lowest, whatever the state."""
    codes = np.zeros((slots, coder.depth), np.int8)
    codes[:, len(coder.scales) :] = -LEVELS - 1
    return codes


def blocked(codes: Iterator[Codes], coder: Coder, width: int = BLOCK) -> Iterator[Codes]:
    """Lay codes out in blocks, int8[n, depth, width], the last one padded. Every chunk but the last is whole blocks."""
    for chunk in codes:
        whole = np.concatenate([chunk, padding(coder, -len(chunk) % width)])
        yield whole.reshape(-1, width, coder.depth).transpose(0, 2, 1)
