"""Draw interleaved sessions: visitors with tastes, two models that know them about, and the answers that both draft.

Each visitor has a utility for each of 100 items and chooses one; a model ranks by the utility plus noise of its own. A
model with more noise loses hits. The same visitors give the outcomes of a canary, so that both kinds of experiment are
compared on the same shoppers and the same models.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.experiments.simulation import EVENTS, Drawn, decided_first, fixed_sessions, is_enough, peeking_bound
from model_export.experiments.decide import Rules
from model_export.experiments.interleaving import relative_preference
from model_export.experiments.sequential import ArmSums
from nextitem.service.team_draft import Candidate, Quota, draft
from nextitem.sessions.session import CHALLENGER_TEAM

Floats = NDArray[np.float64]

SESSIONS = 3_000
"""Sessions of the pool."""
ITEMS = 100
LISTED = 40
"""Items of each model's list, of which an answer of 20 is drafted."""
PLACES = 20
SCALE, SPREAD = 0.4, 0.4
"""How much items differ, and how much visitors differ in that: a hit rate of about .4."""


@dataclass(frozen=True)
class Pool:
    """Sessions, of which experiments draw with replacement.

    Attributes:
        champion: float64[sessions], the hit rate that the champion's own answers have.
        challenger: the same for the challenger's.
        share: float64[sessions], the challenger's share of the credits if the answers are drafted; NaN without one.
    """

    champion: Floats
    challenger: Floats
    share: Floats

    @property
    def loss(self) -> float:
        """The share of the champion's hit rate that the challenger does not have."""
        return float(1 - self.challenger.mean() / self.champion.mean())


def make_pool(noise: float, seed: int, sessions: int = SESSIONS) -> Pool:
    """Return sessions of visitors.

    Args:
        noise: of the challenger; the champion's is 1, so 1 is an equal challenger, and more is a worse one.
        seed: of all draws.
        sessions: their number.
    """
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(sessions), rng.geometric(1 / EVENTS, sessions))
    spread = np.exp(rng.normal(0, SPREAD, sessions))[owner, None] * SCALE
    utility = spread * rng.gumbel(size=(len(owner), ITEMS))
    chosen = (utility + rng.gumbel(size=utility.shape)).argmax(axis=1)
    lists = [
        np.argsort(-(utility + spread * deviation * rng.normal(size=utility.shape)), axis=1)[:, :LISTED]
        for deviation in (1.0, noise)
    ]
    coins = rng.random((len(owner), PLACES)) < 0.5  # noqa: PLR2004 - a fair coin
    credited = np.array([_credit(*parts) for parts in zip(*lists, chosen, coins, strict=True)])

    def mean(values: NDArray[np.generic], counted: NDArray[np.bool_]) -> Floats:
        sums = np.bincount(owner[counted], weights=values[counted].astype(np.float64), minlength=sessions)
        with np.errstate(invalid="ignore"):  # a session without credits has no share
            return (sums / np.bincount(owner[counted], minlength=sessions)).astype(np.float64)

    hits = [(ranked[:, :PLACES] == chosen[:, None]).any(axis=1) for ranked in lists]
    every = np.ones(len(owner), np.bool_)
    return Pool(mean(hits[0], every), mean(hits[1], every), mean(credited > 0, credited != 0))


def _credit(champion: NDArray[np.int64], challenger: NDArray[np.int64], chosen: int, coins: NDArray[np.bool_]) -> int:
    """Return 1 if the challenger drafted the chosen item, -1 if the champion did, 0 if the answer does not hold it."""
    lists = [[Candidate(_NAMES[item]) for item in ranked.tolist()] for ranked in (champion, challenger)]
    for item in draft((lists[0], lists[1]), PLACES, lambda number: bool(coins[number]), {}, Quota(None)):
        if item.item_id == _NAMES[chosen]:
            return 1 if item.team == CHALLENGER_TEAM else -1
    return 0


_NAMES = [str(item) for item in range(ITEMS)]


def draw_shares(pool: Pool, experiments: int, looks: int, per_look: int, seed: int, *, equal: bool) -> ArmSums:
    """Draw the sums of the challenger's shares of credits, float64[experiments, looks].

    Args:
        pool: the sessions.
        experiments: their number.
        looks: of each.
        per_look: interleaved sessions between two looks; those without a credit do not count.
        seed: of the draws.
        equal: whether champion and challenger change sides at random, so that no pool prefers one of them.
    """
    rng = np.random.default_rng(seed)
    columns = []
    for _ in range(looks):
        shares = pool.share[rng.integers(0, len(pool.share), (experiments, per_look))]
        if equal:
            shares = np.where(rng.random(shares.shape) < 0.5, shares, 1 - shares)  # noqa: PLR2004 - a fair coin
        counted = ~np.isnan(shares)
        shares = np.where(counted, shares, 0.0)
        columns.append((counted.sum(axis=1).astype(np.float64), shares.sum(axis=1), (shares**2).sum(axis=1)))
    return ArmSums(*(np.stack(column, axis=1) for column in zip(*columns, strict=True)))


def draw_canary(pool: Pool, experiments: int, looks: int, per_look: int, seed: int) -> Drawn:
    """Draw the sums of both arms of a canary with half of the sessions each, of the same pool."""
    rng = np.random.default_rng(seed)
    half = per_look // 2
    arms = []
    for values in (pool.champion, pool.challenger):
        drawn = [values[rng.integers(0, len(values), (experiments, half))] for _ in range(looks)]
        outcomes = np.stack([look.sum(axis=1) for look in drawn], axis=1)
        squares = np.stack([(look**2).sum(axis=1) for look in drawn], axis=1)
        arms.append(ArmSums(np.full_like(outcomes, half), outcomes, squares))
    return Drawn(arms[0], arms[1], fixed_sessions(pool.champion, pool.challenger))


def preferred_at(shares: ArmSums, rules: Rules) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first look that finds a preference, and its sign; see `simulation.decided_at`."""
    intervals = relative_preference(shares, level=rules.level, planned_sessions=rules.planned_sessions)
    return decided_first(intervals.low > 0, intervals.high < 0, is_enough((shares,), rules))


def preferred_by_peeking(shares: ArmSums, rules: Rules) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the same for the z-test of fixed size, repeated at every look."""
    sessions, outcomes, squares = (np.cumsum(column, axis=1) for column in shares)
    sessions = np.maximum(sessions, 1.0)
    gap = outcomes / sessions - 0.5
    bound = peeking_bound(rules, (squares / sessions - (outcomes / sessions) ** 2) / sessions)
    return decided_first(gap > bound, gap < -bound, is_enough((shares,), rules))
