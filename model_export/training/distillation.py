"""Distillation: a network learns the mean distribution of its teachers, beside the item that followed.

One network then serves as well as several (Hinton et al. 2015, arXiv 1503.02531).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from model_export.training.batches import Batch
from model_export.training.fused_cross_entropy import chunk_rows
from model_export.training.network import Network

KEPT_ITEMS = 64
"""Best items of a teachers' distribution that are kept; they share its whole probability."""


class Teachers:
    """Trained networks over the catalogue of the network that learns from them.

    Args:
        networks: at least one.
        share: their share of the loss, 0 to 1.
    """

    def __init__(self, networks: Sequence[Network], share: float) -> None:
        self._networks = [network.eval() for network in networks]
        self._share = share

    def loss(self, network: Network, states: Tensor, rows: Tensor, batch: Batch, weights: Tensor) -> Tensor:
        """Return the difference between the loss of mixed targets and the softmax loss of the item that followed.

        A softmax loss is linear in its target distribution. So only the logit of the target has to be replaced by the
        mean logit of the mixture; the sum over all items is already in the loss.

        Args:
            network: the network that learns.
            states: float32[n, hidden], its hidden states where the batch has a target.
            rows: its table.
            batch: a batch with n targets.
            weights: float32[n].
        """
        items, shares = self.targets(batch)
        scored = network.scored(states)
        taught = functional.embedding_bag(items, rows, per_sample_weights=shares, mode="sum")
        followed = functional.embedding(batch.targets[batch.mask], rows)
        return self._share * ((scored * (followed - taught)).sum(dim=1) * weights).sum()

    @torch.no_grad()
    def targets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the teachers' best items where a batch has a target, int64[n, m], and their probabilities."""
        tables = [network.rows() for network in self._networks]
        after = [
            network(batch.inputs, rows, batch.types)[batch.mask]
            for network, rows in zip(self._networks, tables, strict=True)
        ]
        size = chunk_rows(len(after[0]), len(tables[0]))
        chunks = ([states[at : at + size] for states in after] for at in range(0, len(after[0]), size))
        best = [self._best(chunk, tables) for chunk in chunks]
        shares, items = (torch.cat([chunk[side] for chunk in best]) for side in (0, 1))
        return items, shares / shares.sum(dim=1, keepdim=True)

    def _best(self, states: Sequence[Tensor], tables: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        mean = torch.zeros(len(states[0]), len(tables[0]), device=states[0].device)
        for network, own_states, rows in zip(self._networks, states, tables, strict=True):
            mean += network.scores(own_states, rows).softmax(dim=1)
        best = mean.topk(min(KEPT_ITEMS, mean.shape[1]), dim=1)
        return best.values, best.indices
