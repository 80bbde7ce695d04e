"""Run a pair of graphs in a folder as they will be served. It needs no manifest and no certificate."""

from collections.abc import Iterator
from copy import copy
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_export.data.session_events import SessionEvents
from nextitem.model.manifest import SCORE_GRAPH, STEP_GRAPH
from nextitem.model.onnx_graphs import open_graph

Floats = NDArray[np.float32]
Items = NDArray[np.int32]
"""Item codes of a session, oldest first."""

NO_ITEMS: Items = np.empty(0, np.int32)
_NONE = np.empty(0, np.int64)


class GraphRunner:
    """An opened pair of graphs.

    Args:
        folder: where they are.
        layers: GRU layers.
        hidden: hidden size.
        items: size of the catalogue.
    """

    def __init__(self, folder: Path, layers: int, hidden: int, items: int) -> None:
        self._step, self._score = open_graph(folder / STEP_GRAPH), open_graph(folder / SCORE_GRAPH)
        self._has_types = "types" in {value.name for value in self._step.get_inputs()}
        self._has_memory = "session" in {value.name for value in self._score.get_inputs()}
        self._state_shape = (layers, 1, hidden)
        self._new_rows = np.empty((0, hidden), np.float32)
        self._unavailable = np.empty(0, np.bool_)
        self._items = items

    def with_new_items(self, rows: Floats, unavailable: NDArray[np.bool_]) -> "GraphRunner":
        """Return the same graphs for a catalogue with new items.

        Args:
            rows: float32[new, hidden], on the scale of the table's rows.
            unavailable: bool[items + new], which items are not ranked.
        """
        runner = copy(self)
        vars(runner).update(_new_rows=rows, _unavailable=unavailable)
        return runner

    def start(self) -> Floats:
        """Return the zero state, float32[layers, 1, hidden]."""
        return np.zeros(self._state_shape, np.float32)

    def step(self, state: Floats, events: SessionEvents) -> Floats:
        """Return the state after one or more events."""
        feeds = {"items": events.items.astype(np.int64), "hidden": state, "new_rows": self._new_rows}
        if self._has_types:
            feeds["types"] = events.types.astype(np.int64)
        (after,) = self._step.run(None, feeds)
        return np.asarray(after, np.float32)

    def states(self, session: SessionEvents) -> Iterator[Floats]:
        """Yield the state after each event of a session, stepped event by event."""
        state = self.start()
        for at in range(len(session)):
            state = self.step(state, session[at : at + 1])
            yield state

    def scores(self, state: Floats, session: Items = NO_ITEMS) -> Floats:
        """Return the score of every item, float32[items], after a session that led to a state."""
        scores = np.empty(self._items, np.float32)
        ordered, items = self.ranked(state, self._items, session)
        scores[items] = ordered
        return scores

    def top(self, state: Floats, k: int, session: Items = NO_ITEMS) -> NDArray[np.int64]:
        """Return the best k items after a session that led to a state."""
        return self.ranked(state, k, session)[1]

    def ranked(
        self, state: Floats, k: int, session: Items, only: NDArray[np.int64] = _NONE
    ) -> tuple[Floats, NDArray[np.int64]]:
        """Return the scores of the best k items, the best first, and the items: of a list, or of the catalogue."""
        feeds = {
            "hidden": state,
            "only": only,
            "exclude": _NONE,
            "unavailable": self._unavailable,
            "k": np.array([k]),
            "new_rows": self._new_rows,
        }
        if self._has_memory:
            feeds["session"] = session.astype(np.int64)
        scores, items = self._score.run(("scores", "items"), feeds)
        return np.asarray(scores, np.float32), np.asarray(items, np.int64)
