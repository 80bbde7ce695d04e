"""Rank with the engine as it serves: one event at a time, from the state after the event before."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import next_items
from model_export.metrics.calibration import calibration_error
from model_export.metrics.protocol import RankedSession, new_targets, not_ranked
from model_export.metrics.ranking import CUTOFF, rank_in_list
from nextitem.event_types import VIEW
from nextitem.hidden_state import HiddenState
from nextitem.model.engine import Model, RankedItem
from nextitem.model.manifest import MAX_TOP
from nextitem.sessions.session import WINDOW


class EngineRanker:
    """The `Ranker` of a model version, over its vocabulary.

    Ranks are exact up to `MAX_TOP`, the largest `k` of a request, and infinity beyond. Without seen items they are
    exact as far as the same list goes without them, at least up to `CUTOFF`.

    Args:
        model: the model version.
        types: the types that the codes of sessions stand for (`Sessions.types`).
        keeps_scores: whether to keep what `calibration_error` needs, some 100 bytes for each target.
    """

    def __init__(self, model: Model, types: Sequence[str] = (VIEW,), *, keeps_scores: bool = False) -> None:
        self._model, self._types = model, np.array(model.type_codes(types))
        self._keeps_scores = keeps_scores and model.manifest.calibration is not None
        self._listed: list[NDArray[np.float32]] = []
        self._came: list[NDArray[np.bool_]] = []

    def rank(self, session: NDArray[np.int32], types: NDArray[np.int8] | None = None, /) -> RankedSession:
        """See `Ranker.rank`."""
        items = session.tolist()
        codes = [0] * len(items) if types is None else self._types[types].tolist()
        ranked, is_new = not_ranked(len(items) - 1), new_targets(session).tolist()
        is_target = next_items(session, np.zeros(len(items), np.int8) if types is None else types).tolist()
        hidden: HiddenState | None = None
        for step, (item, target) in enumerate(pairwise(items)):
            hidden = self._model.replay(hidden, [item], types=[codes[step]])
            window = items[max(0, step + 1 - WINDOW) : step + 1]
            seen = set(items[: step + 1])
            top = self._list(hidden, window, target, seen)
            rank = _rank_in(top, target)
            ranked.with_seen.ranks[step] = rank if rank <= MAX_TOP else math.inf
            if self._keeps_scores and is_target[step]:
                self._listed.append(np.array([ranked_item.score for ranked_item in top[:CUTOFF]], np.float32))
                self._came.append(np.array([ranked_item.index == target for ranked_item in top[:CUTOFF]]))
            unseen = [ranked_item for ranked_item in top if ranked_item.index not in seen]
            if is_new[step]:
                ranked.without_seen.ranks[step] = _rank_in(unseen, target)
            for view, listed in zip(ranked, (top, unseen), strict=True):
                best = [ranked_item.index for ranked_item in listed[:CUTOFF]]
                view.top[step, : len(best)] = best
        return ranked

    def calibration_error(self) -> float | None:
        """Return that of the first `CUTOFF` items before each target so far; None without scores or a calibration."""
        if not self._listed:
            return None
        return calibration_error(np.exp(np.concatenate(self._listed)), np.concatenate(self._came))

    def _list(self, hidden: HiddenState, window: list[int], target: int, seen: set[int]) -> list[RankedItem]:
        """Return the best `MAX_TOP` items, or all where those are not enough for both views."""
        items = len(self._model.vocabulary)
        top = self._model.top(hidden, (), MAX_TOP, window)
        if len(top) == items:
            return top
        lowest = top[-1].score
        # Items beyond the list's end may tie with its last score, and half of them count.
        is_tied = top[-2].score == lowest or RankedItem(target, lowest) in top
        if is_tied or sum(ranked.index not in seen for ranked in top) < CUTOFF:
            return self._model.top(hidden, (), items, window)
        return top


def _rank_in(ranked: list[RankedItem], target: int) -> float:
    return rank_in_list([item.index for item in ranked], np.array([item.score for item in ranked]), target)
