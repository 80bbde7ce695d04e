"""Mix the rows of a trained table with those of the items that sessions have beside theirs.

Most items of a shop have a handful of events, and a row that learned little from them. The items before and after it in
sessions say more; their mean row is one step of propagation over the graph of co-visits (GCE-GNN, Wang et al. 2020,
arXiv 2106.05081, propagates in training). The table stays one table, so serving costs nothing.
"""

import numpy as np
import torch
from torch import Tensor

from model_export.data.sessions import Sessions
from model_export.training.network import Network

REACH = 3
"""Largest distance in a session, in events, at which two items are neighbours."""
DECAY = 0.5
"""Factor of a neighbour's weight for each event further away."""
CHUNK = 1 << 16
"""Pairs whose rows are summed at a time: 32 MB of rows of 128."""


@torch.no_grad()
def with_neighbours(network: Network, sessions: Sessions, share: float) -> Network:
    """Return a network to whose rows `share` times the mean row of each item's neighbours in the sessions is added.

    Args:
        network: a trained network over the sessions' catalogue; it stays as it is.
        sessions: the sessions that it was trained on.
        share: 0 for none.
    """
    if not share:
        return network
    rows = network.rows()
    means, weights = torch.zeros_like(rows), torch.zeros(len(rows), device=rows.device)
    for first, second, weight in _pairs(sessions):
        for at in range(0, len(first), CHUNK):
            one, other = (codes[at : at + CHUNK].to(rows.device) for codes in (first, second))
            for item, neighbour in ((one, other), (other, one)):
                means.index_add_(0, item, rows[neighbour], alpha=weight)
                weights.index_add_(0, item, torch.ones(len(item), device=rows.device), alpha=weight)
    means /= weights.clamp(min=torch.finfo(torch.float32).tiny).unsqueeze(1)
    mixed = Network(network.config).to(rows.device)
    mixed.load_state_dict({**network.state_dict(), "table": rows + share * means})
    return mixed.eval()


def _pairs(sessions: Sessions) -> list[tuple[Tensor, Tensor, float]]:
    """Return the pairs of distinct items at each distance within a session, and the weight of that distance."""
    codes = torch.from_numpy(sessions.codes.astype(np.int64))
    owners = torch.from_numpy(np.repeat(np.arange(len(sessions)), sessions.lengths))
    pairs = []
    for distance in range(1, REACH + 1):
        first, second = codes[:-distance], codes[distance:]
        beside = (owners[:-distance] == owners[distance:]) & (first != second)
        pairs.append((first[beside], second[beside], DECAY ** (distance - 1)))
    return pairs
