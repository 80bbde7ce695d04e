"""Compare the latency of two versions on this machine, each event by both, so that both meet the same load."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.metrics.bootstrap import LEVEL, SEED
from model_export.metrics.ranking import CUTOFF
from nextitem.hidden_state import HiddenState
from nextitem.model.engine import Model
from nextitem.registry.verdicts import Figure
from nextitem.sessions.session import WINDOW

STEPS = 600
"""Events that are timed."""
WARM_UP = 20
DRAWS = 500
MS = 1000.0

Floats = NDArray[np.float64]


class Latency(NamedTuple):
    """Median milliseconds of an event: one step and one ranking; and the first one's median over the second one's."""

    candidate: Figure
    live: Figure
    ratio: Figure


class _Visitor:
    """Plays the events of sessions on a version, and times them."""

    def __init__(self, model: Model, clock: Callable[[], float]) -> None:
        self._model, self._clock = model, clock
        self._hidden: HiddenState | None = None
        self._items: list[int] = []
        self.times: list[float] = []

    def begin(self) -> None:
        self._hidden, self._items = None, []

    def visit(self, item_id: str) -> None:
        item = self._model.vocabulary.index(item_id)
        if item is None:
            return
        self._items = [*self._items, item][-WINDOW:]
        begun = self._clock()
        self._hidden = self._model.replay(self._hidden, [item])
        self._model.top(self._hidden, (), CUTOFF, self._items)
        self.times.append(self._clock() - begun)


def compare_latency(
    candidate: Model, live: Model, test: Sessions, clock: Callable[[], float] = time.perf_counter
) -> Latency | None:
    """Play sessions on both versions in turns. Return None if one of them knows too few of their items.

    Args:
        candidate: a version.
        live: the one to compare it with.
        test: the sessions.
        clock: gives seconds.
    """
    visitors = _Visitor(candidate, clock), _Visitor(live, clock)
    steps = 0
    for index in range(len(test)):
        for visitor in visitors:
            visitor.begin()
        for code in test.session(index).tolist():
            for visitor in visitors if steps % 2 else visitors[::-1]:
                visitor.visit(test.catalogue[code])
            steps += 1
        if min(len(visitor.times) for visitor in visitors) >= STEPS:
            break
    first, second = (np.array(visitor.times[WARM_UP:]) * MS for visitor in visitors)
    if not (len(first) and len(second)):
        return None
    rng = np.random.default_rng(SEED)
    draws = _medians(first, rng), _medians(second, rng)
    return Latency(
        _figure(float(np.median(first)), draws[0]),
        _figure(float(np.median(second)), draws[1]),
        _figure(float(np.median(first) / np.median(second)), draws[0] / draws[1]),
    )


def _medians(times: Floats, rng: np.random.Generator) -> Floats:
    medians: Floats = np.median(times[rng.integers(0, len(times), (DRAWS, len(times)))], axis=1)
    return medians


def _figure(value: float, draws: Floats) -> Figure:
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(draws, [tail, 100 - tail]).tolist()
    return Figure(value, low, high)
