"""The search of an inverted file inside a score graph: blocks first, then the items of the best ones.

Knows how the tensors are laid out, and not how they came about (`ivf`).
"""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.schemes.block_choice import promising
from model_export.export.schemes.int8_codes import LEVELS, Coder, Floats
from model_export.export.schemes.scheme import Candidates, Wanted
from model_export.export.schemes.shortlist import shortlist
from model_export.export.schemes.top_k import BLOCK, ascending

WIDTH = 16
"""Items of a block: in fewer, the product of a block is slow; in more, they lie further apart."""
SPREAD = 0.3
"""Share of how far its items lie from its centre by which a block's score goes beyond its centre's."""
SPREAD_CODES = 4
"""Further codes that the spread is split into."""
_FIRST = np.zeros(1, np.int32)
"""The first item, which stands for padding where an item is asked after."""


@dataclass(frozen=True)
class Search:
    """Searches the stored tensors `centres`, `members` and `places`.

    Attributes:
        coder: of centres and items.
        blocks: how many, but for one more of padding.
        probes: blocks whose items are scored, about.
        widest: what the largest code of a spread is worth.
        shortlisted: items that are rescored, beside what a longer answer or excluded items ask for.
    """

    coder: Coder
    blocks: int
    probes: int
    widest: float
    shortlisted: int

    def candidates(self, graph: GraphBuilder, state: str, wanted: Wanted) -> Candidates:
        """See `Prepared`."""
        levels = self.coder.levels(graph, state)
        multiplier = self.coder.unsigned(graph, levels)
        scored = graph.node(
            "MatMulInteger", [self._asks(graph, levels, multiplier), graph.stored("centres", mapped=True)]
        )
        flat = graph.node("Reshape", [scored, graph.constant([-1])])

        def available_in(branch: GraphBuilder, chosen: str) -> str:
            there = branch.node("Gather", [graph.stored("places"), self._real(branch, chosen)])
            gone = branch.node("Gather", [wanted.unavailable, branch.node("Max", [there, branch.constant(_FIRST)])])
            real = branch.node("GreaterOrEqual", [there, branch.constant(_FIRST)])
            eligible = branch.node("And", [branch.node("Not", [gone]), real])
            return branch.node("ReduceSum", [branch.node("Cast", [eligible], to=TensorProto.INT64)], keepdims=0)

        slots = -(-self.blocks // BLOCK) * BLOCK
        chosen = self._real(graph, promising(graph, flat, slots, self.probes, wanted, WIDTH, available_in))
        scores = graph.node(
            "MatMulInteger", [multiplier, graph.node("Gather", [graph.stored("members", mapped=True), chosen])]
        )
        inside = graph.node("Gather", [graph.stored("places"), chosen])
        slots_inside = _Inside(graph.node("Reshape", [inside, graph.constant([-1])]), self.probes * WIDTH, wanted)
        return shortlist(graph, scores, slots_inside, wanted, self.shortlisted)

    def _asks(self, graph: GraphBuilder, levels: str, multiplier: str) -> str:
        """Build what multiplies the centres: the state's levels, and its length for their spread."""
        worth = graph.constant(SPREAD * self.widest / SPREAD_CODES / LEVELS)
        reach = graph.node("Mul", [_length(graph, levels, self.coder.scales), worth])
        weight = graph.node("Cast", [graph.node("Min", [reach, graph.constant(float(LEVELS))])], to=TensorProto.UINT8)
        weights = graph.node("Expand", [weight, graph.constant([1, SPREAD_CODES])])
        return graph.node("Concat", [multiplier, weights], axis=1)

    def _real(self, graph: GraphBuilder, chosen: str) -> str:
        """Return blocks that there are: padded centres stand for the one of padding."""
        return graph.node("Min", [chosen, graph.constant(self.blocks)])


@dataclass(frozen=True)
class _Inside:
    """The slots of the blocks that are looked into: see `Slots`.

    Attributes:
        places: int32[slots], their items, -1 for none.
        usual: how many slots there usually are.
        wanted: what the answer asks for.
    """

    places: str
    usual: int
    wanted: Wanted
    unit: int = WIDTH
    room: int = 0

    def items(self, graph: GraphBuilder, slots: str) -> str:
        """See `Slots`."""
        items = graph.node("Cast", [graph.node("Gather", [self.places, slots])], to=TensorProto.INT64)
        return ascending(graph, items, graph.node("Shape", [items]))

    def unavailable(self, graph: GraphBuilder) -> str:
        """See `Slots`."""
        return self._of(graph, self.places)

    def unavailable_at(self, graph: GraphBuilder, slots: str) -> str:
        """See `Slots`."""
        return self._of(graph, graph.node("Gather", [self.places, slots]))

    def _of(self, graph: GraphBuilder, items: str) -> str:
        return graph.node("Gather", [self.wanted.unavailable, graph.node("Max", [items, graph.constant(_FIRST)])])


def _length(graph: GraphBuilder, levels: str, scales: Floats) -> str:
    known = np.maximum(scales, scales.max() * 1e-6)  # a dimension that no item differs in has next to no scale
    turned = graph.node("Div", [levels, graph.constant(known[None].astype(np.float32))])
    return graph.node("ReduceL2", [turned, graph.constant([1])], keepdims=1)
