"""Judge interleaved sessions: in each answer both versions compete for the same visitor.

The answers of an interleaved session are drafted from both versions (`nextitem.service`), so each next item or click
that an answer held credits the version that drafted it. A session gives one number, the challenger's share of its
credits: a half says that it prefers neither. This is the normalised difference of Chapelle, Joachims, Radlinski and
Yue, "Large-scale validation and analysis of interleaved search evaluation" (ACM TOIS 30(1), 2012), for sessions instead
of queries.
"""

import numpy as np
from numpy.typing import NDArray

from model_export.experiments.sequential import ArmSums, Floats, Intervals, mean

TEAMS = ("champion", "challenger")
"""The names of the drafting versions in the lake."""


def credit_shares(session: NDArray[np.str_], team: NDArray[np.str_], credited: NDArray[np.bool_]) -> Floats:
    """Return the challenger's share of each session's credits, float64[sessions with a credit], 0 to 1.

    Args:
        session: str[rows], the session of each event.
        team: str[rows], which version drafted the event's item; another text if none did.
        credited: bool[rows], whether the event chose an item of the answer before it.
    """
    counted = credited & np.isin(team, TEAMS)
    _, owners = np.unique(session[counted], return_inverse=True)
    of_challenger = np.bincount(owners, weights=(team[counted] == TEAMS[1]).astype(np.float64))
    return (of_challenger / np.bincount(owners)).astype(np.float64)


def preference(challenger: ArmSums, *, level: float, planned_sessions: float) -> Intervals:
    """Return the mean over sessions of the challenger's share of credits less the champion's, from -1 to 1.

    Args:
        challenger: sums of its shares of credits, by look.
        level: see `sequential.difference`.
        planned_sessions: interleaved sessions at which the intervals are the narrowest they can be.
    """
    sessions, shares, squares = challenger
    sums = ArmSums(sessions, 2.0 * shares - sessions, 4.0 * squares - 4.0 * shares + sessions)
    return mean(sums, level=level, planned_sessions=planned_sessions)


def relative_preference(challenger: ArmSums, *, level: float, planned_sessions: float) -> Intervals:
    """Return the challenger's credits relative to the champion's, less 1: -0.05 is 5 % fewer. Takes the same.

    It grows with the preference, so its bounds are those of the preference, converted.
    """
    return Intervals(*map(_relative, preference(challenger, level=level, planned_sessions=planned_sessions)))


def _relative(preferred: Floats) -> Floats:
    within = np.clip(preferred, -1.0, 1.0)
    with np.errstate(divide="ignore"):  # all credits for the challenger are infinitely more
        relative = (1.0 + within) / (1.0 - within) - 1.0
    return np.where(np.isinf(preferred), preferred, relative)
