"""Merged networks score the mean of their scores, in torch and in the graphs."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from model_export.data.session_events import SessionEvents
from model_export.export.build_graphs import write_graphs
from model_export.export.graph_runner import GraphRunner
from model_export.export.measure_loss import parity, stepwise_difference
from model_export.export.onnx.parameters import parameters_of
from model_export.export.schemes import SCHEMES, Scheme
from model_export.export.schemes.fp32 import Fp32
from model_export.training.merge import merged
from model_export.training.network import Network, NetworkConfig
from model_export.training.run_folder import Run
from model_export.training.torch_reference import torch_scores
from tests.model_export.tiny import random_run

ITEMS, HIDDEN = 50, 16
SESSIONS = [SessionEvents.views(np.array(items, np.int32)) for items in ([3], [7, 7, 1], [4, 9, 2, 8, 30, 11])]


def networks(
    count: int, *, normalised: bool = True, layers: int = 1, types: int = 1, items: int = ITEMS, hidden: int = HIDDEN
) -> list[Network]:
    """Networks of random weights."""
    torch.manual_seed(count)
    parts = []
    for _ in range(count):
        config = NetworkConfig(items, hidden, layers, normalised=normalised, temperature=0.2, dropout=0.0, types=types)
        network = Network(config).eval()
        with torch.no_grad():
            network.table.mul_(torch.rand(items, 1) * 3)  # rows of other lengths
            if network.types is not None:
                network.types.normal_(std=0.3)
        parts.append(network)
    return parts


@torch.inference_mode()
def scores(network: Network, items: list[int], types: list[int]) -> torch.Tensor:
    """The scores after a session."""
    rows = network.rows()
    states = network(torch.tensor([items]), rows, torch.tensor([types]))[:, -1]
    return network.scores(states, rows)[0]


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize(("layers", "types"), [(1, 1), (2, 1), (1, 3), (2, 2)])
def test_a_merged_network_scores_the_mean(normalised: bool, layers: int, types: int) -> None:
    parts = networks(3, normalised=normalised, layers=layers, types=types)
    items, kinds = [4, 9, 4, 2], [0, types - 1, 0, types - 1]
    mean = torch.stack([scores(part, items, kinds) for part in parts]).mean(dim=0)
    torch.testing.assert_close(scores(merged(parts), items, kinds), mean, atol=1e-5, rtol=1e-5)


def test_one_network_stays_as_it_is() -> None:
    [alone] = networks(1)
    assert merged([alone]) is alone


def test_rows_of_a_merged_network_have_unit_length() -> None:
    lengths = merged(networks(4)).rows().norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(ITEMS))


def merged_run(*, normalised: bool, layers: int, items: int = ITEMS, hidden: int = HIDDEN) -> Run:
    """A run of two merged networks."""
    network = merged(networks(2, normalised=normalised, layers=layers, items=items, hidden=hidden))
    plain = random_run(items, hidden=2 * hidden, layers=layers)
    weights = {name: np.ascontiguousarray(values.numpy(), np.float32) for name, values in network.state_dict().items()}
    record = msgspec.structs.replace(plain.record, normalised=normalised, temperature=0.2, networks=2)
    return msgspec.structs.replace(plain, weights=weights, record=record)


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_graphs_score_like_torch(tmp_path: Path, normalised: bool, layers: int) -> None:
    run = merged_run(normalised=normalised, layers=layers)
    parameters = parameters_of(run)
    write_graphs(tmp_path, parameters, Fp32(), parameters.table)
    graphs = GraphRunner(tmp_path, layers, 2 * HIDDEN, ITEMS)
    assert parity(graphs, zip(SESSIONS, torch_scores(run, SESSIONS), strict=True)) <= 1e-4
    assert stepwise_difference(graphs, SESSIONS) <= 1e-4


WHOLE = [scheme for scheme in SCHEMES if not scheme.name.startswith(("truncated", "ivf"))]
"""Schemes that pass over all dimensions of all items: random rows have no structure that the others could use."""


@pytest.mark.parametrize("scheme", WHOLE, ids=lambda scheme: scheme.name)
def test_every_whole_scheme_takes_rows_of_several_networks(tmp_path: Path, scheme: Scheme) -> None:
    # GIVEN more items than a shortlist
    items, hidden = 3000, 80
    run = merged_run(normalised=True, layers=1, items=items, hidden=hidden)
    parameters = parameters_of(run)
    states = np.random.default_rng(1).normal(size=(40, 2 * hidden)).astype(np.float32)
    write_graphs(tmp_path, parameters, scheme, parameters.scored(states))
    graphs = GraphRunner(tmp_path, 1, 2 * hidden, items)
    # THEN the best items are those of torch, all but a few
    for session, scores in zip(SESSIONS, torch_scores(run, SESSIONS), strict=True):
        best = graphs.top(graphs.step(graphs.start(), session), 20, session.items)
        assert len({*best.tolist()} & {*np.argsort(-scores)[:20].tolist()}) >= 18
