"""VMIS-kNN: what the most similar recent train sessions hold.

After Kersbergen, Sprangers and Schelter, "Serenade: Low-Latency Session-Based Recommendation in
e-Commerce at Scale" (SIGMOD 2022), in the details as the authors' implementation has it.

For a session so far (its n newest events, at positions 0 .. n-1 from the newest; an item that
repeats stands at its newest position):

1. candidates are the m most recent train sessions that share an item with it;
2. similarity of a candidate = sum of (n - position) / distinct items, over the shared items;
3. neighbours are the k most similar candidates, the more recent first of equal ones;
4. score of an item = sum over the neighbours that hold it of
   similarity * (1 - 0.1 * (1 + position of the newest shared item)) * idf(item),
   with idf(item) = ln(train sessions / train sessions that hold the item).

The authors do not recommend the session's last item.
"""

from dataclasses import dataclass

import numpy as np

from model_export.baselines.neighbours import Floats, Neighbours, totals
from model_export.baselines.session_index import Candidates, Ints, SessionIndex
from model_export.baselines.sknn import idf_of

MATCH_DECAY = 0.1
"""How much weight a neighbour loses per step back to the newest item it shares."""

MAX_WINDOW = 9
"""At the tenth newest event the match weight would be 0."""


@dataclass(frozen=True)
class VmisKnnConfig:
    """Settings of VMIS-kNN."""

    m: int = 500
    """Candidates, and entries per item of the inverted index (the paper's default)."""
    k: int = 100
    """Neighbours: what the authors' parameter search finds best on their public sample."""
    window: int = MAX_WINDOW
    """Newest events of the session that count, 1 to `MAX_WINDOW`."""


class VmisKnn(Neighbours):
    """See the module."""

    def __init__(self, index: SessionIndex, config: VmisKnnConfig | None = None) -> None:
        config = config or VmisKnnConfig()
        super().__init__(index, config.m, config.k, config.window)
        self._idf = idf_of(index)

    def similarity(self, found: Candidates, length: int, distinct: int) -> Floats:
        """See `Neighbours.similarity`."""
        weights = (length - found.back).astype(np.float64)  # whole numbers, so that equal sums are equal
        similarity: Floats = totals(found.which, weights, len(found.sessions)) / distinct
        return similarity

    def votes(self, newest_match: Ints, owners: Ints, codes: Ints, places: Ints, matched: Ints) -> Floats:  # noqa: ARG002 - places do not count
        """See `Neighbours.votes`."""
        votes: Floats = (1.0 - MATCH_DECAY * (1 + newest_match))[owners] * self._idf[codes]
        return votes
