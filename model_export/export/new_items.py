"""Add items to both graphs that are not in the table: a request brings their rows.

New items have the indices after those of the table. Each step is a branch, so that a request without new items pays
only some microseconds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from model_export.export.onnx.builder import GraphBuilder, Value
from model_export.export.schemes.rows import LAST_ROWS, Rows


@dataclass(frozen=True)
class NewItems:
    """The new items of a request, as values of a graph.

    Attributes:
        known: the number of items in the table, and so the index of the first new item.
        rows: float32[c, hidden], on the scale of the table's rows.
        hidden: hidden size.
        are_given: bool[], whether c is not 0.
    """

    known: int
    rows: Value
    hidden: int
    are_given: Value

    @classmethod
    def read(cls, graph: GraphBuilder, known: int, hidden: int) -> "NewItems":
        """Declare the graph's input."""
        rows = graph.input("new_rows", TensorProto.FLOAT, ["c", hidden])
        return cls(known, rows, hidden, rows.size() > 0)

    def total(self) -> Value:
        """Return the number of all items, int64[1]."""
        return self.rows.shape().slice(0, 1) + self.known

    def rows_of(self, items: Value, table: Rows) -> Value:
        """Return the rows of items of both kinds, float32[n, hidden]."""
        graph = items.graph
        with graph.branch() as some_given:
            known = table.restored(table.gather(graph, items.min([self.known - 1])))
            new = self.rows.gather(self._places(items))
            both = self._are_new(items).unsqueeze(1).select(new, known)
        with graph.branch() as none_given:
            only_known = table.restored(table.gather(graph, items))
        return graph.choice(self.are_given, some_given, none_given, (both, only_known))[0]

    def scores_of(
        self, items: Value, column: Value, scored_rows: Callable[[Value], tuple[Value, Value]]
    ) -> tuple[Value, Value]:
        """Return the scores of items of both kinds, float32[n], and the rows of the table that were scored.

        Args:
            items: int64[n].
            column: the state, float32[hidden, 1].
            scored_rows: returns the scores of items of the table, and their rows.
        """
        graph = items.graph
        with graph.branch() as some_given:
            known, rows = scored_rows(items.min([self.known - 1]))
            new = self._scores(column).gather(self._places(items))
            both = self._are_new(items).select(new, known)
        with graph.branch() as none_given:
            only_known, only_rows = scored_rows(items)
        outputs = (both, only_known), (rows, only_rows)
        scores, table_rows = graph.choice(self.are_given, some_given, none_given, *outputs)
        return scores, table_rows

    def appended(self, items: Value, scores: Value, column: Value) -> tuple[Value, Value]:
        """Return candidates and their scores, with all new items and theirs after them."""
        graph = items.graph
        with graph.branch() as some_given:
            total = self.total().reduce("Sum", keepdims=False)
            all_items = graph.concat(items, graph.node("Range", self.known, total, 1))
            all_scores = graph.concat(scores, self._scores(column))
        with graph.branch() as none_given:
            same_items, same_scores = items.identity(), scores.identity()
        candidates = (all_items, same_items), (all_scores, same_scores)
        appended_items, appended_scores = graph.choice(self.are_given, some_given, none_given, *candidates)
        return appended_items, appended_scores

    def _scores(self, column: Value) -> Value:
        padding = np.zeros((LAST_ROWS, self.hidden), np.float32)
        return (column.graph.concat(self.rows, padding) @ column).reshape(-1).slice(0, -LAST_ROWS)

    def _are_new(self, items: Value) -> Value:
        return items >= [self.known]

    def _places(self, items: Value) -> Value:
        """Return the rows of the new items among some items, int64[n]; the first row for all others."""
        return (items - [self.known]).max([0])
