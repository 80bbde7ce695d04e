"""What the network is trained to make small. Knows no sessions and no schedule."""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from model_export.training.config import LossName
from model_export.training.network import Network

SAMPLES = 2048
"""Negative items that `sampled-softmax` draws for each batch."""


class Loss(Protocol):
    """Hidden states and the items that followed -> one number."""

    def __call__(self, network: Network, states: Tensor, rows: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss.

        Args:
            network: scores the states.
            states: float32[n, hidden].
            rows: float32[items, hidden], the table.
            targets: int64[n].
        """


def make_loss(name: LossName, smoothing: float) -> Loss:
    """Return a loss by its name.

    Args:
        name: `softmax` scores every item; `sampled-softmax` the target and `SAMPLES` others.
        smoothing: label smoothing, 0 to 1, of `softmax`.
    """

    def softmax(network: Network, states: Tensor, rows: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(network.scores(states, rows), targets, label_smoothing=smoothing)

    return softmax if name == "softmax" else _sampled_softmax


def _sampled_softmax(network: Network, states: Tensor, rows: Tensor, targets: Tensor) -> Tensor:
    """Softmax over the target and uniform negatives, with the logQ correction.

    Bengio and Senécal 2008 (doi 10.1109/TNN.2007.912312): a negative that is expected n times stands for
    the others that were not drawn, so log n is taken off its logit.
    """
    items = rows.shape[0]
    negatives = torch.randint(items, (SAMPLES,))
    candidates = torch.cat([targets, negatives])
    logits = network.scores(states, functional.embedding(candidates, rows))
    own = logits.diagonal().unsqueeze(1)
    others = logits[:, len(targets) :] - torch.log(torch.tensor(SAMPLES / items))
    others = others.masked_fill(negatives.unsqueeze(0) == targets.unsqueeze(1), -torch.inf)
    return functional.cross_entropy(torch.cat([own, others], dim=1), torch.zeros_like(targets))
