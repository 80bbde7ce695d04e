"""Training: it learns what can be learnt, the same from the same seed, and stops when it should."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model_export.data.sessions import Sessions
from model_export.training.config import LOSSES, FitConfig, LossName
from model_export.training.fit import Fitted, fit
from nextitem.errors import InputError
from tests.model_export.handmade import handmade
from tests.model_export.tiny import Told, cycle

QUICK = FitConfig(
    epochs=12,
    hidden=16,
    batch=8,
    loss="softmax",
    learning_rate=0.02,
    dropout=0.1,
    temperature=0.2,
    validation_days=1,
    seed=7,
)
"""Enough to learn a cycle of eight items in a quarter of a second."""


def weights_of(fitted: Fitted) -> bytes:
    return b"".join(values.numpy().tobytes() for values in fitted.network.state_dict().values())


@torch.inference_mode()
def best_after(fitted: Fitted, codes: list[int]) -> int:
    """The item that ranks first after some others."""
    network = fitted.network
    rows = network.rows()
    states = network(torch.tensor([codes]), rows)[:, -1]
    return int(network.scores(states, rows)[0].argmax())


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss != "auto"])
@pytest.mark.parametrize(("layers", "normalised"), [(1, True), (1, False), (2, True)])
def test_a_cycle_is_learnt(loss: LossName, layers: int, normalised: bool) -> None:
    # GIVEN sessions in which each item has one successor
    sessions = cycle(items=8, sessions=192)
    config = replace(QUICK, loss=loss, layers=layers, normalised=normalised)
    # WHEN a network is fitted
    fitted = fit(sessions, config, Told())
    # THEN after each item its successor ranks first, whatever came before
    for code in range(8):
        assert best_after(fitted, [code]) == (code + 1) % 8
        assert best_after(fitted, [(code - 1) % 8, code]) == (code + 1) % 8
    # AND the last validation found it so
    assert fitted.validated.history[-1].mrr > 0.95
    assert fitted.validated.history[-1].hr == 1.0


def test_the_seed_decides_the_weights() -> None:
    # GIVEN the same sessions and settings
    sessions, config = cycle(sessions=24), replace(QUICK, epochs=2)
    # WHEN they are fitted twice with one seed, and once with another
    one, same, other = (weights_of(fit(sessions, replace(config, seed=seed), Told())) for seed in (7, 7, 8))
    # THEN the same seed gives the same bytes, the other one others
    assert one == same
    assert one != other


def test_training_stops_when_nothing_gets_better() -> None:
    # GIVEN a learning rate at which nothing is learnt, so that the first epoch stays the best
    config = replace(QUICK, epochs=9, learning_rate=1e-20, patience=2)
    told = Told()
    # WHEN a network is fitted
    fitted = fit(cycle(sessions=24), config, told)
    # THEN two epochs without progress end it, and the refit takes as many epochs as were best: one
    assert told.numbers("validate") == [1, 2, 3]
    assert told.numbers("refit") == [1]
    assert fitted.validated.epochs == 1


def test_the_refit_takes_the_best_number_of_epochs() -> None:
    # GIVEN sessions that are learnt within some epochs
    told = Told()
    # WHEN a network is fitted
    fitted = fit(cycle(), replace(QUICK, patience=9), told)
    # THEN the refit goes on for as long as validation was at its first best
    best = int(np.argmax([epoch.objective for epoch in fitted.validated.history])) + 1
    assert best > 1
    assert fitted.validated.epochs == best
    assert told.numbers("refit") == list(range(1, best + 1))
    # AND no epoch was forgotten
    assert tuple(epoch for stage, epoch in told.epochs if stage == "validate") == fitted.validated.history


def test_every_batch_is_reported() -> None:
    # GIVEN a watcher
    told = Told()
    # WHEN a network is fitted
    fit(cycle(sessions=24), replace(QUICK, epochs=2, batch=7), told)
    # THEN each stage counts its batches up to their number, epoch by epoch
    for stage, sessions in (("validate", 20), ("refit", 24)):
        total = -(-sessions // 7)
        counts = [batch[1:] for batch in told.batches if batch[0] == stage]
        assert counts == [(epoch, done, total) for epoch in told.numbers(stage) for done in range(1, total + 1)]


def test_items_of_the_last_days_are_in_the_model() -> None:
    # GIVEN an item that only the validation sessions have
    sessions = cycle(sessions=24, items=6)
    last = sessions.offsets[-2]
    codes = sessions.codes.copy()
    codes[last + 1] = 6
    newer = replace(sessions, codes=codes, catalogue=(*sessions.catalogue, "item-new"))
    # WHEN a network is fitted
    fitted = fit(newer, replace(QUICK, epochs=1), Told())
    # THEN it has a row too: the refit learns from all sessions
    assert fitted.network.table.shape == (7, 16)
    # AND the sessions that were set apart are those of the last day
    assert fitted.validated.split.test.ids == sessions.ids[-len(fitted.validated.split.test) :]


def test_a_running_index_trains() -> None:
    # GIVEN times that are only an order
    sessions = handmade(*["a b c a", "b c a b", "c a b c"] * 10, start=0)
    # WHEN a network is fitted
    fitted = fit(sessions, replace(QUICK, epochs=1), Told())
    # THEN the last tenth of the sessions was its validation
    assert fitted.validated.split.test.ids == ["s27", "s28", "s29"]


@pytest.mark.parametrize("sessions", range(6, 14))
def test_any_number_of_steps_will_do(sessions: int) -> None:
    # GIVEN so little data that training has about ten steps, among them exactly ten
    # WHEN a network is fitted
    fitted = fit(cycle(sessions=sessions, days=sessions), replace(QUICK, epochs=1, batch=1), Told())
    # THEN it is
    assert fitted.validated.epochs == 1


@pytest.mark.parametrize(
    ("sessions", "why"),
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
def test_too_little_data_is_told(sessions: Sessions, why: str) -> None:
    # GIVEN too few sessions, or none to learn from, or none to validate on
    # WHEN a network is fitted
    # THEN one sentence says which
    with pytest.raises(InputError, match=why):
        fit(sessions, QUICK, Told())


def test_a_single_day_is_enough() -> None:
    # GIVEN sessions that all start on one day, so that no whole day can be set apart
    # WHEN a network is fitted
    fitted = fit(handmade(*["a b"] * 20), replace(QUICK, epochs=1), Told())
    # THEN the last of them were the validation
    assert len(fitted.validated.split.test) == 2


def test_weights_that_are_no_numbers_are_told() -> None:
    # GIVEN a temperature under which float32 overflows
    config = replace(QUICK, temperature=1e-43)
    # WHEN a network is fitted
    # THEN training ends at once, rather than with a perfect score made of NaN
    with pytest.raises(InputError, match="overflowed in epoch 1: lower learning rate or raise temp"):
        fit(cycle(sessions=24), config, Told())


@pytest.mark.parametrize("temperature", [1e-2, 1e-3])
def test_a_small_temperature_still_learns(temperature: float) -> None:
    # GIVEN cosines that are divided by next to nothing
    # WHEN a network is fitted
    fitted = fit(cycle(), replace(QUICK, temperature=temperature), Told())
    # THEN it learns all the same
    assert fitted.validated.history[-1].hr == 1.0


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("epochs", -1, "at least 1"),
        ("epochs", -3, "at least 1"),
        ("hidden", 100, "a multiple of 16"),
        ("hidden", 0, "a multiple of 16"),
        ("hidden", -16, "a multiple of 16"),
        ("layers", 0, "at least 1"),
        ("loss", "top1", "one of auto, softmax, sampled-softmax, bpr-max"),
        ("learning_rate", 0.0, "above 0 and at most 1"),
        ("learning_rate", 1.5, "above 0 and at most 1"),
        ("learning_rate", float("nan"), "above 0 and at most 1"),
        ("batch", -1, "at least 1"),
        ("window", 0, "at least 1"),
        ("dropout", 1.0, "at least 0 and below 1"),
        ("dropout", -0.1, "at least 0 and below 1"),
        ("temperature", 0.0, "above 0"),
        ("temperature", float("nan"), "above 0"),
        ("smoothing", 1.0, "at least 0 and below 1"),
        ("optimiser", "sgd", "one of adamw, adagrad"),
        ("teachers", -1, "at least 0"),
        ("memory_events", 0, "at least 1"),
        ("popularity_prior", 2.0, "-1 to 1"),
        ("distillation", 1.5, "0 to 1"),
        ("patience", 0, "at least 1"),
        ("validation_days", 0, "at least 1"),
        ("seed", -1, "0 to"),
        ("seed", 2**63, "0 to"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(setting: str, value: float | str, rule: str) -> None:
    # GIVEN a setting out of its range
    # WHEN the settings are put together
    # THEN one sentence names the setting, what it must be and what it was
    name = setting.replace("_", " ")
    with pytest.raises(InputError, match=f"^{name} must be {rule}.*, not {value!r}$"):
        FitConfig(**{setting: value})  # type: ignore[arg-type]  # that is the point


def test_teachers_need_a_loss_that_they_can_add_to() -> None:
    # GIVEN what teachers add is part of a softmax's target WHEN there is none, or nothing is left of it
    # THEN that is said
    with pytest.raises(InputError, match=r"^teachers must be 0 with the loss bpr-max"):
        FitConfig(teachers=1, loss="bpr-max")
    with pytest.raises(InputError, match=r"^distillation must be at most what smoothing leaves"):
        FitConfig(teachers=1, distillation=0.9, smoothing=0.2)
    assert FitConfig(teachers=1, distillation=0.9).teachers == FitConfig(teachers=1, smoothing=0.2).teachers == 1
