"""For large catalogues: an inverted file of blocks, of which only the most promising are scored.

Items are put in blocks of 16 that lie close together (`clusters`). A request scores all blocks, then the items of the
best ones, both with the codes of `codes`, then the best items from their float16 rows. A block is scored by its centre
and by how far its items spread around it: what may be wanted of a wide block lies beyond its centre.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.int8_codes import LEVELS, Coder, Codes, blocked, padding
from model_export.export.schemes.item_blocks import ordered
from model_export.export.schemes.ivf_search import SPREAD_CODES, WIDTH, Search
from model_export.export.schemes.rotation import rotation, sample
from model_export.export.schemes.rows import CHUNK, HalfRows, chunks
from model_export.export.schemes.scheme import Prepared
from model_export.export.schemes.shortlist import listed, usual
from model_export.export.schemes.top_k import BLOCK

Floats = NDArray[np.float32]

FARTHEST = 0.5
"""What its farthest item adds to that, beside the root of the mean square: it is what would not be found."""
FEWEST_DIMS = 76


@dataclass(frozen=True)
class Ivf:
    """Scores the items of some blocks roughly, then the best exactly."""

    percent: float
    """Blocks that are scored, of a hundred."""
    dims: int | None = None
    """Rotated dimensions of centres and items, at most all; None for 3 of 8 and at least 76."""
    candidates: int = 920
    """Best items of a million that are rescored, beside what a longer answer or excluded items ask for."""
    pays_from: int = 250_000
    """Items from which on blocks lie close enough together."""

    @property
    def name(self) -> str:
        """See `Scheme`."""
        return f"ivf-{self.percent:g}"

    def refusal(self, items: int, _hidden: int) -> str:
        """See `Scheme`."""
        return f"looking into some blocks pays from {self.pays_from} items on" if items < self.pays_from else ""

    def prepare(self, weights: WeightsFile, table: Floats, states: Floats) -> Prepared:
        """See `Scheme`."""
        items, hidden = table.shape
        some = sample(table)
        dims = min(self.dims or max(FEWEST_DIMS, hidden * 3 // 8), hidden)
        coder = Coder.of(rotation(some, states, dims), some)
        codes = np.empty((items, dims), np.int8)
        for at, chunk in enumerate(chunks(table)):
            codes[at * CHUNK : at * CHUNK + len(chunk)] = coder.codes(chunk)[:, :dims]
        order = ordered(codes, WIDTH, coder.scales)
        blocks = -(-items // WIDTH)
        centres = np.empty((blocks, dims), np.int8)
        spreads = np.empty(blocks, np.float32)

        def members() -> Iterator[Codes]:
            for at in range(0, items, CHUNK):
                some = codes[order[at : at + CHUNK]]
                here = slice(at // WIDTH, at // WIDTH + -(-len(some) // WIDTH))
                centres[here], spreads[here] = _summed_up(some, coder.scales)
                yield coder.finished(some)

        all_members = chain(blocked(members(), coder, WIDTH), blocked(iter([padding(coder, WIDTH)]), coder, WIDTH))
        weights.add_chunks("members", (blocks + 1, coder.depth, WIDTH), np.dtype(np.int8), all_members)
        groups = -(-blocks // BLOCK)
        depth = coder.depth + SPREAD_CODES
        widest = max(float(spreads.max()), float(np.finfo(np.float32).tiny))
        weights.add("centres", _laid_out(coder, centres, (spreads / widest).astype(np.float32)))
        places = np.full((blocks + 1) * WIDTH, -1, np.int32)
        places[:items] = order
        weights.add("places", places.reshape(blocks + 1, WIDTH))
        rows = HalfRows.store(weights, table)
        probes = -(-round(blocks * self.percent) // 100)
        candidates_of = listed(self.candidates, items)
        search = Search(coder, blocks, probes, widest, candidates_of)
        traffic = groups * BLOCK * (depth + 12) + probes * WIDTH * (3 * coder.depth + 16)
        return Prepared(rows, search.candidates, traffic, rescored=usual(candidates_of), bits=8, block=items)


def _summed_up(codes: Codes, scales: Floats) -> tuple[NDArray[np.float32], Floats]:
    """Return the centres of blocks, rounded, and how far their items lie from them."""
    starts = np.arange(0, len(codes), WIDTH)
    sizes = np.diff(np.append(starts, len(codes))).astype(np.float32)
    floats = codes.astype(np.float32)
    means = np.add.reduceat(floats, starts, axis=0) / sizes[:, None]
    off = np.square((floats - np.repeat(means, sizes.astype(int), axis=0)) * scales).sum(axis=1)
    usual, farthest = np.sqrt(np.add.reduceat(off, starts) / sizes), np.sqrt(np.maximum.reduceat(off, starts))
    return np.rint(means), (usual + FARTHEST * farthest).astype(np.float32)


def _laid_out(coder: Coder, centres: Codes, spreads: Floats) -> Codes:
    """Return the codes of centres and of their spreads, 0 to 1, int8[groups, depth, 128]."""
    (codes,) = blocked(iter([coder.finished(centres)]), coder)
    wide = np.zeros(len(codes) * BLOCK, np.int8)
    wide[: len(spreads)] = np.rint(spreads * LEVELS)
    return np.concatenate([codes, np.repeat(wide.reshape(-1, 1, BLOCK), SPREAD_CODES, axis=1)], axis=1)
