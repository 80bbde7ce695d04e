"""The whole table in 8 or 4 bits by `MatMulNBits`, as it is or with its best rescored from float16 rows.

ONNX Runtime repacks these codes when it opens the graph: they cost as much memory again in each process.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.export.onnx.builder import MICROSOFT, GraphBuilder
from model_export.export.onnx.parameters import quantize, quantize_to_4_bits
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.fp32 import ranked
from model_export.export.schemes.rows import CodedRows, HalfRows
from model_export.export.schemes.scheme import Candidates, Prepared, Wanted
from model_export.export.schemes.shortlist import shortlist, too_few, usual
from model_export.export.schemes.slots import InOrder
from model_export.export.schemes.top_k import BLOCK, filled, padded

Floats = NDArray[np.float32]

LARGEST = 1 << 30
"""Weights beyond which repacking them at each start is no longer plausible."""

ACCURACY_LEVEL = 4
"""`MatMulNBits` on int8 activations: without it, it is some twenty times slower."""


@dataclass(frozen=True)
class EightBit:
    """One pass over the table in 8 bits, answered as it is: the least memory."""

    @property
    def name(self) -> str:
        """See `Scheme`."""
        return "8-bit"

    def refusal(self, items: int, hidden: int) -> str:
        """See `Scheme`."""
        return _too_large(items, hidden)

    def prepare(self, weights: WeightsFile, table: Floats, _states: Floats) -> Prepared:
        """See `Scheme`."""
        items, hidden = table.shape
        slots = padded(items)
        quantized = quantize(table)
        rows = CodedRows.store(weights, quantized, slots)

        def candidates(graph: GraphBuilder, state: str, wanted: Wanted) -> Candidates:
            scores = _scores(graph, state, (slots, hidden), 8, quantized.block)
            return ranked(graph, scores, items, slots, wanted)

        traffic = _traffic(slots, hidden, 8, quantized.block)
        return Prepared(rows, candidates, traffic, rescored=0, bits=8, block=quantized.block)


@dataclass(frozen=True)
class FourBit:
    """One pass over the table in 4 bits, its best rescored from float16 rows."""

    candidates: int = 512
    """Best items that are rescored."""
    block: int = 16
    """Weights of a row that share a scale."""

    @property
    def name(self) -> str:
        """See `Scheme`."""
        return "4-bit"

    def refusal(self, items: int, hidden: int) -> str:
        """See `Scheme`."""
        return _too_large(items, hidden) or too_few(items, self.candidates)

    def prepare(self, weights: WeightsFile, table: Floats, _states: Floats) -> Prepared:
        """See `Scheme`."""
        items, hidden = table.shape
        slots = -(-items // BLOCK) * BLOCK
        codes, scales = quantize_to_4_bits(table, self.block)
        weights.add("codes", filled(codes, slots, 0x88))
        weights.add("scales", filled(scales, slots, 0))
        rows = HalfRows.store(weights, table)

        def candidates(graph: GraphBuilder, state: str, wanted: Wanted) -> Candidates:
            scores = _scores(graph, state, (slots, hidden), 4, self.block)
            return shortlist(graph, scores, InOrder(items, slots, wanted.unavailable), wanted, self.candidates)

        traffic = _traffic(slots, hidden, 4, self.block)
        return Prepared(rows, candidates, traffic, rescored=usual(self.candidates), bits=4, block=self.block)


def _scores(graph: GraphBuilder, state: str, shape: tuple[int, int], bits: int, block: int) -> str:
    slots, hidden = shape
    blocks = hidden // block
    codes = graph.stored("codes", [slots, blocks, block * bits // 8])
    scales = graph.stored("scales", [slots * blocks])
    return graph.node(
        "MatMulNBits",
        [state, codes, scales],
        domain=MICROSOFT,
        K=hidden,
        N=slots,
        bits=bits,
        block_size=block,
        accuracy_level=ACCURACY_LEVEL,
    )


def _traffic(slots: int, hidden: int, bits: int, block: int) -> int:
    return slots * (hidden * bits // 8 + 4 * hidden // block + 8)


def _too_large(items: int, hidden: int) -> str:
    return "each process would repack, and hold for itself, over 1 GB" if items * hidden > LARGEST else ""
