"""Further parts of a ranking, measured beside the default ones: no model has them.

Each addition gives every candidate of a target one more number, and two weights that are fitted by likelihood, as those
of the blend are. Blend and addition are fitted on one half of the targets and measured on the other.

- Linear item-item scores in closed form, the transition model of SLIST (Choi et al. 2021): ridge regression from the
  items so far, newer ones weighing more, to the items after them.
- Further vectors of a session: the hidden state after the newest event alone, and that of one event ago. Models with
  several intents, such as MiaSRec (Choi et al. 2024), learn theirs; these cost no training.
- Dwell time: how long the visitor has looked at each item of the session.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from dataclasses import replace as replace_fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_export.data.sessions import Sessions, next_items
from model_export.metrics.ranking import Accuracy, accuracy, ranks_of_targets
from model_export.training.blend_targets import MAX_TARGETS, BlendTargets, Target, Votes, blend_targets, each_target
from model_export.training.fit_blend import fit_blend
from model_export.training.neighbour_rows import with_neighbours
from model_export.training.network import Network
from model_export.training.validation_metrics import sample_sessions

RIDGE = 10.0
"""Penalty of the linear model."""
DECAY = 0.6
"""Factor of an item's weight for each event that it is away."""
REACH = 8
"""Events before and after a step that the linear model relates."""
LEAST = 1e-6
"""Stands for a score of 0 under the logarithm."""
LOWEST = -80.0
"""Stands for the logarithm of nothing."""
EVALUATIONS = 60
"""Maximum times that the likelihood is computed."""
MOST = 5.0
"""Largest factor of an addition as a further distribution."""
FIRST_WEIGHT = -3.0
"""Logarithm of an addition's weight to begin with, relative to the blend's."""

Floats = NDArray[np.float32]


Times = NDArray[np.float64]
Addition = Callable[[Target, NDArray[np.int32], Times], Floats]
"""Returns a logarithm for each candidate of a target, float32[candidates], from the target, the session's items before
it, oldest first, and their times in seconds."""


@dataclass(frozen=True)
class Measured:
    """The targets of the validation's sample: their candidates, and the session before each with its times."""

    targets: BlendTargets
    each: list[Target]
    sessions: list[tuple[NDArray[np.int32], Times]]


def measured_targets(network: Network, votes: Votes, held_out: Sessions, seed: int) -> Measured:
    """Return the targets that `choose_ranking` fits a blend to.

    Args:
        network: the validated network, with its rows of neighbours.
        votes: of the session memory.
        held_out: the validation sessions.
        seed: of the sample.
    """
    sample = sample_sessions(held_out, MAX_TARGETS, seed)
    each = list(each_target(network, votes, sample))
    return Measured(blend_targets(network, votes, sample), each, list(_prefixes(sample)))


def with_addition(measured: Measured, addition: Addition | None) -> Accuracy:
    """Return the accuracy of a blend with an addition, each half of the targets with the fit of the other half.

    Args:
        measured: the targets.
        addition: None for the blend alone.
    """
    targets = measured.targets
    added = None if addition is None else _added(measured, addition)
    ranks = np.empty(len(targets.place))
    half = np.arange(len(ranks)) % 2 == 0
    for fitted, other in ((half, ~half), (~half, half)):
        blend = fit_blend(_part(targets, fitted))
        scores = targets.blended(blend)
        if added is not None:
            weights = _fit(scores[fitted], added[fitted], targets.place[fitted])
            scores = _mixed(torch.from_numpy(scores), torch.from_numpy(added), weights).numpy()
        places = targets.place[other]
        found = ranks_of_targets(scores[other], np.maximum(places, 0))
        ranks[other] = np.where(places >= 0, found, np.inf)
    return accuracy(ranks)


class Linear:
    """Closed-form linear scores between items.

    Args:
        sessions: the training sessions.
    """

    def __init__(self, sessions: Sessions) -> None:
        items = len(sessions.catalogue)
        past, after = torch.zeros(items, items), torch.zeros(items, items)
        for number in range(len(sessions)):
            session = torch.from_numpy(sessions.session(number).astype(np.int64))
            for at in range(1, len(session)):
                so_far, to_come = session[max(at - REACH, 0) : at], session[at : at + REACH]
                seen = DECAY ** torch.arange(len(so_far) - 1, -1, -1.0)
                coming = DECAY ** torch.arange(0.0, len(to_come))
                past.index_put_((so_far[:, None], so_far[None, :]), seen[:, None] * seen[None, :], accumulate=True)
                after.index_put_((so_far[:, None], to_come[None, :]), seen[:, None] * coming[None, :], accumulate=True)
        past.diagonal().add_(RIDGE)
        factor = torch.linalg.cholesky(past)
        del past
        self._weights = torch.cholesky_solve(after, factor).numpy()

    def __call__(self, target: Target, so_far: NDArray[np.int32], _times: Times) -> Floats:
        """See `Addition`."""
        recent = so_far[-REACH:]
        seen = (DECAY ** np.arange(len(recent) - 1, -1, -1)).astype(np.float32)
        scores = seen @ self._weights[np.ix_(recent, target.candidates)]
        return np.asarray(np.log(np.maximum(scores, LEAST)), np.float32)


class OtherVector:
    """Scores of the network under another state of the session.

    Args:
        network: the validated network.
        newest_alone: the state after the newest event alone; else that of one event ago.
    """

    def __init__(self, network: Network, newest_alone: bool) -> None:
        self._network, self._newest_alone = network.eval(), newest_alone
        with torch.inference_mode():
            self._rows = network.rows()

    def __call__(self, target: Target, so_far: NDArray[np.int32], _times: Times) -> Floats:
        """See `Addition`."""
        events = so_far[-1:] if self._newest_alone else so_far[: max(len(so_far) - 1, 1)]
        with torch.inference_mode():
            codes = torch.from_numpy(events.astype(np.int64))[None]
            state = self._network(codes, self._rows)[0, -1:]
            scores = self._network.scores(state, self._rows[torch.from_numpy(target.candidates)])[0]
        return scores.numpy() - np.float32(target.level)


def dwell_time(target: Target, so_far: NDArray[np.int32], times: Times) -> Floats:
    """Return the logarithm of 1 + the seconds until the next event, the longest of each item; see `Addition`.

    It is 0 for items that are not in the session, and for the newest event, whose end is not known yet.
    """
    looked = np.zeros(len(target.candidates), np.float32)
    seconds = np.log1p(np.maximum(np.diff(times), 0)).astype(np.float32)
    np.maximum.at(looked, np.searchsorted(target.candidates, so_far[:-1]), seconds)
    return looked


def additions(
    network: Network, train: Sessions, held_out: Sessions, votes: Votes, share: float, seed: int
) -> Iterator[tuple[str, Accuracy]]:
    """Yield the accuracy of the blend alone and with each addition, all fitted and measured by halves.

    Args:
        network: the validated network.
        train: the sessions that it was trained on.
        held_out: later sessions.
        votes: of the session memory.
        share: of neighbours in rows.
        seed: of the sample.
    """
    mixed = with_neighbours(network, train, share)
    measured = measured_targets(mixed, votes, held_out, seed)
    yield "by halves: defaults", with_addition(measured, None)
    yield "by halves: + dwell time", with_addition(measured, dwell_time)
    yield "by halves: + linear item-item scores", with_addition(measured, Linear(train))
    yield "by halves: + vector of the newest event", with_addition(measured, OtherVector(mixed, newest_alone=True))
    yield "by halves: + vector of one event ago", with_addition(measured, OtherVector(mixed, newest_alone=False))


def _prefixes(sessions: Sessions) -> Iterator[tuple[NDArray[np.int32], Times]]:
    for number in range(len(sessions)):
        session = sessions.session(number)
        times = sessions.times[sessions.offsets[number] : sessions.offsets[number + 1]]
        for at in np.flatnonzero(next_items(session, sessions.session_types(number))).tolist():
            yield session[: at + 1], times[: at + 1]


def _added(measured: Measured, addition: Addition) -> Floats:
    added = np.full(measured.targets.scores.shape, LOWEST, np.float32)
    for row, (target, (so_far, times)) in enumerate(zip(measured.each, measured.sessions, strict=True)):
        added[row, : len(target.candidates)] = addition(target, so_far, times)
    return added


def _part(targets: BlendTargets, kept: NDArray[np.bool_]) -> BlendTargets:
    values = {field.name: getattr(targets, field.name) for field in fields(targets)}
    return replace_fields(targets, **{name: value[kept] for name, value in values.items() if name != "level"})


def _mixed(scores: Tensor, added: Tensor, weights: Tensor) -> Tensor:
    """Add a multiple of the addition to the scores, and mix it in as a further distribution."""
    multiple, constant, scale = weights
    factor = (math.log(MOST) * scale.tanh()).exp()
    return torch.logaddexp(scores + multiple.tanh() * added, constant + factor * added)


def _fit(scores: Floats, added: Floats, place: NDArray[np.int64]) -> Tensor:
    listed = place >= 0
    values = torch.from_numpy(scores[listed]).double().clamp(min=LOWEST)
    others = torch.from_numpy(added[listed]).double()
    is_padding = torch.from_numpy(np.isneginf(scores[listed]))
    at = torch.from_numpy(place[listed])[:, None]
    level = float(values.masked_fill(is_padding, LOWEST).logsumexp(dim=1).median())
    weights = torch.tensor([0.0, level + FIRST_WEIGHT, 0.0], dtype=torch.float64)
    weights.requires_grad_()
    search = torch.optim.LBFGS([weights], max_iter=EVALUATIONS, max_eval=EVALUATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        mixed = _mixed(values, others, weights).masked_fill(is_padding, LOWEST)
        value = (mixed.logsumexp(dim=1) - mixed.gather(1, at).squeeze(1)).mean() + 1e-4 * (weights**2).sum()
        torch.autograd.backward(value)
        return value

    search.step(loss)  # type: ignore[no-untyped-call]  # torch has no types here
    return weights.detach().float()
