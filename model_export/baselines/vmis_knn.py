"""VMIS-kNN: recommend the items of the most similar recent sessions, found in an inverted index.

Kersbergen, Sprangers and Schelter, "Serenade: Low-Latency Session-Based Recommendation in e-Commerce at Scale"
(SIGMOD 2022); the details follow the authors' implementation.

The current session is its n newest events, at positions 0 .. n-1 from the newest; a repeated item stands at its newest
position.

1. Candidates are the m most recent train sessions that share an item with it.
2. Similarity of a candidate = sum of (n - position) / distinct items, over the shared items.
3. Neighbours are the k most similar candidates; of equal ones the more recent come first.
4. Score of an item = sum over the neighbours that hold it of
   similarity * (1 - 0.1 * (1 + position of the newest shared item)) * idf(item),
   with idf(item) = ln(train sessions / train sessions that hold the item).

The authors do not recommend the current item.
"""

from dataclasses import dataclass

import numpy as np

from model_export.baselines.neighbours import (
    Floats,
    NeighbourConfig,
    NeighbourItems,
    Neighbours,
    inverse_document_frequency,
    sum_by_group,
)
from model_export.baselines.session_index import Candidates, SessionIndex

MATCH_DECAY = 0.1
"""Loss of a neighbour's vote per position of its newest shared item."""

MAX_WINDOW = 9
"""At the tenth newest event the vote would be 0."""


@dataclass(frozen=True)
class VmisKnnConfig(NeighbourConfig):
    """Settings of VMIS-kNN."""

    m: int = 500
    """The paper's default; k = 100 is the best value of the authors' parameter search on their public sample."""
    window: int = MAX_WINDOW
    """Newest events of the current session that count, 1 to `MAX_WINDOW`."""


class VmisKnn(Neighbours):
    """The VMIS-kNN baseline."""

    def __init__(self, index: SessionIndex, config: VmisKnnConfig) -> None:
        super().__init__(index, config, config.window)
        self._idf = inverse_document_frequency(index)

    def similarity(self, candidates: Candidates) -> Floats:
        """See `Neighbours.similarity`."""
        weights = (candidates.length - candidates.ages).astype(np.float64)  # whole numbers: equal sums are equal
        similarity: Floats = sum_by_group(candidates.owners, weights, len(candidates.sessions)) / candidates.distinct
        return similarity

    def vote_weights(self, items: NeighbourItems) -> Floats:
        """See `Neighbours.vote_weights`."""
        by_neighbour = 1.0 - MATCH_DECAY * (1 + items.match_ages)
        weights: Floats = by_neighbour[items.owners] * self._idf[items.codes]
        return weights
