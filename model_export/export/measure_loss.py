"""Measure the loss of graphs: ONNX against torch, a scoring scheme against fp32, stepwise against whole replay."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from model_export.data.session_events import SessionEvents
from model_export.export.graph_runner import Floats, GraphRunner
from model_export.metrics.ranking import CUTOFF, accuracy, rank_in_list


@dataclass(frozen=True)
class Loss:
    """The loss of a scheme against fp32 on the same targets: see `nextitem.model.manifest.ConsideredScheme`."""

    overlap: float
    hr_delta: float
    mrr_delta: float
    targets: int


@dataclass(frozen=True)
class RankedTarget:
    """The items of the top 20 after an event, and the rank of the next item in it, infinity if it is not there."""

    best: frozenset[int]
    rank: float


def parity(graphs: GraphRunner, reference: Iterable[tuple[SessionEvents, Floats]]) -> float:
    """Return the largest score difference from reference scores, each of a whole session."""
    worst = [
        np.abs(graphs.scores(graphs.step(graphs.start(), session), session.items) - scores).max()
        for session, scores in reference
    ]
    return float(np.max(worst))  # unlike max(), it returns NaN if there is one


def stepwise_difference(graphs: GraphRunner, sessions: Sequence[SessionEvents]) -> float:
    """Return the largest difference between a state stepped event by event and one replayed whole."""
    worst = []
    for session in sessions:
        *_, last = graphs.states(session)
        worst.append(np.abs(last - graphs.step(graphs.start(), session)).max())
    return float(np.max(worst))


def rank_sessions(
    graphs: GraphRunner,
    sessions: Sequence[SessionEvents],
    items: int,
    on_session: Callable[[int], None] = lambda _: None,
) -> list[RankedTarget]:
    """Rank the catalogue before each next item of some sessions.

    Args:
        graphs: the graphs.
        sessions: the sessions.
        items: size of the catalogue.
        on_session: called with the number of sessions that are done.
    """
    ranked = []
    for number, session in enumerate(sessions, 1):
        steps = zip(graphs.states(session[:-1]), session.is_next_item.tolist(), strict=True)
        for events, (state, is_next_item) in enumerate(steps, 1):
            if is_next_item:
                scores, best = graphs.ranked(state, min(CUTOFF, items), session.items[:events])
                rank = rank_in_list(best, scores, int(session.items[events]))
                ranked.append(RankedTarget(frozenset(best.tolist()), rank))
        on_session(number)
    return ranked


def compare(exact: Sequence[RankedTarget], served: Sequence[RankedTarget]) -> Loss:
    """Compare ranked targets after the same events."""
    targets = len(exact)
    if not targets:
        return Loss(math.nan, math.nan, math.nan, 0)
    shared = sum(len(before.best & after.best) for before, after in zip(exact, served, strict=True))
    places = sum(len(before.best) for before in exact)
    before, after = (accuracy(np.array([target.rank for target in side])) for side in (exact, served))
    return Loss(shared / places, after.hr - before.hr, after.mrr - before.mrr, targets)


def states_of(graphs: GraphRunner, sessions: Sequence[SessionEvents]) -> Floats:
    """Return the last layer's state after each event but the last, or after the only one, float32[n, hidden]."""
    states = [state[-1, 0] for session in sessions for state in graphs.states(session[: max(1, len(session) - 1)])]
    return np.stack(states) if states else np.empty((0, graphs.start().shape[-1]), np.float32)
