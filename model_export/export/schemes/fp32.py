"""The exact scheme: every item in float32. What all others are held against."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.rows import ExactRows
from model_export.export.schemes.scheme import Candidates, Prepared, Wanted
from model_export.export.schemes.slots import InOrder, any_unavailable, masked
from model_export.export.schemes.top_k import LOWEST, best, padded

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Fp32:
    """Multiplies the whole table in float32."""

    largest: int = 1 << 29
    """Weights beyond which two tables in float32 are no longer plausible: 2 GB each."""
    by_rows: bool = False
    """Scores by the rows, which are stored anyway: one table, slower where the other one stays in caches."""

    @property
    def name(self) -> str:
        """See `Scheme`."""
        return "fp32"

    def refusal(self, items: int, hidden: int) -> str:
        """See `Scheme`."""
        if self.by_rows or items * hidden <= self.largest:
            return ""
        return f"its two tables would take {items * hidden * 8 / 1e9:.1f} GB"

    def prepare(self, weights: WeightsFile, table: Floats, _states: Floats) -> Prepared:
        """See `Scheme`."""
        items, hidden = table.shape
        slots = padded(items)
        rows = ExactRows.store(weights, table)
        if not self.by_rows:
            columns = np.zeros((hidden, slots), np.float32)
            columns[:, :items] = table.T
            weights.add("table_t", columns)

        def candidates(graph: GraphBuilder, state: str, wanted: Wanted) -> Candidates:
            if not self.by_rows:
                return ranked(graph, graph.node("MatMul", [state, graph.stored("table_t")]), items, slots, wanted)
            column = graph.node("Reshape", [state, graph.constant([hidden, 1])])
            scores = graph.node("MatMul", [graph.stored("table"), column])
            padding = graph.constant(np.full((slots - items, 1), LOWEST, np.float32))
            return ranked(graph, graph.node("Concat", [scores, padding], axis=0), items, slots, wanted)

        return Prepared(rows, candidates, traffic=4 * slots * (hidden + 2), rescored=0, bits=32, block=1)


def ranked(graph: GraphBuilder, scores: str, items: int, slots: int, wanted: Wanted) -> Candidates:
    """Return the candidates of a pass that scores every slot for good; those beyond the items are none."""
    flat = graph.node("Reshape", [scores, graph.constant([-1])])
    room = graph.constant([slots - items])
    count = graph.node("Add", [graph.node("Add", [wanted.k, wanted.barred]), room])
    in_order = InOrder(items, slots, wanted.unavailable)
    some, none = graph.branch(), graph.branch()
    left = best(some, masked(some, flat, in_order), slots, count)
    whole = best(none, flat, slots, count)
    some_are = any_unavailable(graph, wanted.unavailable)
    places, values = graph.choice(some_are, some, none, list(zip(left, whole, strict=True)))
    return Candidates(in_order.items(graph, places), values)
