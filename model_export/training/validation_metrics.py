"""Measure a network on sessions that it has not seen."""

import numpy as np
import torch

from model_export.data.sessions import Sessions
from model_export.metrics.ranking import Accuracy, accuracy, mid_rank
from model_export.training.batches import Batches
from model_export.training.network import Network

MAX_SCORES = 1 << 24
"""Scores that are held at a time: 64 MB."""
MAX_BATCH = 64
"""Maximum number of sessions in a batch."""


@torch.inference_mode()
def network_accuracy(network: Network, sessions: Sessions) -> Accuracy:
    """Return HR@20 and MRR@20 of a network's own scores."""
    network.eval()
    rows = network.rows()
    longest = int(sessions.lengths.max())
    batches = Batches(sessions, min(max(MAX_SCORES // (rows.shape[0] * longest), 1), MAX_BATCH), longest)
    better, tied = [], []
    for batch in (batch.to(rows.device) for batch in batches.epoch(np.random.default_rng(0))):
        states = network(batch.inputs, rows, batch.types)[batch.mask]
        targets = batch.targets[batch.mask].unsqueeze(1)
        scores = network.scores(states, rows)
        own = scores.gather(1, targets)
        # int32: on the processor, torch sums booleans to int64 twice as slowly.
        better.append((scores > own).sum(dim=1, dtype=torch.int32))
        tied.append((scores == own).sum(dim=1, dtype=torch.int32) - 1)
    return accuracy(mid_rank(torch.cat(better).cpu().numpy(), torch.cat(tied).cpu().numpy()))


def sample_sessions(sessions: Sessions, targets: int, seed: int) -> Sessions:
    """Draw sessions with at most `targets` targets, but at least one session, over the same catalogue."""
    order = np.random.default_rng(seed).permutation(len(sessions))
    is_drawn = np.cumsum(sessions.lengths[order] - 1) <= targets
    if is_drawn.all():
        return sessions
    is_drawn[0] = True
    return sessions.subset(np.sort(order[is_drawn])).recoded(sessions.catalogue)
