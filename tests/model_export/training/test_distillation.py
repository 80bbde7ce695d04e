"""The teachers' part of a loss: the same gradient as a softmax loss towards their mean distribution."""

import pytest
import torch
from torch import Tensor

from model_export.training.batches import Batch
from model_export.training.distillation import KEPT_ITEMS, Teachers
from model_export.training.network import Network, NetworkConfig
from tests.model_export import tiny  # noqa: F401 - one thread

ITEMS, HIDDEN = 40, 16


def _network(seed: int) -> Network:
    torch.manual_seed(seed)
    return Network(NetworkConfig(ITEMS, HIDDEN, temperature=0.5, dropout=0.0))


def _batch() -> Batch:
    torch.manual_seed(9)
    mask = torch.tensor([[True, True, True], [True, False, False]])
    inputs, targets = torch.randint(ITEMS, (2, 3)), torch.randint(ITEMS, (2, 3))
    return Batch(inputs, torch.zeros_like(inputs), targets, mask, torch.ones(2, 3))


def _mean_distribution(teachers: list[Network], batch: Batch) -> Tensor:
    """float32[n, items]."""
    with torch.no_grad():
        scores = [
            teacher.eval().scores(teacher(batch.inputs, teacher.rows())[batch.mask], teacher.rows())
            for teacher in teachers
        ]
        return torch.stack([values.softmax(dim=1) for values in scores]).mean(dim=0)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_the_loss_is_the_cross_entropy_to_mixed_targets(share: float) -> None:
    # GIVEN two teachers whose whole distribution is kept
    assert ITEMS <= KEPT_ITEMS
    learner, batch, teachers = _network(1), _batch(), [_network(2), _network(3)]
    rows = learner.rows()
    states = learner(batch.inputs, rows)[batch.mask]
    weights = torch.tensor([0.4, 0.3, 0.2, 0.1])
    logs = learner.scores(states, rows).log_softmax(dim=1)
    followed = torch.nn.functional.one_hot(batch.targets[batch.mask], ITEMS).float()
    # WHEN their part is added to the loss of the items that followed
    without = -((followed * logs).sum(dim=1) * weights).sum()
    loss = without + Teachers(teachers, share).loss(learner, states, rows, batch, weights)
    # THEN loss and gradient are those of the mixture
    mixed = (1 - share) * followed + share * _mean_distribution(teachers, batch)
    expected = -((mixed * logs).sum(dim=1) * weights).sum()
    torch.testing.assert_close(loss, expected)
    for ours, theirs in zip(
        torch.autograd.grad(loss, list(learner.parameters()), retain_graph=True),
        torch.autograd.grad(expected, list(learner.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_the_targets_are_the_best_of_the_mean() -> None:
    batch, teachers = _batch(), [_network(2), _network(3)]
    items, shares = Teachers(teachers, 0.5).targets(batch)
    torch.testing.assert_close(shares, _mean_distribution(teachers, batch).gather(1, items))
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(4))
    assert bool((shares.diff(dim=1) <= 0).all())
