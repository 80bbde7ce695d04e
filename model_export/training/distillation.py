"""Teachers: networks trained before, whose mean answer a network learns beside the item that followed.

After Hinton et al. 2015 (arXiv 1503.02531), for one network that serves and is as good as several. Knows no schedule.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from model_export.training.batches import Batch
from model_export.training.fused_cross_entropy import chunk_rows
from model_export.training.network import Network

TOLD = 64
"""Best items of an answer that are told; they share all of its certainty."""


class Teachers:
    """Networks over the same catalogue as the one that learns from them.

    Args:
        networks: trained ones, at least one.
        share: what of the loss is theirs, 0 to 1.
    """

    def __init__(self, networks: Sequence[Network], share: float) -> None:
        self._networks = [network.eval() for network in networks]
        self._share = share

    def loss(self, network: Network, states: Tensor, rows: Tensor, batch: Batch, weights: Tensor) -> Tensor:
        """Return what is added to a softmax loss, so that its targets are the items that followed and the answers.

        A softmax loss is linear in its target distribution, so that only the mean logit of the target has to be
        exchanged for that of the mixture; the sum over all items is in the loss already.

        Args:
            network: learns.
            states: float32[n, hidden], its hidden states where the batch has a target.
            rows: its table.
            batch: with n targets.
            weights: float32[n].
        """
        items, shares = self.answers(batch)
        scored = network.scored(states)
        told = functional.embedding_bag(items, rows, per_sample_weights=shares, mode="sum")
        followed = functional.embedding(batch.targets[batch.mask], rows)
        return self._share * ((scored * (followed - told)).sum(dim=1) * weights).sum()

    @torch.no_grad()
    def answers(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the best items after each event of a batch that has a target, int64[n, m], and their shares."""
        tables = [network.rows() for network in self._networks]
        after = [network(batch.inputs, rows)[batch.mask] for network, rows in zip(self._networks, tables, strict=True)]
        size = chunk_rows(len(after[0]), len(tables[0]))
        found = [self._best([one[at : at + size] for one in after], tables) for at in range(0, len(after[0]), size)]
        shares, items = (torch.cat([part[side] for part in found]) for side in (0, 1))
        return items, shares / shares.sum(dim=1, keepdim=True)

    def _best(self, states: Sequence[Tensor], tables: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        mean = torch.zeros(len(states[0]), len(tables[0]), device=states[0].device)
        for network, one, rows in zip(self._networks, states, tables, strict=True):
            mean += network.scores(one, rows).softmax(dim=1)
        best = mean.topk(min(TOLD, mean.shape[1]), dim=1)
        return best.values, best.indices
