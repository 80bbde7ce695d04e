"""How good a network is on sessions it has not seen. Knows no training."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_export.data.sessions import Sessions
from model_export.metrics.ranking import Accuracy, accuracy, mid_rank
from model_export.training.batches import Batches
from model_export.training.network import Network

SCORES = 1 << 24
"""Scores that are held at a time: 64 MB."""
FEWEST, MOST = 1, 64
"""Sessions in a batch."""


@torch.inference_mode()
def network_accuracy(network: Network, sessions: Sessions) -> Accuracy:
    """Return HR@20 and MRR@20 of a network's own scores."""
    network.eval()
    rows = network.rows()
    longest = int(sessions.lengths.max())
    on = rows.device
    batches = Batches(sessions, min(max(SCORES // (rows.shape[0] * longest), FEWEST), MOST), longest)
    better, tied = [], []
    for batch in (one.to(on) for one in batches.epoch(np.random.default_rng(0))):
        states = network(batch.inputs, rows)[batch.mask]
        targets = batch.targets[batch.mask].unsqueeze(1)
        scores = network.scores(states, rows)
        own = scores.gather(1, targets)
        # int32: on the processor, torch sums booleans to int64 twice as slowly.
        better.append((scores > own).sum(dim=1, dtype=torch.int32))
        tied.append((scores == own).sum(dim=1, dtype=torch.int32) - 1)
    return accuracy(mid_rank(torch.cat(better).cpu().numpy(), torch.cat(tied).cpu().numpy()))


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
