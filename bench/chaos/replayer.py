"""The model's own replays, to compare a store's hidden states and a function's answers with. Knows no store."""

from collections.abc import Iterable, Sequence

import numpy as np

from bench.chaos.history import replays
from bench.chaos.journal import Top
from nextitem.hidden_state import HiddenState
from nextitem.model.engine import Model
from nextitem.sessions.session import WINDOW

DEEP = 100
"""How deep the replay's ranking is looked at for an item of an answer."""


class Replayer:
    """Replays by one model, each prefix once."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._after: dict[tuple[int, int], int] = {}
        """(a prefix's number, the next item's index) -> the longer prefix's number; the empty one's is 0."""
        self._hidden: list[HiddenState] = [model.replay(None, [])]

    def hidden_error(self, hidden: HiddenState, items: Sequence[str | None], enough: float) -> float | None:
        """Return how far a hidden state is from the nearest replay that may have led to it, relative in its norm.

        Args:
            hidden: the state to judge.
            items: all that came before it.
            enough: no better replay is looked for than this near.

        Returns:
            The error, infinite for a state of another size; None if so little is known that nothing can be replayed.
        """
        best: float | None = None
        for known in replays(items):
            clean = self._replayed(known)
            error = float("inf")
            if clean.size == hidden.size:
                error = float(np.linalg.norm(hidden - clean) / max(float(np.linalg.norm(clean)), 1e-6))
            best = error if best is None else min(best, error)
            if best <= enough:
                break
        return best

    def score_gap(self, top: Top, items: Sequence[str | None], enough: float) -> float | None:
        """Return how far a ranking is from the nearest replay's, place by place and item by item; else as above."""
        best: float | None = None
        for known in replays(items):
            gap = self._gap(top, known)
            best = gap if best is None else min(best, gap)
            if best <= enough:
                break
        return best

    def _gap(self, top: Top, items: Iterable[str]) -> float:
        known = list(items)
        session = self._model.vocabulary.indices(known[-WINDOW:])
        clean = self._model.top(self._replayed(known), (), DEEP, session)
        scores = {self._model.vocabulary.item_id(one.index): one.score for one in clean}
        if not top or len({item_id for item_id, _ in top}) < len(top):
            return float("inf")
        by_item = max(abs(scores.get(item_id, float("inf")) - score) for item_id, score in top)
        by_place = max(abs(one.score - score) for one, (_, score) in zip(clean, top, strict=False))
        return max(by_item, by_place)

    def _replayed(self, items: Iterable[str]) -> HiddenState:
        prefix = 0
        for index in self._model.vocabulary.indices(items):
            longer = self._after.get((prefix, index))
            if longer is None:
                longer = self._after[prefix, index] = len(self._hidden)
                self._hidden.append(self._model.replay(self._hidden[prefix], [index]))
            prefix = longer
        return self._hidden[prefix]
