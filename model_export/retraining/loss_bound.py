"""Bound the loss of a version from below, also where few sessions tell two versions apart.

The percentiles of a bootstrap know only the losses that the sample has. Of two versions that answer alike in nearly
all sessions, a sample may have one loss, or none, and the lower end of the interval is then far too high: a version
that loses 5 % of its hits passed one gate in ten on 50 sessions. So the draws are taken from one session more, in which
the live version hits as often as in the session of a typical hit, and the new one never. That is the step from the
count to the count plus one in the exact limit of a rare event (Garwood 1936), for events of several sizes, and it
fades as 1 / sessions.
"""

import numpy as np
from numpy.typing import NDArray

from model_export.metrics.bootstrap import DRAWS, LEVEL, drawn_totals

Floats = NDArray[np.float64]


def lowest_changes(
    owners: NDArray[np.int64], sessions: int, candidate: Floats, live: Floats, *, draws: int = DRAWS
) -> Floats:
    """Return the lower ends of the intervals of differences, with a lost session, float64[metrics].

    Args:
        owners: int64[targets], the session of each target; at least one.
        sessions: number of sessions.
        candidate: float64[targets, metrics], the values of the new version, 0 or more.
        live: the same of the version that it is compared with.
        draws: of the bootstrap.
    """
    change, before = (_by_session(owners, sessions, values) for values in (candidate - live, live))
    targets = np.broadcast_to(np.bincount(owners, minlength=sessions)[:, None].astype(np.float64), change.shape)
    # The mean over hits, not over sessions: where whole sessions are lost, those with many hits count
    weights = before / np.maximum(before.sum(axis=0), np.finfo(np.float64).tiny)
    lost = np.hstack((-(weights * before).sum(axis=0), (weights * targets).sum(axis=0)))
    totals = drawn_totals(np.vstack((np.hstack((change, targets)), lost)), draws=draws)
    width = candidate.shape[1]
    with np.errstate(invalid="ignore"):  # 0 / 0 where a draw holds no target
        changes = totals[:, :width] / totals[:, width:]
    lows: Floats = np.nanpercentile(changes, 100 * (1 - LEVEL) / 2, axis=0)
    return lows


def _by_session(owners: NDArray[np.int64], sessions: int, values: Floats) -> Floats:
    return np.stack([np.bincount(owners, column, sessions) for column in values.T], axis=1)
