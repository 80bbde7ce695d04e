"""Rank with the engine as it serves: one event at a time, from the state after the event before."""

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model_export.metrics.protocol import NO_ITEM
from model_export.metrics.ranking import CUTOFF, rank_in_list
from nextitem.hidden_state import HiddenState
from nextitem.model.engine import Model, RankedItem
from nextitem.model.manifest import MAX_TOP
from nextitem.sessions.session import WINDOW


class EngineRanker:
    """The `Ranker` of a model version, over its vocabulary.

    Ranks are exact up to `MAX_TOP`, the largest `k` of a request, and infinity beyond.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def ranks(self, session: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """See `Ranker.ranks`."""
        items = session.tolist()
        ranks = np.empty(len(items) - 1)
        shown = np.full((len(items) - 1, CUTOFF), NO_ITEM, np.int32)
        hidden: HiddenState | None = None
        for step, (item, target) in enumerate(pairwise(items)):
            hidden = self._model.replay(hidden, [item])
            window = items[max(0, step + 1 - WINDOW) : step + 1]
            top = self._model.top(hidden, (), MAX_TOP, window)
            ranks[step] = self._rank(hidden, window, top, target)
            best = [ranked.index for ranked in top[:CUTOFF]]
            shown[step, : len(best)] = best
        return ranks, shown

    def _rank(self, hidden: HiddenState, window: list[int], top: list[RankedItem], target: int) -> float:
        items = len(self._model.vocabulary)
        if len(top) < items:
            lowest = top[-1].score
            if top[-2].score == lowest or any(ranked == RankedItem(target, lowest) for ranked in top):
                # Items beyond the list's end may tie with its last score, and half of them count.
                top = self._model.top(hidden, (), items, window)
        rank = rank_in_list([ranked.index for ranked in top], np.array([ranked.score for ranked in top]), target)
        return rank if rank <= MAX_TOP else math.inf
