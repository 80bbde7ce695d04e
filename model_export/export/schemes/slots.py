"""Slots of a pass over the catalogue: which item a slot stands for, and whether that item is available.

Most schemes score the items in their order, with padding after them (`InOrder`).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from onnx import TensorProto

from model_export.export.onnx.builder import Value
from model_export.export.schemes.top_k import BLOCK, LOWEST

MASKED_UP_TO = 1 << 16
"""Number of slots in the items' order up to which a mask takes no longer than a look at the list: some 15 us."""


class Slots(Protocol):
    """The slots of a pass."""

    @property
    def usual(self) -> int:
        """The usual number of slots."""
        ...

    @property
    def unit(self) -> int:
        """The number of slots is a multiple of this: see `top_k.top_k`."""
        ...

    @property
    def masked_at_once(self) -> bool:
        """Whether a mask of all scores takes no longer than a look at the best of them."""
        ...

    @property
    def scored_padding(self) -> int:
        """The number of slots without an item that may have a better score than an item."""
        ...

    def items(self, slots: Value) -> Value:
        """Return the items of some ascending slots, int64[n] ascending, -1 for none."""
        ...

    def unavailable(self) -> Value:
        """Mark the slots whose items are unavailable, bool[slots]. Only for use where items are unavailable."""
        ...

    def unavailable_at(self, slots: Value) -> Value:
        """Do the same for some slots, bool[n]. A slot without an item gets any value."""
        ...


@dataclass(frozen=True)
class InOrder:
    """The items in their order, then padding.

    Attributes:
        count: the number of items.
        usual: the number of slots.
        mask: bool[items], which items are unavailable.
    """

    count: int
    usual: int
    mask: Value
    unit: int = BLOCK

    @property
    def masked_at_once(self) -> bool:
        """See `Slots`."""
        return self.usual <= MASKED_UP_TO

    @property
    def scored_padding(self) -> int:
        """See `Slots`."""
        return self.usual - self.count

    def items(self, slots: Value) -> Value:
        """See `Slots`; the slots may come in any order, and their items keep it."""
        return slots if self.count == self.usual else (slots < self.count).select(slots, -1)

    def unavailable(self) -> Value:
        """See `Slots`."""
        if self.count == self.usual:
            return self.mask
        return self.mask.graph.concat(self.mask, np.zeros(self.usual - self.count, np.bool_))

    def unavailable_at(self, slots: Value) -> Value:
        """See `Slots`."""
        return self.mask.gather(slots.min([self.count - 1]))


def any_unavailable(mask: Value) -> Value:
    """Return whether there is a mask, bool[]: it has no length where every item is available."""
    return mask.size() > 0


def mask_unavailable(scores: Value, slots: Slots) -> Value:
    """Lower the scores of unavailable items below every other score.

    Added, not selected: ONNX Runtime's Where takes 7 ms for a random half of a million scores, and this 0.4 ms. By way
    of floats: it makes integers of booleans one by one, and floats many at a time.
    """
    graph = scores.graph
    penalty = slots.unavailable().cast(TensorProto.FLOAT) * LOWEST
    return scores + graph.node("CastLike", penalty, scores)
