"""Fit a blend on targets that neither network nor memory has seen: the one under which they are most likely.

The likelihood is that of the softmax over a target's candidates. It has a gradient, so a blend with a dozen numbers is
found in seconds, where a search for HR@20 and MRR@20 themselves ends in the first of many local optima.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from model_export.memory import Blend, Gate
from model_export.memory.blend import LEAST_SEEN, MOST_DISTINCT, NEWEST, UNSEEN
from model_export.training.blend_targets import BlendTargets

EVALUATIONS = 120
"""Maximum times that the likelihood is computed."""
RIDGE = 1e-3
"""Penalty of the squares of the slopes, whose features have a deviation of 1: few targets must not decide much."""
FIRST_WEIGHT = -2.0
"""Logarithm of a gate's weight to begin with, relative to the network's."""
LOWEST = -80.0
"""Stands for the logarithm of nothing: infinities have no gradient."""
MOST = 20.0
"""Largest factor of the network's scores, and largest power of an age."""
LEAST_DEVIATION = 0.1
"""A feature that varies less is not stretched to a deviation of 1: the few sessions that differ must not decide all."""
GATES, FEATURES = 3, 3
"""Gates of a blend, and features of a gate."""


class _Point(NamedTuple):
    """A blend as the search sees it: its gates take normalised features, and its other numbers have no bounds."""

    gates: Tensor
    scale: Tensor
    repeat_votes: Tensor
    revisit_decay: Tensor


class _Data:
    """Targets as tensors, without those that are not among their candidates."""

    def __init__(self, targets: BlendTargets) -> None:
        listed = targets.place >= 0
        scores, votes, ages, place, events = (
            torch.from_numpy(values[listed])
            for values in (targets.scores, targets.votes, targets.ages, targets.place, targets.events)
        )
        self.is_padding = scores.isneginf()
        # In 64 bits: where the targets are almost certain, a step changes the likelihood by less than 32 bits hold.
        self.scores = (scores.double() - targets.level).masked_fill(self.is_padding, LOWEST)
        self.votes, self.place = votes.double(), place.unsqueeze(1)
        self.is_newest, self.is_earlier = ages == NEWEST, ages > NEWEST
        self.log_ages = ages.clamp(min=1).double().log()
        distinct = (ages != UNSEEN).sum(dim=1).clamp(min=1)
        self._counted = torch.stack(
            [distinct.clamp(max=MOST_DISTINCT).double().log(), distinct / events.clamp(min=1)], 1
        )
        features = self.features(self.shares(torch.tensor(1.0, dtype=torch.float64)))
        self.mean = features.mean(dim=0)
        self.deviation = features.std(dim=0, correction=0).clamp(min=LEAST_DEVIATION)

    def shares(self, repeat_votes: Tensor) -> Tensor:
        kept = torch.where(self.is_newest, self.votes * repeat_votes, self.votes)
        return kept / kept.sum(dim=1, keepdim=True).clamp(min=float(torch.finfo(torch.float32).tiny))

    def features(self, shares: Tensor) -> Tensor:
        seen = (shares * self.is_earlier).sum(dim=1, keepdim=True)
        return torch.cat([self._counted, (seen + LEAST_SEEN).log()], dim=1)


def fit_blend(targets: BlendTargets, on_evaluation: Callable[[int], None] = lambda _done: None) -> Blend:
    """Return the blend under which the targets are most likely.

    Args:
        targets: see `BlendTargets`.
        on_evaluation: called with the number of times that the likelihood was computed, at the end with `EVALUATIONS`.
    """
    if not (targets.place >= 0).any():
        even = Gate(targets.level + FIRST_WEIGHT)
        return Blend(weight=even, revisit=even)
    data = _Data(targets)
    gates = torch.zeros(GATES, 1 + FEATURES, dtype=torch.float64)
    gates[:, 0] = FIRST_WEIGHT
    point = _Point(gates, *(torch.zeros((), dtype=torch.float64) for _ in range(3)))
    for values in point:
        values.requires_grad_()
    search = torch.optim.LBFGS(
        list(point), max_iter=EVALUATIONS, max_eval=EVALUATIONS, line_search_fn="strong_wolfe", tolerance_change=1e-7
    )
    done = 0

    def loss() -> Tensor:
        nonlocal done
        done += 1
        search.zero_grad()
        scores = _scores(data, point).masked_fill(data.is_padding, LOWEST)
        missed = scores.logsumexp(dim=1) - scores.gather(1, data.place).squeeze(1)
        value = missed.mean() + RIDGE * (point.gates[:, 1:] ** 2).sum()
        value = value + RIDGE / 10 * sum((values**2).sum() for values in (point.gates[:, 0], *point[1:]))
        torch.autograd.backward(value)
        on_evaluation(min(done, EVALUATIONS))
        return value

    search.step(loss)  # type: ignore[no-untyped-call]  # torch has no types here
    on_evaluation(EVALUATIONS)
    return _blend(data, _Point(*(values.detach() for values in point)), targets.level)


def _scores(data: _Data, point: _Point) -> Tensor:
    """Return what `Blend.scores` does, for the blend of `_blend`."""
    shares = data.shares(point.repeat_votes.sigmoid())
    features = (data.features(shares) - data.mean) / data.deviation
    weight, repeat, revisit = (point.gates[:, :1] + point.gates[:, 1:] @ features.T).unsqueeze(2)
    voted = torch.where(shares > 0, shares.clamp(min=1e-30).log() + weight, LOWEST)
    network = data.scores * _positive(point.scale) + torch.where(data.is_newest, repeat, 0.0)
    revisits = torch.where(data.is_earlier, revisit - _positive(point.revisit_decay) * data.log_ages, LOWEST)
    return torch.stack([network, voted, revisits]).logsumexp(dim=0)


def _positive(value: Tensor) -> Tensor:
    """Return a factor of 1 / `MOST` to `MOST`: an infinite one would end the search in NaN."""
    bound = math.log(MOST)
    return (bound * (value / bound).tanh()).exp()


def _blend(data: _Data, point: _Point, level: float) -> Blend:
    scale = float(_positive(point.scale))
    slopes = point.gates[:, 1:] / data.deviation
    constants = point.gates[:, 0] - slopes @ data.mean
    weight, repeat, revisit = (
        Gate(float(constant) + shift, *(float(slope) for slope in row))
        for constant, row, shift in zip(constants, slopes, (scale * level, 0.0, scale * level), strict=True)
    )
    return Blend(
        weight=weight,
        scale=scale,
        repeat=repeat,
        repeat_votes=float(point.repeat_votes.sigmoid()),
        revisit=revisit,
        revisit_decay=float(_positive(point.revisit_decay)),
    )
