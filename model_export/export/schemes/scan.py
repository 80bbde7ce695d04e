"""A pass over all items in few int8 dimensions at the speed of memory, its best rescored from int16 rows."""

from dataclasses import dataclass

import numpy as np

from model_export.export.onnx.builder import GraphBuilder, Value
from model_export.export.onnx.weights_file import Floats, WeightsFile
from model_export.export.schemes.int8_codes import Coder, blocked
from model_export.export.schemes.rotation import rotation, sample
from model_export.export.schemes.rows import ShortRows, chunks
from model_export.export.schemes.scheme import Candidates, PreparedScheme, Query
from model_export.export.schemes.shortlist import (
    scaled_candidates,
    shortlist,
    small_catalogue_refusal,
    usual_length,
)
from model_export.export.schemes.slots import InOrder
from model_export.export.schemes.top_k import BLOCK

MIN_CANDIDATES = 32


@dataclass(frozen=True)
class Scan:
    """Scores all items roughly, then the best exactly."""

    dims: int | None
    """Rotated dimensions that are scored; None for all of them, unrotated."""
    candidates: int
    """Best items of a million that are rescored, beside those that a longer answer or excluded items add."""

    @property
    def name(self) -> str:
        """See `Scheme`."""
        return f"truncated-{self.dims}" if self.dims else "8-bit-rescored"

    def refusal(self, items: int, hidden: int) -> str:
        """See `Scheme`."""
        if self.dims and self.dims >= hidden:
            return f"there are only {hidden} dimensions"
        return small_catalogue_refusal(items, self._candidates_of(items))

    def prepare(self, weights: WeightsFile, table: Floats, states: Floats) -> PreparedScheme:
        """See `Scheme`."""
        items, hidden = table.shape
        rows_sample = sample(table)
        coder = Coder.of(rotation(rows_sample, states, self.dims or hidden), rows_sample)
        blocks = -(-items // BLOCK)
        slots = blocks * BLOCK
        shape = blocks, coder.depth, BLOCK
        weights.add_chunks("scan", shape, np.dtype(np.int8), blocked(map(coder.codes, chunks(table)), coder))
        rows = ShortRows.store(weights, table)
        count = self._candidates_of(items)

        def candidates(graph: GraphBuilder, state: Value, query: Query) -> Candidates:
            multiplier = coder.unsigned(coder.levels(state))
            scores = graph.node("MatMulInteger", multiplier, graph.stored("scan", mapped=True))
            return shortlist(scores, InOrder(items, slots, query.unavailable), query, count)

        traffic = slots * (coder.depth + 8)
        return PreparedScheme(rows, candidates, traffic, rescored=usual_length(count), bits=8, block=items)

    def _candidates_of(self, items: int) -> int:
        return max(MIN_CANDIDATES, scaled_candidates(self.candidates, items))
