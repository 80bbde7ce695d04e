"""Open settings are chosen by the data, and each switch has its effect."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model_export.training.batches import Batches
from model_export.training.config import FitConfig
from model_export.training.defaults import (
    FEW_EPOCHS,
    FEWEST_EPOCHS,
    MAX_BATCH,
    MAX_EPOCHS,
    MIN_BATCH,
    MIN_EPOCHS,
    NETWORKS,
    WIDE_UP_TO,
    DataShape,
    decisions,
    expected_seconds,
    for_data,
    network_configs,
)
from model_export.training.device import product_type
from model_export.training.fit import fit
from model_export.training.network import Network, NetworkConfig
from tests.model_export.handmade import handmade
from tests.model_export.tiny import RecordingWatcher, cycle

QUICK = FitConfig(epochs=3, networks=1, hidden=16, batch=8, learning_rate=0.02, temperature=0.2, validation_days=1)


OPEN = FitConfig()
SMALL, LARGE = DataShape(80_000, 20_000, 18_000), DataShape(1_000_000, 180_000, 40_000)


def test_a_small_shop_gets_many_epochs_and_a_large_one_few() -> None:
    small, large = (for_data(FitConfig(minutes=60), shape) for shape in (SMALL, LARGE))
    assert (small.epochs, small.batch, small.networks) == (MAX_EPOCHS, MIN_BATCH, NETWORKS)
    assert (large.epochs, large.batch, large.networks) == (MIN_EPOCHS, MAX_BATCH, NETWORKS)


def test_few_items_get_the_full_softmax_and_many_a_sample() -> None:
    assert for_data(FitConfig(), DataShape(10**7, 10**6, 4096)).loss == "softmax"
    assert for_data(FitConfig(), DataShape(10, 5, 4097)).loss == "sampled-softmax"


def test_little_time_costs_epochs_then_networks_then_epochs() -> None:
    # GIVEN more and more time
    chosen = [for_data(FitConfig(minutes=minutes), LARGE) for minutes in (4.9, 10, 15, 20, 25, 1000)]
    # THEN there are more and more networks and epochs, and the expected time keeps within it, but for the fewest epochs
    sizes = [(each.networks, each.epochs) for each in chosen]
    assert sizes[0] == (1, FEWEST_EPOCHS)
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == len(sizes)
    assert all(epochs >= FEW_EPOCHS for networks, epochs in sizes if networks == NETWORKS)
    assert sizes[-1] == (NETWORKS, MIN_EPOCHS)
    assert all(expected_seconds(each, LARGE) <= 60 * each.minutes for each in chosen[1:])
    # AND what is set stays
    assert for_data(FitConfig(minutes=0.001, networks=4, epochs=7), LARGE).networks == 4


def test_a_small_catalogue_gets_wide_networks_where_time_allows() -> None:
    def width(items: int, config: FitConfig = OPEN) -> int:
        return for_data(config, DataShape(80_000, 20_000, items)).hidden

    assert width(WIDE_UP_TO) == 256
    assert width(WIDE_UP_TO + 1) == 128
    # AND little time, or more networks than a request pays for by default, take the narrow ones
    assert width(WIDE_UP_TO, FitConfig(minutes=1)) == 128
    assert width(WIDE_UP_TO, FitConfig(networks=4)) == 128
    # AND what is set stays
    assert width(WIDE_UP_TO, FitConfig(hidden=64)) == 64
    assert width(WIDE_UP_TO + 1, FitConfig(hidden=256)) == 256


def test_networks_differ_in_seed_and_take_both_batchings_in_turn() -> None:
    configs = network_configs(for_data(FitConfig(networks=3, seed=5), SMALL))
    assert [config.seed for config in configs] == [5, 6, 7]
    assert [config.batching for config in configs] == ["padded", "session-parallel", "padded"]
    assert {config.batching for config in network_configs(FitConfig(networks=2, batching="padded"))} == {"padded"}


def test_what_was_chosen_is_said_with_its_inputs() -> None:
    sessions = handmade("a b c", "b c", "c", start=0)
    assert [str(each) for each in decisions(FitConfig(), sessions)] == [
        "loss softmax: 3 items, at most 2 x 2,048",
        (
            "hidden 256: 3 items; 256 up to 20,000 items, for at most 2 networks, whose epochs all fit "
            "(expected are 0.0 of 25 minutes), else 128"
        ),
        "networks 2: at most 2, expected are 0.0 of 25 minutes",
        "epochs 10: 4,000,000 / 3 next items, from 6 to 10, expected are 0.0 of 25 minutes",
        "batch 128: 2 sessions with a next item / 700, from 128 to 256",
        "batching auto: padded, then session-parallel, network by network",
    ]
    one = decisions(FitConfig(epochs=3, networks=1, hidden=16, loss="bpr-max", batching="padded", batch=5), sessions)
    assert one == []


def test_set_values_stay() -> None:
    config = FitConfig(epochs=3, batch=17, loss="bpr-max", networks=1, hidden=48)
    assert for_data(config, LARGE) == config


def test_recency_weighs_new_sessions_more() -> None:
    sessions = handmade("a b", "b c", "c d", start=0)
    plain, recent = (
        next(iter(Batches(sessions, 3, 5, recency).epoch(np.random.default_rng(1)))) for recency in (0.0, 2.0)
    )
    assert plain.weights.tolist() == [[1.0]] * 3
    by_first = dict(zip(recent.inputs[:, 0].tolist(), recent.weights[:, 0].tolist(), strict=True))
    assert by_first[2] == pytest.approx(by_first[0] * np.exp(2.0), rel=1e-5)
    assert sum(by_first.values()) == pytest.approx(3.0)


def test_item_dropout_zeroes_events_in_training_only() -> None:
    torch.manual_seed(1)
    network = Network(NetworkConfig(5, 16, dropout=0.0, item_dropout=0.999))
    items, rows = torch.tensor([[1, 2, 3]]), network.rows()
    nothing = network(items, torch.zeros_like(rows))
    assert torch.equal(network.train()(items, rows), nothing)
    assert not torch.allclose(network.eval()(items, rows), nothing)


@pytest.mark.slow
@pytest.mark.parametrize(
    "switch",
    [
        {"averaging": 0.9},
        {"recency": 1.0},
        {"smoothing": 0.05},
        {"item_dropout": 0.1},
        {"weight_decay": 0.01},
        {"precision": "bfloat16"},
        {"optimiser": "adagrad", "learning_rate": 0.1},
        {"networks": 3},
        {"popularity_prior": 0.3},
        {"loss": "sampled-softmax", "samples": 4, "sampling_power": 0.0},
    ],
    ids=lambda switch: next(iter(switch)),
)
def test_learns_a_cycle_with_any_switch(switch: dict[str, object]) -> None:
    config = replace(QUICK, epochs=10, **switch)  # type: ignore[arg-type]  # each value fits its name
    fitted = fit(cycle(items=8, sessions=192), config, RecordingWatcher())
    assert max(epoch.hr for epoch in fitted.validated.history) == 1.0
    assert max(epoch.mrr for epoch in fitted.validated.history) > 0.9


def test_a_named_precision_is_used() -> None:
    cpu = torch.device("cpu")
    assert product_type("float32", cpu) == torch.float32
    assert product_type("bfloat16", cpu) == torch.bfloat16


def test_data_without_a_next_item_gets_settings_too() -> None:
    # `fit` says what is wrong with such data
    assert for_data(FitConfig(), DataShape(0, 0, 5000)).epochs == MAX_EPOCHS
