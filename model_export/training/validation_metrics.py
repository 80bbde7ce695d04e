"""How good a network is on sessions it has not seen. Knows no training."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_export.data.sessions import Sessions
from model_export.training.batches import Batches
from model_export.training.network import Network

DEPTH = 20
SCORES = 1 << 24
"""Scores that are held at a time: 64 MB."""
FEWEST, MOST = 1, 64
"""Sessions in a batch."""


@dataclass(frozen=True)
class Judged:
    """HR@20 and MRR@20."""

    hr: float
    mrr: float

    @property
    def value(self) -> float:
        """One number to be made large. MRR@20 counts twice: it is about half of HR@20, and so both move it alike."""
        return self.hr + 2.0 * self.mrr


@torch.inference_mode()
def judge(network: Network, sessions: Sessions) -> Judged:
    """Return a network's quality, of its own scores; ties count against it."""
    network.eval()
    rows = network.rows()
    longest = int(sessions.lengths.max())
    on = rows.device
    batches = Batches(sessions, min(max(SCORES // (rows.shape[0] * longest), FEWEST), MOST), longest)
    ranks = []
    for batch in (one.to(on) for one in batches.epoch(np.random.default_rng(0))):
        states = network(batch.inputs, rows)[batch.mask]
        targets = batch.targets[batch.mask].unsqueeze(1)
        scores = network.scores(states, rows)
        ranks.append((scores >= scores.gather(1, targets)).sum(dim=1))
    return judged(torch.cat(ranks).cpu().double().numpy())


def judged(ranks: NDArray[np.float64]) -> Judged:
    """Return the quality of ranks, each 1 or more, infinity for a miss."""
    hit = ranks <= DEPTH
    return Judged(float(hit.mean()), float(np.where(hit, 1.0 / ranks, 0.0).mean()))


def some(sessions: Sessions, targets: int, seed: int) -> Sessions:
    """Return sessions with about so many targets, drawn by a seed, over the same catalogue."""
    order = np.random.default_rng(seed).permutation(len(sessions))
    kept = np.cumsum(sessions.lengths[order] - 1) <= targets
    if kept.all():
        return sessions
    kept[0] = True
    return sessions.subset(np.sort(order[kept])).recoded(sessions.catalogue)


def states_after(network: Network, session: NDArray[np.int32], rows: Tensor) -> Tensor:
    """Return the state after each event of a session, float32[events, hidden]."""
    codes = torch.from_numpy(session.astype(np.int64)).to(rows.device)
    states: Tensor = network(codes[None], rows)[0]
    return states
