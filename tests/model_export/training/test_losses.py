"""The losses: the sampled softmax equals the full one on average, the fused cross-entropy equals torch's."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from model_export.training.config import FitConfig, LossName
from model_export.training.fused_cross_entropy import CHUNK_SCORES, ROW_UNIT, chunk_rows, fused_cross_entropy
from model_export.training.losses import Loss, make_loss
from model_export.training.network import Network, NetworkConfig
from tests.model_export import tiny  # noqa: F401 - one thread

ITEMS, HIDDEN, STATES, DRAWS = 3000, 16, 24, 40


def _network(items: int, *, normalised: bool) -> Network:
    torch.manual_seed(5)
    network = Network(NetworkConfig(items, HIDDEN, normalised=normalised, temperature=0.25, dropout=0.0))
    if not normalised:
        torch.nn.init.normal_(network.table, std=0.35)
    return network


def _made(loss: LossName, items: int = ITEMS, **settings: float) -> Loss:
    """A loss in float32, of items that occur once each."""
    return make_loss(FitConfig(loss=loss, **settings), torch.ones(items), torch.float32)  # type: ignore[arg-type]  # all are numbers


def _mean(targets: int) -> Tensor:
    return torch.full((targets,), 1.0 / targets)


def _loss_and_gradient(loss: Loss, network: Network, states: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """A loss, and its gradient with respect to the table."""
    value = loss(network, states, network.rows(), targets, _mean(len(targets)))
    (gradient,) = torch.autograd.grad(value, [network.table])
    return value.detach(), gradient


@pytest.mark.parametrize("normalised", [True, False])
def test_the_sampled_softmax_equals_the_full_one_on_average(normalised: bool) -> None:
    network = _network(ITEMS, normalised=normalised)
    states, targets = torch.randn(STATES, HIDDEN), torch.randint(ITEMS, (STATES,))
    full, full_gradient = _loss_and_gradient(_made("softmax"), network, states, targets)
    sampled = _made("sampled-softmax")
    drawn = [_loss_and_gradient(sampled, network, states, targets) for _ in range(DRAWS)]
    losses = torch.stack([loss for loss, _ in drawn])
    gradient = torch.stack([part for _, part in drawn]).mean(dim=0)
    # Without the correction for items that were not drawn, the difference would be 0.38.
    assert abs(float(losses.mean() - full)) < 0.02
    assert float((gradient - full_gradient).norm() / full_gradient.norm()) < 0.05
    assert float(losses.std()) > 0.0


@pytest.mark.parametrize("items", [1, 2, 3])
def test_a_target_is_never_its_own_negative(items: int) -> None:
    # Every draw holds the target several times. As a negative it would cost at least log 2.
    network = _network(items, normalised=False)
    targets = torch.zeros(4, dtype=torch.long)
    with torch.no_grad():
        network.table.copy_(torch.eye(items, HIDDEN))
    states = torch.eye(items, HIDDEN)[targets] * 40.0
    rows = network.rows()
    sampled = _made("sampled-softmax", items)(network, states, rows, targets, _mean(4))
    full = _made("softmax", items)(network, states, rows, targets, _mean(4))
    assert float(full.detach()) < 1e-6
    assert float(sampled.detach()) < 1e-6


def test_smoothing_makes_certainty_cost() -> None:
    network = _network(8, normalised=False)
    with torch.no_grad():
        network.table.copy_(torch.eye(8, HIDDEN))
    targets = torch.arange(8)
    states = torch.eye(8, HIDDEN) * 30.0
    plain, smoothed = (
        float(_made("softmax", 8, smoothing=smoothing)(network, states, network.rows(), targets, _mean(8)).detach())
        for smoothing in (0.0, 0.1)
    )
    assert plain < 1e-6
    assert smoothed > 1.0


@pytest.mark.parametrize(("smoothing", "biased"), [(0.0, False), (0.2, False), (0.0, True), (0.2, True)])
def test_the_fused_cross_entropy_equals_torchs(smoothing: float, biased: bool) -> None:
    torch.manual_seed(1)
    items = 40_000
    states, rows = torch.randn(CHUNK_SCORES // items + 30, HIDDEN), torch.randn(items, HIDDEN)
    targets, weights = torch.randint(items, (len(states),)), torch.rand(len(states))
    bias = torch.randn(items) if biased else None
    inputs = [tensor.requires_grad_() for tensor in (states, rows)]
    scores = states @ rows.T if bias is None else states @ rows.T + bias
    each = functional.cross_entropy(scores, targets, reduction="none", label_smoothing=smoothing)
    plain = (each * weights).sum()
    for kind, allowed in ((torch.float32, 1e-4), (torch.bfloat16, 0.02)):
        fused = fused_cross_entropy(states, rows, targets, weights, smoothing=smoothing, kind=kind, bias=bias)
        assert float(abs(fused - plain).detach()) <= allowed * float(plain.detach())
        expected, actual = torch.autograd.grad(plain, inputs, retain_graph=True), torch.autograd.grad(fused, inputs)
        for ours, theirs in zip(actual, expected, strict=True):
            assert float((theirs - ours).norm()) <= allowed * float(theirs.norm())


@pytest.mark.parametrize("prior", [0.5, -0.5])
def test_the_sampled_softmax_has_the_prior_too(prior: float) -> None:
    network = _network(ITEMS, normalised=True)
    states, targets = torch.randn(STATES, HIDDEN), torch.randint(ITEMS, (STATES,))
    counts = torch.arange(ITEMS, dtype=torch.float32)
    full = make_loss(FitConfig(loss="softmax", popularity_prior=prior), counts, torch.float32)
    sampled = make_loss(FitConfig(loss="sampled-softmax", popularity_prior=prior), counts, torch.float32)
    none = make_loss(FitConfig(loss="softmax"), counts, torch.float32)
    drawn = torch.stack([_loss_and_gradient(sampled, network, states, targets)[0] for _ in range(DRAWS)])
    wanted, _ = _loss_and_gradient(full, network, states, targets)
    plain, _ = _loss_and_gradient(none, network, states, targets)
    assert abs(float(drawn.mean() - wanted)) < abs(float(drawn.mean() - plain)) / 3


def test_bpr_max_penalises_a_low_target() -> None:
    network = _network(8, normalised=False)
    with torch.no_grad():
        network.table.copy_(torch.eye(8, HIDDEN))
    targets, loss = torch.arange(8), _made("bpr-max", 8)
    right, wrong = (
        float(loss(network, sign * torch.eye(8, HIDDEN) * 9.0, network.rows(), targets, _mean(8)).detach())
        for sign in (1.0, -1.0)
    )
    assert right < 1e-3
    assert wrong > 1.0


@given(states=st.integers(1, 5000), items=st.sampled_from([1, 50, 17_000, 10**6]))
def test_chunks_have_the_same_size(states: int, items: int) -> None:
    rows = chunk_rows(states, items)
    padded = -(-states // rows) * rows
    assert chunk_rows(padded, items) == rows
    assert rows % ROW_UNIT == 0
    assert padded - states < ROW_UNIT * (padded // rows)
    assert rows * items <= max(CHUNK_SCORES, 32 * items)
