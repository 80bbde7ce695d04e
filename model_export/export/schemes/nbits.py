"""The whole table in 8 or 4 bits by `MatMulNBits`.

ONNX Runtime repacks these codes when it opens the graph: they cost as much memory again in each process.
"""

from dataclasses import dataclass, field

from model_export.export.onnx.builder import MICROSOFT, GraphBuilder, Value
from model_export.export.onnx.weights_file import Floats, WeightsFile
from model_export.export.schemes.fp32 import best_slots
from model_export.export.schemes.rounding import quantize, quantize_to_4_bits
from model_export.export.schemes.rows import CodedRows, ShortRows
from model_export.export.schemes.scheme import Candidates, PreparedScheme, Query
from model_export.export.schemes.shortlist import shortlist, small_catalogue_refusal, usual_length
from model_export.export.schemes.slots import InOrder
from model_export.export.schemes.top_k import BLOCK, pad, padded_slots

MAX_WEIGHTS = 1 << 30
"""Weights up to which repacking them at each start is acceptable."""
ACCURACY_LEVEL = 4
"""`MatMulNBits` on int8 activations: without it, it is some twenty times slower."""
FOUR_BIT_CANDIDATES = 200
"""Best items of the pass in 4 bits that are rescored."""
FOUR_BIT_BLOCK = 16
"""Weights of a row in 4 bits that share a scale."""


@dataclass(frozen=True)
class EightBit:
    """One pass over the table in 8 bits, without rescoring: the least memory."""

    name: str = field(default="8-bit", init=False)

    def refusal(self, items: int, hidden: int) -> str:
        """See `Scheme`."""
        return _too_large(items, hidden)

    def prepare(self, weights: WeightsFile, table: Floats, _states: Floats) -> PreparedScheme:
        """See `Scheme`."""
        items, hidden = table.shape
        slots = padded_slots(items)
        quantized = quantize(table)
        rows = CodedRows.store(weights, quantized, slots)

        def candidates(_graph: GraphBuilder, state: Value, query: Query) -> Candidates:
            return best_slots(_scores(state, (slots, hidden), 8, quantized.block), items, slots, query)

        traffic = _traffic(slots, hidden, 8, quantized.block)
        return PreparedScheme(rows, candidates, traffic, rescored=0, bits=8, block=quantized.block)


@dataclass(frozen=True)
class FourBit:
    """One pass over the table in 4 bits, its best rescored from int16 rows."""

    name: str = field(default="4-bit", init=False)

    def refusal(self, items: int, hidden: int) -> str:
        """See `Scheme`."""
        return _too_large(items, hidden) or small_catalogue_refusal(items, FOUR_BIT_CANDIDATES)

    def prepare(self, weights: WeightsFile, table: Floats, _states: Floats) -> PreparedScheme:
        """See `Scheme`."""
        items, hidden = table.shape
        slots = -(-items // BLOCK) * BLOCK
        codes, scales = quantize_to_4_bits(table, FOUR_BIT_BLOCK)
        weights.add("codes", pad(codes, slots, 0x88))
        weights.add("scales", pad(scales, slots, 0))
        rows = ShortRows.store(weights, table)

        def candidates(_graph: GraphBuilder, state: Value, query: Query) -> Candidates:
            scores = _scores(state, (slots, hidden), 4, FOUR_BIT_BLOCK)
            return shortlist(scores, InOrder(items, slots, query.unavailable), query, FOUR_BIT_CANDIDATES)

        traffic = _traffic(slots, hidden, 4, FOUR_BIT_BLOCK)
        rescored = usual_length(FOUR_BIT_CANDIDATES)
        return PreparedScheme(rows, candidates, traffic, rescored, bits=4, block=FOUR_BIT_BLOCK)


def _scores(state: Value, shape: tuple[int, int], bits: int, block: int) -> Value:
    slots, hidden = shape
    blocks = hidden // block
    codes = state.graph.stored("codes", [slots, blocks, block * bits // 8])
    scales = state.graph.stored("scales", [slots * blocks])
    return state.graph.node(
        "MatMulNBits",
        state,
        codes,
        scales,
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
    return "each process would repack, and hold for itself, over 1 GB" if items * hidden > MAX_WEIGHTS else ""
