"""What the graphs lose: torch against ONNX fp32, fp32 against a scoring scheme, stepwise against whole replay.

Compares only; `exporting` decides. Knows no manifest.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_export.metrics.ranking import CUTOFF, accuracy, rank_in_list
from nextitem.model.manifest import SCORE_GRAPH, STEP_GRAPH
from nextitem.model.onnx_graphs import open_graph

Floats = NDArray[np.float32]
Session = NDArray[np.int32]

NOTHING: Session = np.empty(0, np.int32)
"""A session without events."""


class Graphs:
    """A pair of graphs in a folder, run as they will be served: no certificate is needed yet."""

    def __init__(self, folder: Path, layers: int, hidden: int, items: int) -> None:
        self._step, self._score = open_graph(folder / STEP_GRAPH), open_graph(folder / SCORE_GRAPH)
        self._recalls = "session" in {given.name for given in self._score.get_inputs()}
        self._state = (layers, 1, hidden)
        self._items = items

    def start(self) -> Floats:
        """Return the zero state, float32[layers, 1, hidden]."""
        return np.zeros(self._state, np.float32)

    def step(self, state: Floats, items: Session) -> Floats:
        """Return the state after one or more events."""
        (after,) = self._step.run(None, {"items": items.astype(np.int64), "hidden": state})
        return np.asarray(after, np.float32)

    def scores(self, state: Floats, session: Session = NOTHING) -> Floats:
        """Return the score of every item, float32[items], after a session that led to a state."""
        scores = np.empty(self._items, np.float32)
        ordered, items = self.ranked(state, self._items, session)
        scores[items] = ordered
        return scores

    def top(self, state: Floats, k: int, session: Session = NOTHING) -> NDArray[np.int64]:
        """Return the best k items after a session that led to a state."""
        return self.ranked(state, k, session)[1]

    def ranked(self, state: Floats, k: int, session: Session) -> tuple[Floats, NDArray[np.int64]]:
        """Return the scores of the best k items, the best first, and the items."""
        none = np.empty(0, np.int64)
        unavailable = np.empty(0, np.bool_)
        feeds = {"hidden": state, "only": none, "exclude": none, "unavailable": unavailable, "k": np.array([k])}
        if self._recalls:
            feeds["session"] = session.astype(np.int64)
        scores, items = self._score.run(None, feeds)
        return np.asarray(scores, np.float32), np.asarray(items, np.int64)


@dataclass(frozen=True)
class Loss:
    """What a scheme loses against fp32 on the same targets: see `nextitem.model.manifest.ConsideredScheme`."""

    overlap: float
    hr_delta: float
    mrr_delta: float
    targets: int


def parity(graphs: Graphs, reference: Iterable[tuple[Session, Floats]]) -> float:
    """Return the largest score difference from reference scores, each of a whole session."""
    worst = [
        np.abs(graphs.scores(graphs.step(graphs.start(), session), session) - scores).max()
        for session, scores in reference
    ]
    return float(np.max(worst))  # unlike max(), NaN is the largest of all


def stepwise(graphs: Graphs, sessions: Sequence[Session]) -> float:
    """Return the largest difference between a state stepped event by event and one replayed whole."""
    worst = []
    for session in sessions:
        state = graphs.start()
        for at in range(len(session)):
            state = graphs.step(state, session[at : at + 1])
        worst.append(np.abs(state - graphs.step(graphs.start(), session)).max())
    return float(np.max(worst))


@dataclass(frozen=True)
class Ranking:
    """The items of the top 20 after an event, and the rank of the next item in it, infinity if it is not there."""

    best: frozenset[int]
    rank: float


def rankings(
    graphs: Graphs, sessions: Sequence[Session], items: int, tell: Callable[[str], None] = lambda _: None
) -> list[Ranking]:
    """Return what graphs rank best after each event but the last of some sessions, the state stepped event by event.

    Args:
        graphs: the graphs.
        sessions: the sessions.
        items: size of the catalogue.
        tell: told how far it is, before each session.
    """
    found = []
    for number, session in enumerate(sessions, 1):
        tell(f"session {number} of {len(sessions)}")
        state = graphs.start()
        for at in range(len(session) - 1):
            state = graphs.step(state, session[at : at + 1])
            scores, best = graphs.ranked(state, min(CUTOFF, items), session[: at + 1])
            found.append(Ranking(frozenset(best.tolist()), rank_in_list(best, scores, int(session[at + 1]))))
    return found


def loss(exact: Sequence[Ranking], served: Sequence[Ranking]) -> Loss:
    """Compare rankings after the same events: what they share, and where in them the next item is."""
    targets = len(exact)
    if not targets:
        return Loss(math.nan, math.nan, math.nan, 0)
    shared = sum(len(before.best & after.best) for before, after in zip(exact, served, strict=True))
    places = sum(len(before.best) for before in exact)
    before, after = (accuracy(np.array([ranking.rank for ranking in side])) for side in (exact, served))
    return Loss(shared / places, after.hr - before.hr, after.mrr - before.mrr, targets)


def states_of(graphs: Graphs, sessions: Sequence[Session]) -> Floats:
    """Return the last layer's state after each event but the last, float32[n, hidden]."""
    found = []
    for session in sessions:
        state = graphs.start()
        for at in range(max(1, len(session) - 1)):
            state = graphs.step(state, session[at : at + 1])
            found.append(state[-1, 0])
    return np.stack(found) if found else np.empty((0, graphs.start().shape[-1]), np.float32)
