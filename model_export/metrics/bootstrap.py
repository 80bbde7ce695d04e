"""Estimate intervals by resampling sessions.

The targets of one session depend on each other, so each draw takes whole sessions, with replacement, as many as there
are. An interval holds the middle 95 % of a figure over all draws. All calls use the same draws, so differences between
rankers are paired. Decision 14 says why this is not ``scipy.stats.bootstrap``.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DRAWS = 2_000
LEVEL = 0.95
SEED = 42

_MAX_CELLS = 1 << 22
"""Draws times sessions in memory at a time: 32 MB."""

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A figure and the bounds of its interval."""

    value: float
    low: float
    high: float


class SessionBootstrap:
    """Computes means over targets, and the same means in each draw of sessions.

    Args:
        owners: int64[targets], the session of each target, 0 to sessions - 1.
        sessions: number of sessions.
        draws: number of draws.
        seed: of the draws.
    """

    def __init__(self, owners: NDArray[np.int64], sessions: int, *, draws: int = DRAWS, seed: int = SEED) -> None:
        self._owners = owners
        self._sessions = sessions
        self._draws = draws
        self._seed = seed

    def means(self, values: Floats, targets: NDArray[np.bool_] | None = None) -> tuple[Floats, Floats]:
        """Return the mean of each column, over the sample and in each draw.

        Args:
            values: float64[targets, columns].
            targets: bool[targets], the targets to average over, at least one; None for all.

        Returns:
            float64[columns] and float64[draws, columns]; the latter is NaN where a draw holds none of the targets.
        """
        if targets is None:
            targets = np.ones(len(values), dtype=np.bool_)
        owners, chosen = self._owners[targets], values[targets]
        sums = np.empty((self._sessions, values.shape[1] + 1))
        for column in range(values.shape[1]):
            sums[:, column] = np.bincount(owners, weights=chosen[:, column], minlength=self._sessions)
        sums[:, -1] = np.bincount(owners, minlength=self._sessions)
        totals = drawn_totals(sums, draws=self._draws, seed=self._seed)
        with np.errstate(invalid="ignore"):  # 0 / 0 is the documented NaN
            return chosen.mean(axis=0), totals[:, :-1] / totals[:, -1:]


def drawn_totals(sums: Floats, *, draws: int = DRAWS, seed: int = SEED) -> Floats:
    """Return the total of each column in each draw of sessions, float64[draws, columns].

    Args:
        sums: float64[sessions, columns].
        draws: number of draws.
        seed: of the draws.
    """
    sessions = len(sums)
    rng = np.random.default_rng(seed)
    at_once = max(1, _MAX_CELLS // sessions)
    parts = [_session_counts(rng, sessions, min(at_once, draws - first)) @ sums for first in range(0, draws, at_once)]
    return np.concatenate(parts)


def _session_counts(rng: np.random.Generator, sessions: int, draws: int) -> Floats:
    """Draw sessions and count how often each occurs, float64[draws, sessions]."""
    drawn = rng.integers(0, sessions, (draws, sessions))
    cells = drawn + np.arange(draws)[:, None] * sessions
    counts = np.bincount(cells.ravel(), minlength=draws * sessions)
    return counts.reshape(draws, sessions).astype(np.float64)


def estimates(values: Floats, draws: Floats) -> list[Estimate]:
    """Return figures with their intervals.

    Args:
        values: float64[columns].
        draws: float64[draws, columns]; NaN is ignored, but each column has at least one number.
    """
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.nanpercentile(draws, [tail, 100 - tail], axis=0)
    return [Estimate(*row) for row in np.stack((values, low, high), axis=1).tolist()]
