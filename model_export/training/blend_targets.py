"""Collect the data that a blend is fitted to: scores of the network and votes of the session memory.

They are computed for validation sessions, which neither the network nor the memory has seen.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model_export.data.sessions import Sessions, next_items
from model_export.memory import Memory
from model_export.memory.blend import UNSEEN, ages_of
from model_export.memory.fit_blend import BlendTargets
from model_export.training.network import Network

NETWORK_CANDIDATES = 200
"""The network's best items that are candidates, beside the recalled ones: no further item reaches the first 20."""
MAX_TARGETS = 4000
"""Next items that a blend is learned from; of more, a sample is drawn."""


@dataclass(frozen=True)
class _Target:
    """A next item among its candidates.

    Attributes:
        candidates: int64[n] items, ascending.
        scores: float32[n], the network's.
        votes: float32[n], the memory's.
        ages: int64[n], see `Blend.scores`.
        place: the target's place among the candidates; -1 if it is none of them.
        level: logarithm of the sum over all items of exp(score).
    """

    candidates: NDArray[np.int64]
    scores: NDArray[np.float32]
    votes: NDArray[np.float32]
    ages: NDArray[np.int64]
    place: int
    level: float


def blend_targets(
    network: Network, memory: Memory, sessions: Sessions, on_session: Callable[[int], None] = lambda _done: None
) -> BlendTargets:
    """Return the data that a blend is learned from.

    Args:
        network: trained without the sessions.
        memory: an index without the sessions, over the network's catalogue.
        sessions: validation sessions over that catalogue, with `MAX_TARGETS` targets at most.
        on_session: called with the number of sessions that are done.
    """
    targets = list(_targets(network, memory, sessions, on_session))
    shape = len(targets), max(len(target.candidates) for target in targets)
    scores, votes = np.full(shape, -np.inf, np.float32), np.zeros(shape, np.float32)
    ages = np.full(shape, UNSEEN)
    for row, target in enumerate(targets):
        count = len(target.candidates)
        scores[row, :count], votes[row, :count], ages[row, :count] = target.scores, target.votes, target.ages
    places = np.array([target.place for target in targets])
    return BlendTargets(scores, votes, ages, places, float(np.median([target.level for target in targets])))


@torch.inference_mode()
def _targets(
    network: Network, memory: Memory, sessions: Sessions, on_session: Callable[[int], None]
) -> Iterator[_Target]:
    network.eval()
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
            recalled, recalled_votes = memory.votes(so_far)
            candidates = np.union1d(np.union1d(top[at], recalled), so_far).astype(np.int64)
            votes = np.zeros(len(candidates), np.float32)
            votes[np.searchsorted(candidates, recalled)] = recalled_votes
            place = np.flatnonzero(candidates == session[at + 1])
            yield _Target(
                candidates,
                scores_of[at, candidates],
                votes,
                ages_of(candidates, so_far),
                int(place[0]) if len(place) else -1,
                levels[at],
            )
