"""Training learns what can be learned, repeats with the same seed, and stops early."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model_export.data.sessions import Sessions
from model_export.training.config import FitConfig, LossName
from model_export.training.fit import Fitted, fit, stage_of
from nextitem.errors import InputError
from tests.model_export.handmade import handmade
from tests.model_export.tiny import RecordingWatcher, cycle

QUICK = FitConfig(
    epochs=12,
    networks=1,
    hidden=16,
    batch=8,
    loss="softmax",
    learning_rate=0.02,
    dropout=0.1,
    temperature=0.2,
    validation_days=1,
    memory_sessions=0,
    seed=7,
)
"""Enough to learn a cycle of eight items in a quarter of a second."""


def weights_of(fitted: Fitted) -> bytes:
    return b"".join(values.numpy().tobytes() for values in fitted.network.state_dict().values())


@torch.inference_mode()
def best_after(fitted: Fitted, codes: list[int]) -> int:
    """The item that ranks first after some others."""
    rows = fitted.network.rows()
    states = fitted.network(torch.tensor([codes]), rows)[:, -1]
    return int(fitted.network.scores(states, rows)[0].argmax())


@pytest.mark.parametrize(
    ("loss", "layers", "normalised"),
    [
        ("softmax", 1, True),
        ("softmax", 1, False),
        ("softmax", 2, True),
        ("sampled-softmax", 1, True),
        ("bpr-max", 1, True),
    ],
)
@pytest.mark.slow
def test_learns_a_cycle(loss: LossName, layers: int, normalised: bool) -> None:
    config = replace(QUICK, loss=loss, layers=layers, normalised=normalised)
    fitted = fit(cycle(items=8, sessions=192), config, RecordingWatcher())
    for code in range(8):
        assert best_after(fitted, [code]) == (code + 1) % 8
        assert best_after(fitted, [(code - 1) % 8, code]) == (code + 1) % 8
    assert fitted.validated.history[-1].mrr > 0.95
    assert fitted.validated.history[-1].hr == 1.0


def test_stops_when_nothing_improves() -> None:
    # GIVEN a learning rate so small that the first epoch stays the best
    config = replace(QUICK, epochs=9, learning_rate=1e-20, patience=2)
    watcher = RecordingWatcher()
    # WHEN a network is fitted
    fitted = fit(cycle(sessions=24), config, watcher)
    # THEN validation ends after two epochs without progress, and the refit has the best number of epochs
    assert watcher.numbers("validate") == [1, 2, 3]
    assert watcher.numbers("refit") == [1]
    assert fitted.validated.epochs == 1


@pytest.mark.slow
def test_the_refit_has_the_best_number_of_epochs() -> None:
    watcher = RecordingWatcher()
    validated = fit(cycle(), replace(QUICK, patience=9), watcher).validated
    best = int(np.argmax([epoch.objective for epoch in validated.history])) + 1
    assert best > 1
    assert validated.epochs == best
    assert watcher.numbers("refit") == list(range(1, best + 1))
    assert tuple(epoch for stage, epoch in watcher.epochs if stage == "validate") == validated.history


def test_reports_every_batch() -> None:
    watcher = RecordingWatcher()
    fit(cycle(sessions=24), replace(QUICK, epochs=2, batch=7), watcher)
    for stage, sessions in (("validate", 20), ("refit", 24)):
        total = -(-sessions // 7)
        counts = [batch[1:] for batch in watcher.batches if batch[0] == stage]
        assert counts == [(epoch, done, total) for epoch in watcher.numbers(stage) for done in range(1, total + 1)]


def test_items_of_the_validation_days_are_in_the_model() -> None:
    # GIVEN an item that only the validation sessions have
    sessions = cycle(sessions=24, items=6)
    codes = sessions.codes.copy()
    codes[sessions.offsets[-2] + 1] = 6
    sessions = replace(sessions, codes=codes, catalogue=(*sessions.catalogue, "item-new"))
    # WHEN a network is fitted
    fitted = fit(sessions, replace(QUICK, epochs=1), RecordingWatcher())
    # THEN the item has a row, and the sessions of the last day were held out
    assert fitted.network.table.shape == (7, 16)
    held_out = fitted.validated.split.test
    assert held_out.ids == sessions.ids[-len(held_out) :]


@pytest.mark.parametrize(
    ("sessions", "held_out"),
    [
        (handmade(*["a b c a", "b c a b", "c a b c"] * 10, start=0), ["s27", "s28", "s29"]),
        (handmade(*["a b"] * 20), ["s18", "s19"]),
    ],
    ids=["times are a running index", "all on one day"],
)
def test_without_days_the_last_tenth_is_held_out(sessions: Sessions, held_out: list[str]) -> None:
    fitted = fit(sessions, replace(QUICK, epochs=1), RecordingWatcher())
    assert fitted.validated.split.test.ids == held_out


@pytest.mark.parametrize("sessions", [10, 11, 12])
def test_trains_with_about_ten_steps(sessions: int) -> None:
    # torch's one-cycle schedule divides by zero with ten steps.
    config = replace(QUICK, epochs=1, batch=1)
    assert fit(cycle(sessions=sessions, days=sessions), config, RecordingWatcher()).validated.epochs == 1


@pytest.mark.parametrize(
    ("sessions", "reason"),
    [
        (handmade("a b"), "no sessions can be set apart for validation: the split leaves train empty"),
        (handmade("a", "b", "a", "b", "a b", start=0), "nothing to learn from: outside the validation no session"),
        (
            handmade(*["a b"] * 9, "x y", start=0),
            "nothing to validate on: the last 10% .* have no two events of known items",
        ),
        (handmade(*["a b"] * 9, "a", start=0), "nothing to validate on"),
    ],
)
def test_refuses_too_little_data(sessions: Sessions, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        fit(sessions, QUICK, RecordingWatcher())


def test_refuses_weights_that_overflow() -> None:
    with pytest.raises(InputError, match="overflowed in epoch 1: lower learning rate or raise temperature"):
        fit(cycle(sessions=24), replace(QUICK, temperature=1e-43), RecordingWatcher())


def test_learns_with_a_small_temperature() -> None:
    assert fit(cycle(), replace(QUICK, temperature=1e-3), RecordingWatcher()).validated.history[-1].hr == 1.0


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("epochs", -1, "at least 1"),
        ("hidden", 100, "a multiple of 16"),
        ("hidden", -16, "a multiple of 16"),
        ("layers", 0, "at least 1"),
        ("loss", "top1", "one of auto, softmax, sampled-softmax, bpr-max"),
        ("learning_rate", 0.0, "above 0 and at most 1"),
        ("learning_rate", float("nan"), "above 0 and at most 1"),
        ("batch", -1, "at least 1"),
        ("window", 0, "at least 1"),
        ("dropout", 1.0, "at least 0 and below 1"),
        ("temperature", float("nan"), "above 0"),
        ("smoothing", 1.0, "at least 0 and below 1"),
        ("optimiser", "sgd", "one of adamw, adagrad"),
        ("networks", 9, "1 to 8"),
        ("minutes", 0.0, "above 0"),
        ("memory_events", 0, "at least 1"),
        ("popularity_prior", 2.0, "-1 to 1"),
        ("patience", 0, "at least 1"),
        ("validation_days", 0, "at least 1"),
        ("seed", 2**63, "0 to"),
    ],
)
def test_refuses_a_setting_out_of_range(setting: str, value: float | str, rule: str) -> None:
    name = setting.replace("_", " ")
    with pytest.raises(InputError, match=f"^{name} must be {rule}.*, not {value!r}$"):
        FitConfig(**{setting: value})  # type: ignore[arg-type]  # the wrong type is the point


@pytest.mark.parametrize("networks", [1, 2])
@pytest.mark.slow
def test_every_step_is_in_the_plan_and_no_phase_is_longer(networks: int) -> None:
    # GIVEN a training with all its phases
    watcher = RecordingWatcher()
    fit(cycle(sessions=60), replace(QUICK, epochs=6, patience=1, networks=networks, memory_sessions=100), watcher)
    # THEN the first plan has every phase that came, in order, and at most as many steps
    first = {phase.name: phase.units for phase in watcher.plans[0]}
    came = {stage: (epoch - 1) * total + done for stage, epoch, done, total in watcher.batches}
    for phase, done in watcher.steps:
        came[phase] = max(came.get(phase, 0), done)
    assert came.keys() == first.keys()
    assert all(done <= first[phase] for phase, done in came.items())
    # AND the last plan has the refits alone, with exactly the steps that came
    stages = {
        stage: [stage_of(stage, number, networks) for number in range(networks)] for stage in ("validate", "refit")
    }
    assert [(phase.name, phase.units) for phase in watcher.plans[-1]] == [
        (name, came[name]) for name in stages["refit"]
    ]
    assert {*stages["validate"], "session memory: recall", "session memory: weights", *stages["refit"]} <= first.keys()
