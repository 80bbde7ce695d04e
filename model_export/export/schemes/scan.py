"""A pass over all items in few int8 dimensions at the speed of memory, its best rescored from float16 rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.int8_codes import Coder, blocked
from model_export.export.schemes.rotation import rotation, sample
from model_export.export.schemes.rows import HalfRows, chunks
from model_export.export.schemes.scheme import Candidates, Prepared, Wanted
from model_export.export.schemes.shortlist import listed, shortlist, too_few, usual
from model_export.export.schemes.slots import InOrder
from model_export.export.schemes.top_k import BLOCK

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Scan:
    """Scores all items roughly, then the best exactly."""

    dims: int | None
    """Rotated dimensions that are scored; None for all of them, unrotated."""
    candidates: int
    """Best items of a million that are rescored, beside what a longer answer or excluded items ask for."""
    least: int = 32
    """Fewest of any catalogue."""

    @property
    def name(self) -> str:
        """See `Scheme`."""
        return f"truncated-{self.dims}" if self.dims else "8-bit-rescored"

    def refusal(self, items: int, hidden: int) -> str:
        """See `Scheme`."""
        if self.dims and self.dims >= hidden:
            return f"there are only {hidden} dimensions"
        return too_few(items, self._listed(items))

    def prepare(self, weights: WeightsFile, table: Floats, states: Floats) -> Prepared:
        """See `Scheme`."""
        items, hidden = table.shape
        some = sample(table)
        coder = Coder.of(rotation(some, states, self.dims or hidden), some)
        blocks = -(-items // BLOCK)
        slots = blocks * BLOCK
        shape = blocks, coder.depth, BLOCK
        weights.add_chunks("scan", shape, np.dtype(np.int8), blocked(map(coder.codes, chunks(table)), coder))
        rows = HalfRows.store(weights, table)

        def candidates(graph: GraphBuilder, state: str, wanted: Wanted) -> Candidates:
            multiplier = coder.multiplier(graph, state)
            scores = graph.node("MatMulInteger", [multiplier, graph.stored("scan", mapped=True)])
            return shortlist(graph, scores, InOrder(items, slots, wanted.unavailable), wanted, self._listed(items))

        traffic = slots * (coder.depth + 8)
        return Prepared(rows, candidates, traffic, rescored=usual(self._listed(items)), bits=8, block=items)

    def _listed(self, items: int) -> int:
        """Return how many candidates there are: where items are many, more of them come close to the best."""
        return max(self.least, listed(self.candidates, items))
