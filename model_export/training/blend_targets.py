"""What network and session memory each say of sessions that neither of them knows: what a blend is learned from."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.memory import Memory
from model_export.memory.blend import UNSEEN, ages_of
from model_export.memory.fit_blend import BlendTargets
from model_export.training.network import Network
from model_export.training.validation_metrics import some, states_after

BEST = 200
"""The network's best items that are candidates, beside those recalled: none beyond comes among the first 20."""
MOST_TARGETS = 4000
"""Next items that a blend of three numbers is learned from; of more, a part is drawn."""

Row = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], NDArray[np.int64], int, float]


def blend_targets(network: Network, memory: Memory, sessions: Sessions, seed: int) -> BlendTargets:
    """Return what a blend is learned from.

    Args:
        network: trained without the sessions.
        memory: an index without the sessions, over the network's catalogue.
        sessions: what to learn from, over that catalogue.
        seed: draws from more sessions than are needed.
    """
    return _collected(_rows(network, memory, some(sessions, MOST_TARGETS, seed)))


@torch.inference_mode()
def _rows(network: Network, memory: Memory, sessions: Sessions) -> Iterator[Row]:
    """For each next item: candidates, their scores, votes and ages, the target, the level of all scores."""
    network.eval()
    rows = network.rows()
    best = min(BEST, rows.shape[0])
    for number in range(len(sessions)):
        session = sessions.session(number)
        scores = network.scores(states_after(network, session[:-1], rows), rows)
        levels = torch.logsumexp(scores, dim=1).tolist()
        top = scores.topk(best, dim=1).indices.cpu().numpy()
        every = scores.cpu().numpy()
        for at in range(len(session) - 1):
            so_far = session[: at + 1]
            recalled, votes = memory.votes(so_far)
            items = np.union1d(np.union1d(top[at], recalled), so_far).astype(np.int64)
            voted = np.zeros(len(items), np.float32)
            voted[np.searchsorted(items, recalled)] = votes
            yield items, every[at, items], voted, ages_of(items, so_far), int(session[at + 1]), levels[at]


def _collected(rows: Iterator[Row]) -> BlendTargets:
    listed = list(rows)
    shape = len(listed), max(len(items) for items, *_ in listed)
    scores, votes = np.full(shape, -np.inf, np.float32), np.zeros(shape, np.float32)
    ages, place = np.full(shape, UNSEEN), np.full(len(listed), -1)
    for number, (items, scored, voted, aged, target, _) in enumerate(listed):
        scores[number, : len(items)] = scored
        votes[number, : len(items)] = voted
        ages[number, : len(items)] = aged
        found = np.searchsorted(items, target)
        if found < len(items) and items[found] == target:
            place[number] = found
    return BlendTargets(scores, votes, ages, place, float(np.median([row[-1] for row in listed])))
