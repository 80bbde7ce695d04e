"""Collect the data that a blend is fitted to: scores of the network and votes of the session memory.

They are computed for validation sessions, which neither the network nor the memory has seen.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model_export.data.sessions import Sessions, next_items
from model_export.memory import Memory
from model_export.memory.blend import UNSEEN, Blend, ages_of
from model_export.metrics.ranking import ranks_of_targets
from model_export.training.network import Network

NETWORK_CANDIDATES = 200
"""The network's best items that are candidates, beside the recalled ones: no further item reaches the first 20."""
MAX_TARGETS = 8000
"""Next items that a blend is learned from; of more, a sample is drawn."""


@dataclass(frozen=True, eq=False)
class BlendTargets:
    """Targets and their candidates: the network's best items, the recalled ones, and those of the session.

    Attributes:
        scores: float32[n, c], the network's; -inf where a row has fewer candidates.
        votes: float32[n, c].
        ages: int64[n, c], see `Blend.scores`.
        place: int64[n], the target's column; -1 where it is not a candidate.
        events: int64[n], events of the session so far.
        level: median over all rows of log(sum over all items of exp(score)).
    """

    scores: NDArray[np.float32]
    votes: NDArray[np.float32]
    ages: NDArray[np.int64]
    place: NDArray[np.int64]
    events: NDArray[np.int64]
    level: float

    def blended(self, blend: Blend) -> NDArray[np.float32]:
        """Return the scores of all candidates under a blend, float32[n, c]."""
        return blend.scores(self.scores, self.votes, self.ages, self.events)

    def ranks(self, blend: Blend) -> NDArray[np.float64]:
        """Return the rank of each target under a blend, float64[n]; infinity where it is not a candidate."""
        ranks = ranks_of_targets(self.blended(blend), np.maximum(self.place, 0))
        return np.where(self.place >= 0, ranks, np.inf)


@dataclass(frozen=True)
class Target:
    """A next item among its candidates.

    Attributes:
        candidates: int64[n] items, ascending.
        scores: float32[n], the network's.
        votes: float32[n], the memory's.
        ages: int64[n], see `Blend.scores`.
        place: the target's place among the candidates; -1 if it is none of them.
        events: events of the session so far.
        level: logarithm of the sum over all items of exp(score).
    """

    candidates: NDArray[np.int64]
    scores: NDArray[np.float32]
    votes: NDArray[np.float32]
    ages: NDArray[np.int64]
    place: int
    events: int
    level: float


Votes = list[tuple[NDArray[np.int64], NDArray[np.float32]]]
"""The recalled items and their votes, for each target of some sessions."""
NOTHING = np.empty(0, np.int64), np.empty(0, np.float32)
OnSession = Callable[[int], None]
"""Called with the number of sessions that are done."""


def recalled_votes(memory: Memory, sessions: Sessions, on_session: OnSession = lambda _done: None) -> Votes:
    """Return what a memory recalls before each target of sessions that it does not hold."""
    votes: Votes = []
    for number in range(len(sessions)):
        on_session(number)
        session = sessions.session(number)
        targets = np.flatnonzero(next_items(session, sessions.session_types(number))).tolist()
        votes.extend(memory.votes(session[: at + 1]) for at in targets)
    return votes


def blend_targets(
    network: Network, votes: Votes | None, sessions: Sessions, on_session: OnSession = lambda _done: None
) -> BlendTargets:
    """Return the data that a blend is learned from.

    Args:
        network: trained without the sessions.
        votes: of the sessions: see `recalled_votes`; None without a memory.
        sessions: validation sessions over the network's catalogue, with `MAX_TARGETS` targets at most.
        on_session: see `OnSession`.
    """
    targets = list(each_target(network, votes, sessions, on_session))
    shape = len(targets), max(len(target.candidates) for target in targets)
    scores, shown = np.full(shape, -np.inf, np.float32), np.zeros(shape, np.float32)
    ages = np.full(shape, UNSEEN)
    for row, target in enumerate(targets):
        count = len(target.candidates)
        scores[row, :count], shown[row, :count], ages[row, :count] = target.scores, target.votes, target.ages
    places, events = (np.array([getattr(target, name) for target in targets]) for name in ("place", "events"))
    return BlendTargets(scores, shown, ages, places, events, float(np.median([target.level for target in targets])))


@torch.inference_mode()
def each_target(
    network: Network, votes: Votes | None, sessions: Sessions, on_session: OnSession = lambda _done: None
) -> Iterator[Target]:
    """Yield each target of sessions among its candidates, session by session; for the arguments see `blend_targets`."""
    network.eval()
    of_targets = itertools.repeat(NOTHING) if votes is None else iter(votes)
    rows = network.rows()
    best = min(NETWORK_CANDIDATES, rows.shape[0])
    for number in range(len(sessions)):
        on_session(number)
        session = sessions.session(number)
        types = sessions.session_types(number)
        codes, kinds = (torch.from_numpy(part[:-1].astype(np.int64)).to(rows.device) for part in (session, types))
        scores = network.scores(network(codes[None], rows, kinds[None])[0], rows)
        levels = torch.logsumexp(scores, dim=1).tolist()
        top = scores.topk(best, dim=1).indices.cpu().numpy()
        scores_of = scores.cpu().numpy()
        for at in np.flatnonzero(next_items(session, types)).tolist():
            so_far = session[: at + 1]
            recalled, voted = next(of_targets)
            candidates = np.union1d(np.union1d(top[at], recalled), so_far).astype(np.int64)
            shown = np.zeros(len(candidates), np.float32)
            shown[np.searchsorted(candidates, recalled)] = voted
            place = np.flatnonzero(candidates == session[at + 1])
            yield Target(
                candidates,
                scores_of[at, candidates],
                shown,
                ages_of(candidates, so_far),
                int(place[0]) if len(place) else -1,
                len(so_far),
                levels[at],
            )
