"""For millions of items: an inverted file of blocks, of which only the most promising are scored.

Items are put in blocks of 128 that lie close together, each with its centre. A request scores all centres, then the
items of the best blocks, both with the codes of `codes`, then the best items from their float16 rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from model_export.export.builder import GraphBuilder
from model_export.export.schemes.clusters import ordered
from model_export.export.schemes.codes import Coder, Codes, blocked, padding
from model_export.export.schemes.rotation import rotation, sample
from model_export.export.schemes.rows import CHUNK, HalfRows, chunks
from model_export.export.schemes.scheme import Candidates, Prepared, Wanted
from model_export.export.schemes.selection import BLOCK, ascending, best
from model_export.export.schemes.shortlist import shortlist, usual
from model_export.export.weightsfile import WeightsFile

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Ivf:
    """Scores the items of some blocks roughly, then the best exactly."""

    dims: int = 64
    """Rotated dimensions of centres and items, at most all."""
    probes: int = 2048
    """Blocks that are scored, beside what a longer answer or excluded items ask for."""
    candidates: int = 512
    """Best items that are rescored, likewise."""

    @property
    def name(self) -> str:
        """See `Scheme`."""
        return "ivf"

    def refusal(self, items: int, _hidden: int) -> str:
        """See `Scheme`."""
        least = 4 * self.probes * BLOCK
        return f"looking into {self.probes} blocks pays from {least} items on" if items < least else ""

    def prepare(self, weights: WeightsFile, table: Floats, states: Floats) -> Prepared:
        """See `Scheme`."""
        items, hidden = table.shape
        some = sample(table)
        dims = min(self.dims, hidden)
        coder = Coder.of(rotation(some, states, dims), some)
        codes = np.empty((items, dims), np.int8)
        for at, chunk in enumerate(chunks(table)):
            codes[at * CHUNK : at * CHUNK + len(chunk)] = coder.codes(chunk)[:, :dims]
        order = ordered(codes, BLOCK)
        blocks = -(-items // BLOCK)
        probes = min(self.probes, blocks)
        centres = np.empty((blocks, dims), np.int8)

        def members() -> Iterator[Codes]:
            for at in range(0, items, CHUNK):
                some = codes[order[at : at + CHUNK]]
                starts = np.arange(0, len(some), BLOCK)
                sums = np.add.reduceat(some.astype(np.int32), starts, axis=0)
                sizes = np.diff(np.append(starts, len(some)))
                centres[at // BLOCK : at // BLOCK + len(starts)] = np.rint(sums / sizes[:, None])
                yield coder.finished(some)

        member_shape = blocks + 1, coder.depth, BLOCK
        all_members = chain(blocked(members(), coder), blocked(iter([padding(coder, BLOCK)]), coder))
        weights.add_chunks("members", member_shape, np.dtype(np.int8), all_members)
        groups = -(-blocks // BLOCK)
        centre_shape = groups, coder.depth, BLOCK
        weights.add_chunks("centres", centre_shape, np.dtype(np.int8), blocked(iter([coder.finished(centres)]), coder))
        places = np.full((blocks + 1) * BLOCK, -1, np.int32)
        places[:items] = order
        weights.add("places", places.reshape(blocks + 1, BLOCK))
        rows = HalfRows.store(weights, table)

        def candidates(graph: GraphBuilder, state: str, wanted: Wanted) -> Candidates:
            multiplier = coder.multiplier(graph, state)
            dead = graph.constant(blocks)  # the block that stands for the padding of the centres
            scored = graph.node("MatMulInteger", [multiplier, graph.stored("centres", mapped=True)])
            flat = graph.node("Reshape", [scored, graph.constant([-1])])
            # An unavailable item may be all that a block promised: each costs another block, up to all of them.
            mask = graph.node("Cast", [wanted.unavailable], to=TensorProto.INT64)
            gone = graph.node("ReduceSum", [mask], keepdims=1)
            further = graph.node("Add", [graph.node("Add", [wanted.k, wanted.barred]), gone])
            more = graph.node("Add", [further, graph.constant([probes])])
            chosen, _ = best(graph, flat, groups * BLOCK, more, ordered=False)
            chosen = ascending(graph, graph.node("Min", [chosen, dead]), graph.node("Shape", [chosen]))
            looked = graph.node("Gather", [graph.stored("members", mapped=True), chosen])
            scores = graph.node("MatMulInteger", [multiplier, looked])
            inside = graph.node("Gather", [graph.stored("places"), chosen])
            flat_inside = graph.node("Reshape", [inside, graph.constant([-1])])

            def items_of(slots: str) -> str:
                return graph.node("Cast", [graph.node("Gather", [flat_inside, slots])], to=TensorProto.INT64)

            def unavailable_in(branch: GraphBuilder) -> str:
                padding_too = branch.node("Max", [flat_inside, branch.constant(np.zeros(1, np.int32))])
                return branch.node("Gather", [wanted.unavailable, padding_too])

            return shortlist(graph, scores, probes * BLOCK, wanted, self.candidates, items_of, unavailable_in)

        traffic = groups * BLOCK * (coder.depth + 8) + probes * BLOCK * (3 * coder.depth + 16)
        return Prepared(rows, candidates, traffic, rescored=usual(self.candidates), bits=8, block=items)
