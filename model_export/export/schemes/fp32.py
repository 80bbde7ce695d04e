"""The exact scheme: every item in float32. The other schemes are compared with it."""

from dataclasses import dataclass, field

import numpy as np

from model_export.export.onnx.builder import GraphBuilder, Value
from model_export.export.onnx.weights_file import Floats, WeightsFile
from model_export.export.schemes.rows import ExactRows
from model_export.export.schemes.scheme import Candidates, PreparedScheme, Query
from model_export.export.schemes.slots import InOrder, any_unavailable, mask_unavailable
from model_export.export.schemes.top_k import LOWEST, padded_slots, top_k

MAX_WEIGHTS = 1 << 29
"""Weights of a table of which a second one, in float32, is still acceptable: 2 GB."""


@dataclass(frozen=True)
class Fp32:
    """Multiplies the whole table in float32."""

    by_rows: bool = False
    """Read the rows, which are stored anyway, and no second table: slower if the second one stays in caches."""

    name: str = field(default="fp32", init=False)

    def refusal(self, items: int, hidden: int) -> str:
        """See `Scheme`."""
        if self.by_rows or items * hidden <= MAX_WEIGHTS:
            return ""
        return f"its two tables would take {items * hidden * 8 / 1e9:.1f} GB"

    def prepare(self, weights: WeightsFile, table: Floats, _states: Floats) -> PreparedScheme:
        """See `Scheme`."""
        items, hidden = table.shape
        slots = padded_slots(items)
        rows = ExactRows.store(weights, table)
        if not self.by_rows:
            columns = np.zeros((hidden, slots), np.float32)
            columns[:, :items] = table.T
            weights.add("table_t", columns)

        def candidates(graph: GraphBuilder, state: Value, query: Query) -> Candidates:
            if not self.by_rows:
                return best_slots(state @ graph.stored("table_t"), items, slots, query)
            column = state.reshape(hidden, 1)
            scores = graph.stored("table") @ column
            padding = np.full((slots - items, 1), LOWEST, np.float32)
            return best_slots(graph.concat(scores, padding), items, slots, query)

        return PreparedScheme(rows, candidates, traffic=4 * slots * (hidden + 2), rescored=0, bits=32, block=1)


def best_slots(scores: Value, items: int, slots: int, query: Query) -> Candidates:
    """Return the best items by the final scores of all slots; slots beyond the items hold none."""
    graph = scores.graph
    flat = scores.reshape(-1)
    padding = graph.constant([slots - items])
    count = query.k + query.excluded + padding
    in_order = InOrder(items, slots, query.unavailable)
    with graph.branch() as some_unavailable:
        available = top_k(mask_unavailable(flat, in_order), slots, count)
    with graph.branch() as all_available:
        best = top_k(flat, slots, count)
    condition = any_unavailable(query.unavailable)
    places, values = graph.choice(condition, some_unavailable, all_available, *zip(available, best, strict=True))
    return Candidates(in_order.items(places), values)
