"""One outcome a session: the unit of every statistic of an experiment.

Events of one session depend on each other, sessions of different visitors hardly do. So each session gives one number
between 0 and 1 for each metric, and an experiment counts sessions, not events.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model_export.experiments.sequential import ArmSums, Floats
from model_export.metrics.ranking import hits, reciprocal_ranks

ArmMetric = Literal["hit_rate", "reciprocal_rank", "clicked", "converted"]
"""A metric that compares the sessions of two arms."""
Metric = ArmMetric | Literal["preference"]
"""Those, and what interleaved sessions prefer (`model_export.experiments.interleaving`)."""

METRIC_NAMES: dict[Metric, str] = {
    "hit_rate": "hit rate",
    "reciprocal_rank": "reciprocal rank",
    "clicked": "share of sessions with a click",
    "converted": "share of sessions with a conversion",
    "preference": "number of credits",
}
"""Metrics as people read them."""

CONVERSIONS = frozenset({"purchase"})
"""The types of events that are conversions, unless the shop says otherwise."""


@dataclass(frozen=True)
class EventRows:
    """Events of both arms, one row each, in any order.

    Attributes:
        session: str[rows], the pseudonym of the session.
        challenger: bool[rows], whether the session is the challenger's.
        rank: float64[rows], the place of the event's item in the answer before it, from 1; infinity if that answer did
            not hold it; NaN if there was no answer before it, as at a session's first event.
        clicked: bool[rows], whether the event says that it came from an answer.
        type: str[rows].
    """

    session: NDArray[np.str_]
    challenger: NDArray[np.bool_]
    rank: Floats
    clicked: NDArray[np.bool_]
    type: NDArray[np.str_]


@dataclass(frozen=True)
class SessionOutcomes:
    """Outcomes of sessions, each from 0 to 1; sessions are in the order of their pseudonyms.

    Attributes:
        session: str[sessions].
        challenger: bool[sessions].
        hit_rate: float64[sessions], share of the events after an answer whose item was among its first 20; NaN if the
            session has no such event.
        reciprocal_rank: float64[sessions], mean of 1 / rank over the same events, 0 beyond 20; NaN likewise.
        clicked: float64[sessions], 1 if an event came from an answer.
        converted: float64[sessions], 1 if an event is a conversion.
        in_both_arms: sessions that were left out, because they have events in both arms.
    """

    session: NDArray[np.str_]
    challenger: NDArray[np.bool_]
    hit_rate: Floats
    reciprocal_rank: Floats
    clicked: Floats
    converted: Floats
    in_both_arms: int


def session_outcomes(rows: EventRows, conversions: Collection[str] = CONVERSIONS) -> SessionOutcomes:
    """Return the outcomes of all sessions.

    Args:
        rows: all events of these sessions: a session that has not ended gives another outcome later.
        conversions: the types of events that are conversions.
    """
    names, owners = np.unique(rows.session, return_inverse=True)

    def count(values: NDArray[np.generic]) -> Floats:
        return np.bincount(owners, weights=values.astype(np.float64), minlength=len(names)).astype(np.float64)

    judged = ~np.isnan(rows.rank)
    ranks = np.where(judged, rows.rank, np.inf)
    answered = count(judged)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the documented NaN
        hit_rate = count(hits(ranks)) / answered
        reciprocal_rank = count(reciprocal_ranks(ranks)) / answered
    of_challenger = count(rows.challenger)
    in_one_arm = (of_challenger == 0) | (of_challenger == count(np.ones(len(owners))))
    return SessionOutcomes(
        session=names[in_one_arm],
        challenger=of_challenger[in_one_arm] > 0,
        hit_rate=hit_rate[in_one_arm],
        reciprocal_rank=reciprocal_rank[in_one_arm],
        clicked=np.minimum(count(rows.clicked), 1.0)[in_one_arm],
        converted=np.minimum(count(np.isin(rows.type, list(conversions))), 1.0)[in_one_arm],
        in_both_arms=int((~in_one_arm).sum()),
    )


def sums_by_look(
    outcomes: SessionOutcomes, metric: ArmMetric, look: NDArray[np.int64], looks: int
) -> tuple[ArmSums, ArmSums]:
    """Return the sums of the champion's and of the challenger's sessions; those without an outcome do not count.

    Args:
        outcomes: of sessions that ended.
        metric: which outcome.
        look: int64[sessions], the first look after the session's end, from 0.
        looks: number of looks so far.
    """
    values: Floats = getattr(outcomes, metric)

    def sums(arm: NDArray[np.bool_]) -> ArmSums:
        counted = arm & ~np.isnan(values)

        def total(weights: Floats) -> Floats:
            return np.bincount(look[counted], weights=weights[counted], minlength=looks).astype(np.float64)

        return ArmSums(total(np.ones_like(values)), total(values), total(values**2))

    return sums(~outcomes.challenger), sums(outcomes.challenger)
