"""Fit the weights of a blend on targets that neither network nor memory has seen.

Coordinate search maximises HR@20 + 2 MRR@20, the metrics themselves instead of a differentiable substitute.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from model_export.memory.blend import Blend
from model_export.metrics.ranking import accuracy, ranks_of_targets

Floats = NDArray[np.float32]

NEGLIGIBLE = 30.0
"""Subtracted from the logarithm of a weight, it makes the weight negligible."""
COARSE_STEPS = (-NEGLIGIBLE, -8.0, -4.0, -2.0, 0.0, 2.0, 4.0, NEGLIGIBLE)
"""First changes of `weight` from the level at which votes and scores weigh the same; at the ends one side decides."""
STEPS = (-4.0, -2.0, -1.0, 1.0, 2.0, 4.0)
"""Changes of each logarithm in a round; halved after a round without improvement."""
CHANGED = ("revisit", "revisit_decay", "repeat_votes", "repeat_score", "weight")
"""The parameters, in the order in which a round changes them."""
MAX_ROUNDS, MIN_SCALE = 12, 0.125
MIN_REPEAT_VOTES, FIRST_REPEAT_VOTES = 1e-3, 0.2
FIRST_DECAY, MAX_DECAY = 1.0, 8.0
FIRST_SHARES, FIRST_REVISITS = (1.0, FIRST_REPEAT_VOTES, MIN_REPEAT_VOTES), (-NEGLIGIBLE, 0.0)
"""Values of `repeat_votes`, and changes of `revisit`, that are tried with each coarse step."""
BLENDS = 1 + len(COARSE_STEPS) * len(FIRST_SHARES) * len(FIRST_REVISITS) + MAX_ROUNDS * len(CHANGED) * len(STEPS)
"""Maximum blends that are tried."""


@dataclass(frozen=True, eq=False)
class BlendTargets:
    """Targets and their candidates: the network's best items, the recalled ones, and those of the session.

    Attributes:
        scores: float32[n, c], the network's; -inf where a row has fewer candidates.
        votes: float32[n, c].
        ages: int64[n, c], see `Blend.scores`.
        place: int64[n], the target's column; -1 where it is not a candidate.
        level: median over all rows of log(sum over all items of exp(score)).
    """

    scores: Floats
    votes: Floats
    ages: NDArray[np.int64]
    place: NDArray[np.int64]
    level: float

    def ranks(self, blend: Blend) -> NDArray[np.float64]:
        """Return the rank of each target under a blend, float64[n]; infinity where it is not a candidate."""
        blended = blend.scores(self.scores, blend.shares(self.votes, self.ages), self.ages)
        return np.where(self.place >= 0, ranks_of_targets(blended, np.maximum(self.place, 0)), np.inf)


def fit_blend(targets: BlendTargets, on_trial: Callable[[int], None] = lambda _done: None) -> Blend:
    """Return the blend with the highest HR@20 + 2 MRR@20.

    Args:
        targets: see `BlendTargets`.
        on_trial: called with the number of blends that have been tried, `BLENDS` at most.
    """
    trials = count(1)

    def objective(trial: Blend) -> float:
        value = accuracy(targets.ranks(trial)).objective
        on_trial(next(trials))
        return value

    best = Blend(targets.level, 0.0, FIRST_REPEAT_VOTES, targets.level, FIRST_DECAY)
    best_value = objective(best)
    for trial in _coarse_trials(targets.level):
        value = objective(trial)
        if value > best_value:
            best, best_value = trial, value
    scale = 1.0
    for _ in range(MAX_ROUNDS):
        before = best_value
        for name in CHANGED:
            for step in STEPS:
                trial = _changed(best, name, step * scale)
                value = objective(trial)
                if value > best_value:
                    best, best_value = trial, value
        if best_value == before:
            scale /= 2
        if scale < MIN_SCALE:
            break
    return best


def _coarse_trials(level: float) -> Iterator[Blend]:
    for step in COARSE_STEPS:
        for repeat_votes in FIRST_SHARES:
            for revisit in FIRST_REVISITS:
                yield Blend(level + step, 0.0, repeat_votes, level + revisit, FIRST_DECAY)


def _changed(blend: Blend, name: str, step: float) -> Blend:
    value = getattr(blend, name)
    if name == "repeat_votes":
        return replace(blend, repeat_votes=float(np.clip(value * np.exp(step), MIN_REPEAT_VOTES, 1)))
    if name == "revisit_decay":
        return replace(blend, revisit_decay=float(np.clip(value + step / 2, 0, MAX_DECAY)))
    return replace(blend, **{name: value + step})
