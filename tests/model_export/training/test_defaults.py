"""Open settings are chosen by the data, and each switch has its effect."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model_export.training import defaults
from model_export.training.batches import Batches
from model_export.training.config import FitConfig
from model_export.training.defaults import MAX_BATCH, MAX_EPOCHS, MIN_BATCH, MIN_EPOCHS, decisions, for_data
from model_export.training.device import product_type
from model_export.training.fit import fit
from model_export.training.network import Network, NetworkConfig
from tests.model_export.handmade import handmade
from tests.model_export.tiny import RecordingWatcher, cycle

QUICK = FitConfig(epochs=3, hidden=16, batch=8, learning_rate=0.02, temperature=0.2, validation_days=1)


def test_a_small_shop_gets_many_epochs_of_the_full_softmax() -> None:
    config = for_data(FitConfig(), transitions=80_000, rows=20_000, items=18_000)
    assert (config.epochs, config.batch, config.loss) == (MAX_EPOCHS, MIN_BATCH, "softmax")


def test_a_large_shop_gets_few_epochs_of_the_sampled_softmax() -> None:
    config = for_data(FitConfig(), transitions=1_000_000, rows=180_000, items=40_000)
    assert (config.epochs, config.batch, config.loss) == (MIN_EPOCHS, MAX_BATCH, "sampled-softmax")


def test_few_items_get_the_full_softmax() -> None:
    assert for_data(FitConfig(), transitions=10**7, rows=10**6, items=3000).loss == "softmax"


def test_what_was_chosen_is_said_with_its_inputs() -> None:
    sessions = handmade("a b c", "b c", "c", start=0)
    assert [str(each) for each in decisions(FitConfig(), sessions)] == [
        "loss softmax: 3 next items x 3 items are 9.0e+00 scores an epoch, at most 5e+09",
        "epochs 10: 4,000,000 / 3 next items, from 6 to 10",
        "batch 128: 2 sessions with a next item / 700, from 128 to 256",
    ]
    lanes = decisions(FitConfig(epochs=3, loss="bpr-max", batching="session-parallel"), sessions)
    assert [str(each) for each in lanes] == [
        "batch 256: 2 sessions with a next item / 700, from 128 to 256, times 2 next items a session"
    ]
    assert decisions(FitConfig(epochs=3, loss="bpr-max", batch=5), sessions) == []


@pytest.mark.parametrize(
    ("limit", "samples", "value", "reason"),
    [
        (1e9, 1, "softmax", "3 next items x 3 items are 9.0e+00 scores an epoch, at most 1e+09"),
        (1.0, 1, "sampled-softmax", "3 next items x 3 items are 9.0e+00 scores an epoch, more than 1e+00"),
        (1.0, 2, "softmax", "of 3 items, a sample of 2 spares too little"),
    ],
)
def test_the_reason_of_a_loss_is_the_rule(
    limit: float, samples: int, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(defaults, "MAX_FULL_SOFTMAX", limit)
    chosen = decisions(FitConfig(samples=samples), handmade("a b c", "b c", "c", start=0))[0]
    assert (chosen.value, chosen.reason) == (value, reason)


def test_set_values_stay() -> None:
    config = FitConfig(epochs=3, batch=17, loss="bpr-max")
    assert for_data(config, transitions=10**6, rows=10**5, items=10**5) == config


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
        {"teachers": 2},
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
