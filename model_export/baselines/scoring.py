"""From scores to ranks: what all baselines share.

A baseline only has to score the whole train catalogue for one prefix of a session; this module
turns that into the `Ranker` of the protocol. It knows nothing of how the scores come about.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model_export.protocol import COVERAGE_DEPTH, rank_of, top_codes


class Scorer(Protocol):
    """Scores every item of the train catalogue as the next one."""

    def scores(self, prefix: NDArray[np.int32]) -> NDArray[np.float64]:
        """float64[items], higher is better.

        Args:
            prefix: int32[t], codes of the session so far, oldest first, t >= 1.
        """


class ScoringRanker:
    """The `Ranker` of any `Scorer`: every prefix is scored anew, over the whole catalogue."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def ranks(self, session: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """See `model_export.protocol.Ranker.ranks`."""
        steps = len(session) - 1
        ranks = np.empty(steps, dtype=np.float64)
        top = np.empty((steps, COVERAGE_DEPTH), dtype=np.int32)
        for step in range(steps):
            scores = self._scorer.scores(session[: step + 1])
            ranks[step] = rank_of(scores, int(session[step + 1]))
            top[step] = top_codes(scores)
        return ranks, top
