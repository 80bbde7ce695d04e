"""SKNN and V-SKNN: the items of the most similar recent sessions.

After Ludewig and Jannach, "Evaluation of Session-based Recommendation Algorithms" (UMUAI 2018). SKNN compares sessions
as sets: the cosine of their items, and a neighbour's similarity is its vote for each of its items. V-SKNN (vector
multiplication) gives newer events of the session more weight, in the similarity and in the vote of a neighbour by the
newest item that it shares.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from model_export.baselines.neighbours import Floats, Neighbours, totals
from model_export.baselines.session_index import Candidates, Ints, SessionIndex

Decay = Literal["none", "linear", "reciprocal", "share"]

LINEAR_STEP = 0.1
"""What linear decay takes off for each event further back; beyond ten nothing is left."""


@dataclass(frozen=True)
class SknnConfig:
    """Settings of SKNN."""

    m: int = 1000
    """Candidates: the most recent sessions that share an item."""
    k: int = 100
    """Neighbours: the most similar candidates."""


@dataclass(frozen=True)
class VsknnConfig:
    """Settings of V-SKNN."""

    m: int = 1000
    """Candidates: the most recent sessions that share an item."""
    k: int = 100
    """Neighbours: the most similar candidates."""
    weighting: Decay = "linear"
    """Weight of the session's events in the similarity."""
    vote_weighting: Decay = "linear"
    """Weight of a neighbour's vote by its newest match."""
    idf: bool = False
    """Whether a vote is multiplied by ln(train sessions / sessions that hold the item)."""


class Sknn(Neighbours):
    """Cosine of sessions as sets."""

    def __init__(self, index: SessionIndex, config: SknnConfig | None = None) -> None:
        config = config or SknnConfig()
        super().__init__(index, config.m, config.k)
        self._root = np.sqrt(index.distinct)

    def similarity(self, found: Candidates, length: int, distinct: int) -> Floats:  # noqa: ARG002 - counts sets
        """See `Neighbours.similarity`."""
        shared = np.bincount(found.which, minlength=len(found.sessions))
        cosine: Floats = shared / (self._root[found.sessions] * np.sqrt(distinct))
        return cosine

    def votes(self, newest_match: Ints, owners: Ints, codes: Ints, places: Ints, matched: Ints) -> Floats:  # noqa: ARG002 - all alike
        """See `Neighbours.votes`."""
        return np.ones(len(owners))


class Vsknn(Neighbours):
    """The session's events weighted by how new they are."""

    def __init__(self, index: SessionIndex, config: VsknnConfig | None = None) -> None:
        self._config = config or VsknnConfig()
        super().__init__(index, self._config.m, self._config.k)
        self._idf = idf_of(index) if self._config.idf else np.ones(index.items)

    def similarity(self, found: Candidates, length: int, distinct: int) -> Floats:
        """See `Neighbours.similarity`."""
        weights = decayed(self._config.weighting, found.back, length)
        similarity: Floats = totals(found.which, weights, len(found.sessions)) / distinct
        return similarity

    def votes(self, newest_match: Ints, owners: Ints, codes: Ints, places: Ints, matched: Ints) -> Floats:  # noqa: ARG002 - places do not count
        """See `Neighbours.votes`."""
        votes: Floats = decayed(self._config.vote_weighting, newest_match + 1, 0)[owners] * self._idf[codes]
        return votes


def decayed(decay: Decay, back: Ints, length: int) -> Floats:
    """Weight of events by how far back they are, float64 of the same shape.

    Args:
        decay: ``linear``: 1 - 0.1 x back, ``reciprocal``: 1 / back (from 1 on), ``share``: the event's place over the
            session's length, ``none``: 1.
        back: events before the newest.
        length: events of the session, for ``share``.
    """
    far = back.astype(np.float64)
    match decay:
        case "linear":
            return np.maximum(1.0 - LINEAR_STEP * far, 0.0)
        case "reciprocal":
            return 1.0 / np.maximum(far, 1.0)
        case "share":
            return (length - far) / length
        case "none":
            return np.ones(len(far))


def idf_of(index: SessionIndex) -> Floats:
    """ln(train sessions / train sessions that hold the item), float64[items]."""
    idf: Floats = np.log(index.sessions / np.maximum(index.holders, 1).astype(np.float64))
    return idf
