"""Rotated rows in int8 for an exact integer product, laid out for reading at the speed of memory.

`MatMulInteger` multiplies one row of uint8 by a matrix of int8 straight from the mapped file, where nothing is a
constant that ONNX Runtime would repack, and no zero point is given. In blocks [slots / 128, depth, 128] it reads the
file from its beginning to its end. The state must then be unsigned: it is taken around 64, and what that adds to a
score, 64 times the sum of the item's codes, is taken away again by further codes with weights of their own. States of
7 bits keep within what AVX2 without VNNI adds up exactly, so that all machines find the same candidates.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.schemes.rotation import Rotation
from model_export.export.schemes.top_k import BLOCK

Floats = NDArray[np.float32]
Codes = NDArray[np.int8]

ZERO = 64
"""What a state's 7 bits are taken around."""
REACH = 63
LEVELS = 127
"""Largest code, and largest weight of a further code."""
_MULTIPLE = 4
"""Depths that the instructions take at a time."""


@dataclass(frozen=True)
class Coder:
    """Turns rows into codes, and a state into what multiplies them.

    Attributes:
        rotation: of rows and states.
        scales: float32[dims], of each dimension, the same for all rows.
        further: codes that undo the state's zero point, the last one with weight 1.
    """

    rotation: Rotation
    scales: Floats
    further: int

    @classmethod
    def of(cls, rotation: Rotation, rows: Floats) -> "Coder":
        """Return the coder for a table of which some rows are given."""
        turned = (rows - rotation.centre) @ rotation.rows
        reach = np.maximum(np.abs(turned).max(axis=0), np.finfo(np.float32).tiny)
        # A dimension of less reach gets a smaller range of codes and a larger one of levels: both round alike, and
        # smaller codes have smaller sums to undo.
        scales = reach**0.25 * reach.max() ** 0.75 / LEVELS
        sums = np.rint(turned / scales).sum(axis=1)
        coarse = int(np.ceil(ZERO * np.abs(sums).max() * 1.25 / LEVELS**2))
        dims = len(scales)
        further = -(-(dims + coarse + 1) // _MULTIPLE) * _MULTIPLE - dims
        return cls(rotation, scales.astype(np.float32), further)

    @property
    def depth(self) -> int:
        """Codes of an item."""
        return len(self.scales) + self.further

    def codes(self, rows: Floats) -> Codes:
        """Return the codes of some rows, int8[n, depth]."""
        turned = (rows - self.rotation.centre) @ self.rotation.rows
        return self.finished(np.clip(np.rint(turned / self.scales), -LEVELS, LEVELS).astype(np.int8))

    def finished(self, codes: Codes) -> Codes:
        """Return int8[n, dims] codes with those that undo the zero point."""
        undo = -ZERO * codes.sum(axis=1, dtype=np.int64)
        weights = self.weights().astype(np.int64)
        added = np.zeros((len(codes), self.further), np.int8)
        for at, weight in enumerate(weights):
            added[:, at] = np.clip(np.fix(undo / weight), -LEVELS, LEVELS)
            undo -= weight * added[:, at]
        return np.concatenate([codes, added], axis=1)

    def weights(self) -> NDArray[np.uint8]:
        """Return the weights of the further codes."""
        return np.array([LEVELS] * (self.further - 1) + [1], np.uint8)

    def multiplier(self, graph: GraphBuilder, state: str) -> str:
        """Build uint8[1, depth] from a state, float32[1, hidden]."""
        return self.unsigned(graph, self.levels(graph, state))

    def levels(self, graph: GraphBuilder, state: str) -> str:
        """Build float32[1, dims] from a state, float32[1, hidden]: turned, the largest at `REACH`."""
        turned = graph.node("MatMul", [state, graph.constant(self.rotation.states * self.scales)])
        largest = graph.node("ReduceMax", [graph.node("Abs", [turned])])
        at_least = graph.node("Max", [largest, graph.constant(float(np.finfo(np.float32).tiny) * ZERO)])
        return graph.node("Mul", [turned, graph.node("Div", [graph.constant(float(REACH)), at_least])])

    def unsigned(self, graph: GraphBuilder, levels: str) -> str:
        """Build uint8[1, depth] from levels: them around `ZERO`, and the weights of the further codes."""
        positive = graph.node("Add", [levels, graph.constant(ZERO + 0.5)])  # so that the cast rounds
        unsigned = graph.node("Cast", [positive], to=TensorProto.UINT8)
        return graph.node("Concat", [unsigned, graph.constant(self.weights()[None])], axis=1)


def padding(coder: Coder, slots: int) -> Codes:
    """Return codes for slots without an item, int8[slots, depth]: as low a score as codes give without the state."""
    codes = np.zeros((slots, coder.depth), np.int8)
    codes[:, len(coder.scales) :] = -LEVELS - 1
    return codes


def blocked(codes: Iterator[Codes], coder: Coder, width: int = BLOCK) -> Iterator[Codes]:
    """Lay codes out in blocks, int8[n, depth, width], the last one padded. Chunks but the last are whole blocks."""
    for chunk in codes:
        whole = np.concatenate([chunk, padding(coder, -len(chunk) % width)])
        yield whole.reshape(-1, width, coder.depth).transpose(0, 2, 1)
