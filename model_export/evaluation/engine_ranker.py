"""The quantized engine that serves, judged as it serves: one event at a time, its state stored in between.

Knows the protocol's `Ranker` and nothing of torch.
"""

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
    """A `Ranker` by a model version, over its vocabulary.

    A rank is exact up to `MAX_TOP`, the largest k that the graph is asked for, and infinity beyond.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def ranks(self, session: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """See `Ranker.ranks`."""
        items = session.tolist()
        ranks = np.empty(len(items) - 1)
        shown = np.full((len(items) - 1, CUTOFF), NO_ITEM, np.int32)
        hidden: HiddenState | None = None
        for at, (item, following) in enumerate(pairwise(items)):
            hidden = self._model.replay(hidden, [item])
            so_far = items[max(0, at + 1 - WINDOW) : at + 1]
            top = self._model.top(hidden, (), MAX_TOP, so_far)
            ranks[at] = self._rank(hidden, so_far, top, following)
            best = [one.index for one in top[:CUTOFF]]
            shown[at, : len(best)] = best
        return ranks, shown

    def _rank(self, hidden: HiddenState, so_far: list[int], top: list[RankedItem], target: int) -> float:
        items = len(self._model.vocabulary)
        if len(top) < items:
            lowest = top[-1].score
            if top[-2].score == lowest or any(one.index == target and one.score == lowest for one in top):
                # Ties may go on where the list ends: all of them count.
                top = self._model.top(hidden, (), items, so_far)
        rank = rank_in_list([item.index for item in top], np.array([item.score for item in top]), target)
        return rank if rank <= MAX_TOP else math.inf
