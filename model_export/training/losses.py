"""The loss functions."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from model_export.training.config import FitConfig
from model_export.training.fused_cross_entropy import fused_cross_entropy
from model_export.training.network import Network

TINY = 1e-24
"""Added under a logarithm."""


class Loss(Protocol):
    """A loss: hidden states and the items that followed -> one number.

    Attributes:
        of_all_items: whether it scores every item, so that it needs the whole table.
    """

    of_all_items: ClassVar[bool]

    def __call__(
        self, network: Network, states: Tensor, rows: Tensor | None, targets: Tensor, weights: Tensor
    ) -> Tensor:
        """Return the weighted sum of the losses.

        Args:
            network: scores the states.
            states: float32[n, hidden].
            rows: float32[items, hidden], the table; None if the loss is not `of_all_items`.
            targets: int64[n].
            weights: float32[n].
        """


def make_loss(config: FitConfig, counts: Tensor, kind: torch.dtype) -> Loss:
    """Return the loss that the settings name.

    Args:
        config: with a loss that is not "auto". `softmax` scores every item; `sampled-softmax` the target and
            `samples` others; `bpr-max` ranks the target above the best of such others.
        counts: float32[items], events of each item.
        kind: what states and rows are multiplied in.
    """
    bias = ((counts + 1) / (counts + 1).sum()).log() * config.popularity_prior if config.popularity_prior else None
    if config.loss == "softmax":
        return _Softmax(config.smoothing, kind, bias)
    share = (counts + 1).pow(config.sampling_power)
    sampler = _Sampler(share / share.sum(), config.samples, bias)
    return _SampledSoftmax(sampler) if config.loss == "sampled-softmax" else _BprMax(sampler)


@dataclass(frozen=True)
class _Softmax:
    of_all_items: ClassVar[bool] = True
    smoothing: float
    kind: torch.dtype
    bias: Tensor | None

    def __call__(
        self, network: Network, states: Tensor, rows: Tensor | None, targets: Tensor, weights: Tensor
    ) -> Tensor:
        scored, rows = network.scored(states), network.rows() if rows is None else rows
        return fused_cross_entropy(
            scored, rows, targets, weights, smoothing=self.smoothing, kind=self.kind, bias=self.bias
        )


@dataclass(frozen=True)
class _Sampler:
    share: Tensor
    samples: int
    bias: Tensor | None

    def draw(self) -> tuple[Tensor, Tensor]:
        """Draw negatives: int64[samples], and how often each of them is expected, float32[samples]."""
        negatives = torch.multinomial(self.share, self.samples, replacement=True)
        return negatives, self.share[negatives] * self.samples


@dataclass(frozen=True)
class _SampledSoftmax:
    """Softmax over the target and shared negatives, with the logQ correction.

    Bengio and Senécal 2008 (doi 10.1109/TNN.2007.912312): a negative that is expected n times stands for
    the others that were not drawn, so log n is taken off its logit.
    """

    of_all_items: ClassVar[bool] = False
    sampler: _Sampler

    def __call__(
        self, network: Network, states: Tensor, rows: Tensor | None, targets: Tensor, weights: Tensor
    ) -> Tensor:
        negatives, expected = self.sampler.draw()
        own, others = _logits(network, states, rows, targets, negatives, self.sampler.bias)
        logits = torch.cat([own, others - expected.log()], dim=1)
        return (functional.cross_entropy(logits, torch.zeros_like(targets), reduction="none") * weights).sum()


@dataclass(frozen=True)
class _BprMax:
    """BPR-max: the target against each negative, weighted by the negatives' softmax (Hidasi and Karatzoglou 2018)."""

    of_all_items: ClassVar[bool] = False
    sampler: _Sampler

    def __call__(
        self, network: Network, states: Tensor, rows: Tensor | None, targets: Tensor, weights: Tensor
    ) -> Tensor:
        negatives, _ = self.sampler.draw()
        own, others = _logits(network, states, rows, targets, negatives, self.sampler.bias)
        better = (others.softmax(dim=1) * torch.sigmoid(own - others)).sum(dim=1)
        return (-torch.log(better + TINY) * weights).sum()


def _logits(
    network: Network, states: Tensor, rows: Tensor | None, targets: Tensor, negatives: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Logits of the targets, float32[n, 1], and of the negatives, float32[n, samples], -inf where one is the target."""
    scored = network.scored(states)
    own = (scored * network.gather(targets, rows)).sum(dim=1, keepdim=True)
    others = scored @ network.gather(negatives, rows).T
    if bias is not None:
        own, others = own + bias[targets].unsqueeze(1), others + bias[negatives]
    return own, others.masked_fill(negatives.unsqueeze(0) == targets.unsqueeze(1), -torch.inf)
