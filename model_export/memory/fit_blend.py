"""Learns a blend from targets that neither network nor memory has seen. Knows neither of them: numpy only."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from model_export.memory.blend import Blend
from model_export.metrics.ranking import accuracy, ranks_of_targets

Floats = NDArray[np.float32]

NOTHING = 30.0
"""Taken off a logarithm, it leaves nothing."""
WIDE = (-NOTHING, -8.0, -4.0, -2.0, 0.0, 2.0, 4.0, NOTHING)
"""What is tried first around the weight at which votes and scores weigh the same: the ends are either side alone."""
STEPS = (-4.0, -2.0, -1.0, 1.0, 2.0, 4.0)
"""Changes that are tried of each logarithm. After a round that brought nothing they are halved."""
MOST_ROUNDS, LEAST_SCALE = 12, 0.125
LEAST_REPEAT, FIRST_REPEAT = 1e-3, 0.2
FIRST_DECAY, MOST_DECAY = 1.0, 8.0


@dataclass(frozen=True, eq=False)
class BlendTargets:
    """Next items to be found, each among candidates: the network's best, what is recalled, and the session's items.

    Attributes:
        scores: float32[n, c], the network's; -inf where a row has fewer candidates.
        votes: float32[n, c].
        ages: int64[n, c], see `Blend.scores`.
        place: int64[n], the target's column; -1 where it is no candidate, so that no blend finds it.
        level: logarithm of the sum over all items of exp(score), the median of all rows.
    """

    scores: Floats
    votes: Floats
    ages: NDArray[np.int64]
    place: NDArray[np.int64]
    level: float

    def ranks(self, blend: Blend) -> NDArray[np.float64]:
        """Return the rank of each target under a blend, infinity where it is no candidate."""
        blended = blend.scores(self.scores, blend.shares(self.votes, self.ages), self.ages)
        return np.where(self.place >= 0, ranks_of_targets(blended, np.maximum(self.place, 0)), np.inf)


def fit_blend(targets: BlendTargets) -> Blend:
    """Return the blend that finds the targets best, by coordinate search: the ranking itself is what is made better."""
    best = Blend(targets.level, 0.0, FIRST_REPEAT, targets.level, FIRST_DECAY)
    found = _value(targets, best)
    for near in _tries(targets.level):
        value = _value(targets, near)
        if value > found:
            best, found = near, value
    scale = 1.0
    for _ in range(MOST_ROUNDS):
        before = found
        for name in ("revisit", "revisit_decay", "repeat_votes", "repeat_score", "weight"):
            for step in STEPS:
                near = _changed(best, name, step * scale)
                value = _value(targets, near)
                if value > found:
                    best, found = near, value
        if found == before:
            scale /= 2
        if scale < LEAST_SCALE:
            break
    return best


def _tries(level: float) -> Iterator[Blend]:
    for step in WIDE:
        for votes in (1.0, FIRST_REPEAT, LEAST_REPEAT):
            for revisit in (-NOTHING, 0.0):
                yield Blend(level + step, 0.0, votes, level + revisit, FIRST_DECAY)


def _changed(blend: Blend, name: str, step: float) -> Blend:
    value = getattr(blend, name)
    if name == "repeat_votes":
        return replace(blend, repeat_votes=float(np.clip(value * np.exp(step), LEAST_REPEAT, 1)))
    if name == "revisit_decay":
        return replace(blend, revisit_decay=float(np.clip(value + step / 2, 0, MOST_DECAY)))
    return replace(blend, **{name: value + step})


def _value(targets: BlendTargets, blend: Blend) -> float:
    return accuracy(targets.ranks(blend)).objective
