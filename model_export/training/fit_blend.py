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
    """What the likelihood of targets depends on, without those that are not among their candidates.

    All votes of a session together weigh `weight`, whatever their shares are, so only the network's scores need a sum
    over the candidates.
    """

    def __init__(self, targets: BlendTargets) -> None:
        listed = targets.place >= 0
        scores, votes, ages, place, events = (
            torch.from_numpy(values[listed])
            for values in (targets.scores, targets.votes, targets.ages, targets.place, targets.events)
        )
        # In 64 bits: where the targets are almost certain, a step changes the likelihood by less than 32 bits hold.
        scores, votes, own = scores.double() - targets.level, votes.double(), place.unsqueeze(1)
        is_newest, is_earlier = ages == NEWEST, ages > NEWEST
        self.others, self.is_other = _gathered(scores, ~scores.isneginf() & ~is_newest)
        newest, has_newest = _gathered(scores, is_newest)
        self.newest, self.has_newest = newest[:, 0], has_newest[:, 0]
        self.log_ages, self.is_earlier = _gathered(ages.clamp(min=1).double().log(), is_earlier)
        self.votes, self.newest_votes, self.earlier_votes = (
            (votes * part).sum(dim=1) for part in (torch.ones_like(is_newest), is_newest, is_earlier)
        )
        self.own_score, self.own_votes, own_age = (values.gather(1, own)[:, 0] for values in (scores, votes, ages))
        self.own_is_newest, self.own_is_earlier = own_age == NEWEST, own_age > NEWEST
        self.own_log_age = own_age.clamp(min=1).double().log()
        distinct = (ages != UNSEEN).sum(dim=1).clamp(min=1)
        self._counted = torch.stack(
            [distinct.clamp(max=MOST_DISTINCT).double().log(), distinct / events.clamp(min=1)], 1
        )
        features = self.features(self.kept_votes(torch.tensor(1.0, dtype=torch.float64)))
        self.mean = features.mean(dim=0)
        self.deviation = features.std(dim=0, correction=0).clamp(min=LEAST_DEVIATION)

    def kept_votes(self, repeat_votes: Tensor) -> Tensor:
        """Return the sum of each target's votes, those for the newest item by their factor."""
        kept = self.votes - self.newest_votes * (1.0 - repeat_votes)
        return kept.clamp(min=float(torch.finfo(torch.float32).tiny))

    def features(self, kept: Tensor) -> Tensor:
        """Return what gates depend on, from what `kept_votes` returns."""
        seen = self.earlier_votes / kept
        return torch.cat([self._counted, (seen + LEAST_SEEN).log().unsqueeze(1)], dim=1)


def _gathered(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Move the masked values of each row to its first columns; return them, and which columns hold one."""
    columns = max(int(mask.sum(dim=1).max()), 1)
    order = mask.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :columns]
    is_value = mask.gather(1, order)
    return values.gather(1, order).masked_fill(~is_value, 0.0), is_value


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
        value = _missed(data, point).mean() + RIDGE * (point.gates[:, 1:] ** 2).sum()
        value = value + RIDGE / 10 * sum((values**2).sum() for values in (point.gates[:, 0], *point[1:]))
        torch.autograd.backward(value)
        on_evaluation(min(done, EVALUATIONS))
        return value

    search.step(loss)  # type: ignore[no-untyped-call]  # torch has no types here
    on_evaluation(EVALUATIONS)
    return _blend(data, _Point(*(values.detach() for values in point)), targets.level)


def _missed(data: _Data, point: _Point) -> Tensor:
    """Return minus the logarithm of each target's likelihood under the blend of `_blend`, whose scores it computes."""
    repeat_votes, scale, decay = point.repeat_votes.sigmoid(), _positive(point.scale), _positive(point.revisit_decay)
    kept = data.kept_votes(repeat_votes)
    features = (data.features(kept) - data.mean) / data.deviation
    weight, repeat, revisit = point.gates[:, :1] + point.gates[:, 1:] @ features.T
    others = (data.others * scale).masked_fill(~data.is_other, LOWEST).logsumexp(dim=1)
    newest = torch.where(data.has_newest, data.newest * scale + repeat, LOWEST)
    voted = torch.where(data.votes > 0, weight, LOWEST)
    revisits = revisit.unsqueeze(1) - decay * data.log_ages
    revisited = revisits.masked_fill(~data.is_earlier, LOWEST).logsumexp(dim=1)
    own_votes = torch.where(data.own_is_newest, data.own_votes * repeat_votes, data.own_votes)
    own_share = (own_votes / kept).clamp(min=1e-30).log()
    own = (
        data.own_score * scale + torch.where(data.own_is_newest, repeat, 0.0),
        torch.where(data.own_votes > 0, own_share + weight, LOWEST),
        torch.where(data.own_is_earlier, revisit - decay * data.own_log_age, LOWEST),
    )
    return torch.stack([others, newest, voted, revisited]).logsumexp(dim=0) - torch.stack(own).logsumexp(dim=0)


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
