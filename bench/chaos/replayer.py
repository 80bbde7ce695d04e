"""Replay sessions with the model, to check hidden states of the store and answers of the function."""

from collections.abc import Iterable, Sequence

import numpy as np

from bench.chaos.history import Action, replays
from bench.chaos.journal import Top
from nextitem.hidden_state import HiddenState
from nextitem.model.engine import Model
from nextitem.sessions.session import WINDOW

DEEP = 100
"""Depth of the replay's ranking that is searched for the items of an answer."""


class Replayer:
    """Replays with one model; computes each prefix once."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._after: dict[tuple[int, int, int], int] = {}
        """(number of a prefix, index and type of the next event) -> number of the longer prefix; no event has 0."""
        self._hidden: list[HiddenState] = [model.replay(None, [])]

    def hidden_error(self, hidden: HiddenState, actions: Sequence[Action | None], tolerance: float) -> float | None:
        """Return the relative distance of a hidden state from the nearest valid replay.

        Args:
            hidden: the state to check.
            actions: all actions before it; None for an unknown one.
            tolerance: the search ends at a replay within this distance.

        Returns:
            The distance, infinite for a state of another size; None if too few actions are known for a replay.
        """
        best: float | None = None
        for known in replays(actions):
            clean = self._replay(known)
            error = float("inf")
            if clean.size == hidden.size:
                error = float(np.linalg.norm(hidden - clean) / max(float(np.linalg.norm(clean)), 1e-6))
            best = error if best is None else min(best, error)
            if best <= tolerance:
                break
        return best

    def score_gap(self, top: Top, actions: Sequence[Action | None], tolerance: float) -> float | None:
        """Return the greatest score difference of a ranking from the nearest valid replay, as `hidden_error` does."""
        best: float | None = None
        for known in replays(actions):
            gap = self._gap(top, known)
            best = gap if best is None else min(best, gap)
            if best <= tolerance:
                break
        return best

    def _gap(self, top: Top, known: Sequence[Action]) -> float:
        session = self._model.vocabulary.indices(action.item_id for action in known[-WINDOW:])
        clean = self._model.top(self._replay(known), (), DEEP, session)
        scores = {self._model.vocabulary.item_id(item.index): item.score for item in clean}
        if not top or len({item_id for item_id, _ in top}) < len(top):
            return float("inf")
        by_item = max(abs(scores.get(item_id, float("inf")) - score) for item_id, score in top)
        by_place = max(abs(item.score - score) for item, (_, score) in zip(clean, top, strict=False))
        return max(by_item, by_place)

    def _replay(self, actions: Iterable[Action]) -> HiddenState:
        prefix = 0
        for action in actions:
            index, [code] = self._model.vocabulary.index(action.item_id), self._model.type_codes([action.type])
            if index is None:
                continue
            longer = self._after.get((prefix, index, code))
            if longer is None:
                longer = self._after[prefix, index, code] = len(self._hidden)
                self._hidden.append(self._model.replay(self._hidden[prefix], [index], types=[code]))
            prefix = longer
        return self._hidden[prefix]
