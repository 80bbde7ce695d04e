"""What the slots of a pass stand for. Knows no scheme, and no scores.

Most schemes score the items in their order, with padding after them (`InOrder`).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.schemes.top_k import BLOCK, LOWEST


class Slots(Protocol):
    """The slots of a pass. Where a graph is given, it may be a branch."""

    @property
    def usual(self) -> int:
        """How many there usually are."""
        ...

    @property
    def unit(self) -> int:
        """What they are a multiple of: see `selection.best`."""
        ...

    @property
    def room(self) -> int:
        """How many of them may have no item and stand above some that have one."""
        ...

    def items(self, graph: GraphBuilder, slots: str) -> str:
        """Return the items of some ascending slots, int64[n] ascending, -1 for none."""
        ...

    def unavailable(self, graph: GraphBuilder) -> str:
        """Return which slots' items are unavailable, bool[slots]; there are unavailable items."""
        ...

    def unavailable_at(self, graph: GraphBuilder, slots: str) -> str:
        """Return that of some slots alone, bool[n], with no regard to those that have no item."""
        ...


@dataclass(frozen=True)
class InOrder:
    """The items in their order, then padding.

    Attributes:
        count: how many items there are.
        usual: how many slots.
        mask: bool[items], what is unavailable.
    """

    count: int
    usual: int
    mask: str
    unit: int = BLOCK

    @property
    def room(self) -> int:
        """See `Slots`."""
        return self.usual - self.count

    def items(self, graph: GraphBuilder, slots: str) -> str:
        """See `Slots`; the slots may come in any order, and so do their items."""
        if self.count == self.usual:
            return slots
        inside = graph.node("Less", [slots, graph.constant(self.count)])
        return graph.node("Where", [inside, slots, graph.constant(-1)])

    def unavailable(self, graph: GraphBuilder) -> str:
        """See `Slots`."""
        if self.count == self.usual:
            return self.mask
        padding = np.zeros(self.usual - self.count, np.bool_)
        return graph.node("Concat", [self.mask, graph.constant(padding)], axis=0)

    def unavailable_at(self, graph: GraphBuilder, slots: str) -> str:
        """See `Slots`."""
        return graph.node("Gather", [self.mask, graph.node("Min", [slots, graph.constant([self.count - 1])])])


def any_unavailable(graph: GraphBuilder, mask: str) -> str:
    """Return whether there is a mask, bool[]: none has no length."""
    return graph.node("Greater", [graph.node("Size", [mask]), graph.constant(0)])


def masked(graph: GraphBuilder, scores: str, slots: Slots) -> str:
    """Return scores of slots, those of unavailable items below every other."""
    lowest = graph.node("CastLike", [graph.constant(LOWEST), scores])
    return graph.node("Where", [slots.unavailable(graph), lowest, scores])
