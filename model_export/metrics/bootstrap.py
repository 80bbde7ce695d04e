"""How sure a figure is: intervals by the session bootstrap.

Targets of one session are not independent of each other, so whole sessions are drawn, with replacement, as many as
there are; a figure's interval holds the middle 95 % of its values over all draws. Every call sees the same draws, so
that figures of one test set are paired. Knows no ranker and no metric.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DRAWS = 2_000
LEVEL = 0.95
SEED = 42

_CELLS = 1 << 22
"""Draws times sessions that are in memory at once."""

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A figure, and the bounds of its interval."""

    value: float
    low: float
    high: float


class SessionBootstrap:
    """Means over targets, and what they are in each draw.

    Args:
        owners: int64[targets], the session of each target, 0 to sessions - 1.
        sessions: how many sessions there are.
        draws: how often they are drawn.
        seed: decides the draws.
    """

    def __init__(self, owners: NDArray[np.int64], sessions: int, *, draws: int = DRAWS, seed: int = SEED) -> None:
        self._owners = owners
        self._sessions = sessions
        self._draws = draws
        self._seed = seed

    def means(self, values: Floats, within: NDArray[np.bool_] | None = None) -> tuple[Floats, Floats]:
        """Return the mean of each column, as found and in each draw.

        Args:
            values: float64[targets, columns].
            within: bool[targets], which targets count; None for all. At least one does.

        Returns:
            float64[columns] and float64[draws, columns], the latter NaN where a draw held no target that counts.
        """
        if within is None:
            within = np.ones(len(values), dtype=np.bool_)
        owners, counted = self._owners[within], values[within]
        sums = np.empty((self._sessions, values.shape[1] + 1))
        for column in range(values.shape[1]):
            sums[:, column] = np.bincount(owners, weights=counted[:, column], minlength=self._sessions)
        sums[:, -1] = np.bincount(owners, minlength=self._sessions)
        rng = np.random.default_rng(self._seed)
        at_once = max(1, _CELLS // self._sessions)
        found = []
        for first in range(0, self._draws, at_once):
            totals = self._times_drawn(rng, min(at_once, self._draws - first)) @ sums
            with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is promised
                found.append(totals[:, :-1] / totals[:, -1:])
        return counted.mean(axis=0), np.concatenate(found)

    def _times_drawn(self, rng: np.random.Generator, draws: int) -> Floats:
        """How often each session is in each draw, float64[draws, sessions]."""
        drawn = rng.integers(0, self._sessions, (draws, self._sessions))
        cells = drawn + np.arange(draws)[:, None] * self._sessions
        counts = np.bincount(cells.ravel(), minlength=draws * self._sessions)
        return counts.reshape(draws, self._sessions).astype(np.float64)


def estimates(values: Floats, draws: Floats) -> list[Estimate]:
    """Return figures with their intervals.

    Args:
        values: float64[columns].
        draws: float64[draws, columns]; NaN does not count, but at least one value of a column is a number.
    """
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.nanpercentile(draws, [tail, 100 - tail], axis=0)
    return [Estimate(*row) for row in np.stack((values, low, high), axis=1).tolist()]
