"""An inverted file of blocks for large catalogues: a request scores only the most promising blocks.

Items are put in blocks of 16 that lie close together (`item_blocks`). A request scores all blocks, then the items of
the best ones, both with the codes of `int8_codes`, then the best items from their int16 rows. A block is scored by
its centre and by how far its items spread around it: the best item of a wide block lies beyond the centre.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from model_export.export.onnx.weights_file import Floats, WeightsFile
from model_export.export.schemes.depth import measured_depth
from model_export.export.schemes.int8_codes import LEVELS, Coder, Codes, blocked, padding
from model_export.export.schemes.item_blocks import order_items
from model_export.export.schemes.ivf_search import SPREAD_CODES, WIDTH, Search
from model_export.export.schemes.rotation import rotation, sample
from model_export.export.schemes.rows import CHUNK, ShortRows, chunks
from model_export.export.schemes.scheme import PreparedScheme
from model_export.export.schemes.shortlist import scaled_candidates, usual_length
from model_export.export.schemes.top_k import BLOCK

FARTHEST = 0.5
"""Weight of the farthest item's distance in a block's spread, beside the root mean square: it is easily missed."""
MIN_DIMS = 76
PAYS_FROM = 250_000
"""Number of items from which on the items of a block lie close enough together."""


@dataclass(frozen=True)
class Ivf:
    """Scores the items of some blocks roughly, then the best exactly."""

    percent: float
    """Percentage of the blocks that are scored."""
    dims: int | None = None
    """Rotated dimensions of centres and items, at most all; None for 3 of 8 and at least `MIN_DIMS`."""
    candidates: int = 920
    """Best items of a million that are rescored at least, beside those that a longer answer or excluded items add. More
    are where the best items lie deeper (`depth`): otherwise no share of the blocks finds them."""

    @property
    def name(self) -> str:
        """See `Scheme`."""
        return f"ivf-{self.percent:g}"

    def refusal(self, items: int, _hidden: int) -> str:
        """See `Scheme`."""
        return f"looking into some blocks pays from {PAYS_FROM} items on" if items < PAYS_FROM else ""

    def prepare(self, weights: WeightsFile, table: Floats, states: Floats) -> PreparedScheme:
        """See `Scheme`."""
        items, hidden = table.shape
        rows_sample = sample(table)
        dims = min(self.dims or max(MIN_DIMS, hidden * 3 // 8), hidden)
        coder = Coder.of(rotation(rows_sample, states, dims), rows_sample)
        codes = np.empty((items, dims), np.int8)
        for at, chunk in enumerate(chunks(table)):
            codes[at * CHUNK : at * CHUNK + len(chunk)] = coder.codes(chunk)[:, :dims]
        order = order_items(codes, WIDTH, coder.scales)
        blocks = -(-items // WIDTH)
        widest = _store_blocks(weights, coder, codes, order)
        places = np.full((blocks + 1) * WIDTH, -1, np.int32)
        places[:items] = order
        weights.add("places", places.reshape(blocks + 1, WIDTH))
        rows = ShortRows.store(weights, table)
        probes = -(-round(blocks * self.percent) // 100)
        depth = measured_depth(table, states, dims)
        candidates = max(scaled_candidates(self.candidates, items), depth or 0)
        search = Search(coder, blocks, probes, widest, candidates)
        traffic = -(-blocks // BLOCK) * BLOCK * (coder.depth + SPREAD_CODES + 12)
        traffic += probes * WIDTH * (3 * coder.depth + 16)
        return PreparedScheme(rows, search.candidates, traffic, usual_length(candidates), bits=8, block=items)


def _store_blocks(weights: WeightsFile, coder: Coder, codes: Codes, order: NDArray[np.int32]) -> float:
    """Write the tensors `members` and `centres`, and return the largest spread."""
    items, dims = codes.shape
    blocks = -(-items // WIDTH)
    centres = np.empty((blocks, dims), np.int8)
    spreads = np.empty(blocks, np.float32)

    def members() -> Iterator[Codes]:
        for at in range(0, items, CHUNK):
            chunk = codes[order[at : at + CHUNK]]
            here = slice(at // WIDTH, at // WIDTH + -(-len(chunk) // WIDTH))
            centres[here], spreads[here] = _centres_and_spreads(chunk, coder.scales)
            yield coder.with_corrections(chunk)

    with_padding = chain(blocked(members(), coder, WIDTH), blocked(iter([padding(coder, WIDTH)]), coder, WIDTH))
    weights.add_chunks("members", (blocks + 1, coder.depth, WIDTH), np.dtype(np.int8), with_padding)
    widest = max(float(spreads.max()), float(np.finfo(np.float32).tiny))
    weights.add("centres", _centre_codes(coder, centres, (spreads / widest).astype(np.float32)))
    return widest


def _centres_and_spreads(codes: Codes, scales: Floats) -> tuple[NDArray[np.float32], Floats]:
    """Return the rounded centres of blocks, and how far their items lie from them."""
    starts = np.arange(0, len(codes), WIDTH)
    sizes = np.diff(np.append(starts, len(codes))).astype(np.float32)
    floats = codes.astype(np.float32)
    means = np.add.reduceat(floats, starts, axis=0) / sizes[:, None]
    squares = np.square((floats - np.repeat(means, sizes.astype(int), axis=0)) * scales).sum(axis=1)
    usual, farthest = np.sqrt(np.add.reduceat(squares, starts) / sizes), np.sqrt(np.maximum.reduceat(squares, starts))
    return np.rint(means), (usual + FARTHEST * farthest).astype(np.float32)


def _centre_codes(coder: Coder, centres: Codes, spreads: Floats) -> Codes:
    """Return the codes of centres and of their spreads, 0 to 1, int8[groups, depth, 128]."""
    (codes,) = blocked(iter([coder.with_corrections(centres)]), coder)
    spread_codes = np.zeros(len(codes) * BLOCK, np.int8)
    spread_codes[: len(spreads)] = np.rint(spreads * LEVELS)
    return np.concatenate([codes, np.repeat(spread_codes.reshape(-1, 1, BLOCK), SPREAD_CODES, axis=1)], axis=1)
