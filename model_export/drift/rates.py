"""Shares whose uncertainty counts sessions, not events: hit rates online, and the share of unknown items."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from model_export.drift.divergence import Codes

LEVEL = 0.95
MIN_SESSIONS = 100
"""With fewer sessions, an interval says nothing."""
_WIDTH = NormalDist().inv_cdf((1 + LEVEL) / 2)


@dataclass(frozen=True)
class Rate:
    """A share of events, with its 95 % interval.

    Attributes:
        events: number of events.
        sessions: number of their sessions.
        value: the share.
        margin: half of the interval's width.
    """

    events: int
    sessions: int
    value: float
    margin: float

    @property
    def low(self) -> float:
        """The lower end; 0 with too few sessions."""
        return max(self.value - self.margin, 0.0) if self.sessions >= MIN_SESSIONS else 0.0

    @property
    def high(self) -> float:
        """The upper end; 1 with too few sessions."""
        return min(self.value + self.margin, 1.0) if self.sessions >= MIN_SESSIONS else 1.0


def rate_of(owners: Codes, hits: Codes) -> Rate:
    """Return the share of hits: a ratio of two sums over sessions, with the variance of its linearisation.

    Args:
        owners: int64[events], the session of each event.
        hits: int64[events], 0 or 1.
    """
    if not len(owners):
        return Rate(0, 0, 0.0, 1.0)
    _, session = np.unique(owners, return_inverse=True)
    events, hit = np.bincount(session), np.bincount(session, weights=hits)
    sessions, value = len(events), float(hit.sum() / events.sum())
    residuals = hit - value * events
    variance = float(residuals @ residuals) / events.sum() ** 2 * sessions / max(sessions - 1, 1)
    return Rate(len(owners), sessions, value, _WIDTH * float(np.sqrt(variance)))
