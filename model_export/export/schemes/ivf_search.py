"""The search of an inverted file inside a score graph: blocks first, then the items of the best ones."""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from model_export.export.onnx.builder import GraphBuilder, Value
from model_export.export.schemes.block_choice import choose_blocks
from model_export.export.schemes.int8_codes import LEVELS, Coder, Floats
from model_export.export.schemes.scheme import Candidates, Query
from model_export.export.schemes.shortlist import shortlist
from model_export.export.schemes.top_k import BLOCK, ascending

WIDTH = 16
"""Items of a block. The product of a smaller block is slow; items of a larger one lie further apart."""
SPREAD = 0.3
"""Weight of a block's spread in its score, beside that of its centre."""
SPREAD_CODES = 4
"""Further codes that the spread is split into."""
_FIRST = np.zeros(1, np.int32)
"""The first item, which stands for padding where an item's availability is looked up."""


@dataclass(frozen=True)
class Search:
    """Searches the stored tensors `centres`, `members` and `places`.

    Attributes:
        coder: of centres and items.
        blocks: number of blocks; one more of padding follows them.
        probes: approximate number of blocks whose items are scored.
        widest: the spread that the largest code stands for.
        candidates_count: items that are rescored, beside those that a longer answer or excluded items add.
    """

    coder: Coder
    blocks: int
    probes: int
    widest: float
    candidates_count: int

    def candidates(self, graph: GraphBuilder, state: Value, query: Query) -> Candidates:
        """See `PreparedScheme`."""
        levels = self.coder.levels(state)
        multiplier = self.coder.unsigned(levels)
        for_centres = self._centre_multiplier(levels, multiplier)
        centre_scores = graph.node("MatMulInteger", for_centres, graph.stored("centres", mapped=True)).reshape(-1)

        def count_available(blocks: Value) -> Value:
            items = graph.stored("places").gather(self._real(blocks))
            is_unavailable = query.unavailable.gather(items.max(_FIRST))
            is_item = items >= _FIRST
            is_eligible = ~is_unavailable & is_item
            return is_eligible.cast(TensorProto.INT64).reduce("Sum", keepdims=False)

        slots = -(-self.blocks // BLOCK) * BLOCK
        chosen = self._real(choose_blocks(centre_scores, slots, self.probes, query, WIDTH, count_available))
        members = graph.stored("members", mapped=True).gather(chosen)
        scores = graph.node("MatMulInteger", multiplier, members)
        items = graph.stored("places").gather(chosen).reshape(-1)
        return shortlist(scores, _BlockSlots(items, self.probes * WIDTH, query), query, self.candidates_count)

    def _centre_multiplier(self, levels: Value, multiplier: Value) -> Value:
        """Build the multiplier of the centres: the state's levels, and its length for the spread."""
        worth = levels.graph.constant(SPREAD * self.widest / SPREAD_CODES / LEVELS)
        reach = _length(levels, self.coder.scales) * worth
        weight = reach.min(float(LEVELS)).cast(TensorProto.UINT8)
        weights = levels.graph.node("Expand", weight, [1, SPREAD_CODES])
        return levels.graph.concat(multiplier, weights, axis=1)

    def _real(self, blocks: Value) -> Value:
        """Replace padded blocks by the one block of padding that has members."""
        return blocks.min(self.blocks)


@dataclass(frozen=True)
class _BlockSlots:
    """The slots of the chosen blocks: see `Slots`.

    Attributes:
        places: int32[slots], their items, -1 for none.
        usual: the usual number of slots.
        query: the request's k, its number of excluded items, and the unavailable items.
    """

    places: Value
    usual: int
    query: Query
    unit: int = WIDTH
    scored_padding: int = 0
    masked_at_once: bool = False  # the mask of a slot is looked up by its item

    def items(self, slots: Value) -> Value:
        """See `Slots`."""
        items = self.places.gather(slots).cast(TensorProto.INT64)
        return ascending(items, items.shape())

    def unavailable(self) -> Value:
        """See `Slots`."""
        return self._are_unavailable(self.places)

    def unavailable_at(self, slots: Value) -> Value:
        """See `Slots`."""
        return self._are_unavailable(self.places.gather(slots))

    def _are_unavailable(self, items: Value) -> Value:
        return self.query.unavailable.gather(items.max(_FIRST))


def _length(levels: Value, scales: Floats) -> Value:
    # The scale of a dimension is almost 0 if all items are equal in it.
    nonzero: Floats = np.maximum(scales, scales.max() * 1e-6)
    return (levels / nonzero[None].astype(np.float32)).reduce("L2", 1, keepdims=True)
