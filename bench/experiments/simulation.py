"""Draw the sessions of many experiments, and find the look at which each would be decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from model_export.experiments.decide import Rules
from model_export.experiments.sequential import ArmSums, relative_difference

Floats = NDArray[np.float64]

POOL = 1 << 18
"""Sessions from which those of the experiments are drawn, with replacement: both arms of an A/A test have one pool."""
EVENTS = 4.0
"""Mean number of judged events of a session; the distribution is geometric."""
CONCENTRATION = 6.0
"""Each session has a hit rate of its own, from a beta distribution of this concentration around the mean."""
LEVEL = 0.95
FIXED_POWER = 0.9


@dataclass(frozen=True)
class Phase:
    """Looks with the same share of the challenger and the same rate of the champion."""

    looks: int
    share: float
    rate: float


@dataclass(frozen=True)
class Scenario:
    """Experiments of one kind.

    Attributes:
        name: for the table.
        phases: one after the other.
        loss: share of the champion's hits that the challenger does not have; 0 is an A/A test.
        rare: the outcome is one event a session, such as a conversion, instead of a session's hit rate.
    """

    name: str
    phases: tuple[Phase, ...]
    loss: float = 0.0
    rare: bool = False


@dataclass(frozen=True)
class Drawn:
    """Experiments of a scenario: sums by arm, float64[experiments, looks], and the fixed test's need of sessions."""

    champion: ArmSums
    challenger: ArmSums
    fixed_sessions: int | None


def draw(scenario: Scenario, experiments: int, sessions_per_look: int, seed: int) -> Drawn:
    """Draw all sessions of all experiments; sessions of a look are assigned to the arms at random."""
    rng = np.random.default_rng(seed)
    columns = []
    fixed = None
    for phase in scenario.phases:
        pools = _pools(scenario, phase.rate, rng)
        fixed = fixed_sessions(*pools) if scenario.loss else None
        for _ in range(phase.looks):
            in_challenger = rng.binomial(sessions_per_look, phase.share, (experiments, 1))
            drawn = rng.integers(0, POOL, (experiments, sessions_per_look), dtype=np.uint32)
            first = np.arange(sessions_per_look) < in_challenger
            champion, challenger = np.where(first, 0.0, pools[0][drawn]), np.where(first, pools[1][drawn], 0.0)
            counts = in_challenger[:, 0].astype(np.float64)
            columns.append((sessions_per_look - counts, *_sums(champion), counts, *_sums(challenger)))
    sums = [np.stack(column, axis=1) for column in zip(*columns, strict=True)]
    return Drawn(ArmSums(*sums[:3]), ArmSums(*sums[3:]), fixed)


def decided_at(drawn: Drawn, rules: Rules) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first look that finds a difference, and its sign, int64[experiments] each.

    The look is the number of looks where none does. The sign is -1 where the challenger is found worse.
    """
    intervals = relative_difference(
        drawn.champion, drawn.challenger, level=rules.level, planned_sessions=rules.planned_sessions
    )
    return decided_first(intervals.low > 0, intervals.high < 0, is_enough((drawn.champion, drawn.challenger), rules))


def decided_by_peeking(drawn: Drawn, rules: Rules) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the same for the z-test of fixed size, repeated at every look on all sessions so far."""
    means, variances = [], []
    for arm in (drawn.champion, drawn.challenger):
        sessions = np.maximum(np.cumsum(arm.sessions, axis=1), 1.0)
        mean = np.cumsum(arm.outcomes, axis=1) / sessions
        means.append(mean)
        variances.append((np.cumsum(arm.squares, axis=1) / sessions - mean**2) / sessions)
    bound = peeking_bound(rules, variances[0] + variances[1])
    gap = means[1] - means[0]
    return decided_first(gap > bound, gap < -bound, is_enough((drawn.champion, drawn.challenger), rules))


def peeking_bound(rules: Rules, variance: Floats) -> Floats:
    """Return how far an estimate may be from zero until the z-test of fixed size finds a difference."""
    return np.asarray(NormalDist().inv_cdf((1 + rules.level) / 2) * np.sqrt(variance), np.float64)


def _pools(scenario: Scenario, rate: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return outcomes of sessions under the champion, and of the same sessions under the challenger."""
    if scenario.rare:
        events = np.ones(POOL, np.int64)
        hits = rng.binomial(1, rate, POOL)
    else:
        events = rng.geometric(1 / EVENTS, POOL)
        hits = rng.binomial(events, rng.beta(rate * CONCENTRATION, (1 - rate) * CONCENTRATION, POOL))
    kept = rng.binomial(hits, 1 - scenario.loss) if scenario.loss else hits
    return hits / events, kept / events


def _sums(outcomes: Floats) -> tuple[Floats, Floats]:
    return outcomes.sum(axis=1), np.einsum("es,es->e", outcomes, outcomes)


def is_enough(arms: Sequence[ArmSums], rules: Rules) -> NDArray[np.bool_]:
    """Return whether each arm has the rules' minimum of sessions, bool[experiments, looks]."""
    counts = [np.cumsum(arm.sessions, axis=1) for arm in arms]
    return np.asarray(np.minimum.reduce(counts) >= rules.minimum_sessions, np.bool_)


def decided_first(
    better: NDArray[np.bool_], worse: NDArray[np.bool_], enough: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first look at which something is found, and its sign; see `decided_at`."""
    found = (better | worse) & enough
    look = np.where(found.any(axis=1), found.argmax(axis=1), found.shape[1])
    at = np.minimum(look, found.shape[1] - 1)[:, None]
    sign = np.take_along_axis(better.astype(np.int64) - worse, at, axis=1)[:, 0]
    return look, np.where(look < found.shape[1], sign, 0)


def fixed_sessions(champion: Floats, challenger: Floats) -> int:
    """Return the sessions of both arms, half each, with which one look in the end finds the loss in 90 % of cases."""
    normal = NormalDist()
    quantiles = normal.inv_cdf((1 + LEVEL) / 2) + normal.inv_cdf(FIXED_POWER)
    gap = float(champion.mean() - challenger.mean())
    spread = sqrt(float(champion.var() + challenger.var()))
    return int(2 * (quantiles * spread / gap) ** 2)
