"""The ablation: it trains with each switch and takes the answer apart."""

from dataclasses import replace

import pytest

from bench.training import ablation
from model_export.training.config import FitConfig
from tests.model_export.tiny import cycle

QUICK = FitConfig(epochs=3, hidden=16, batch=8, learning_rate=0.02, temperature=0.2, validation_days=1)


def test_a_switch_is_measured_beside_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a shop in which each item has one successor
    monkeypatch.setitem(ablation.SWITCHES, "defaults", QUICK)
    # WHEN the defaults are measured
    row, found = ablation.measured("defaults", cycle(sessions=96))
    # THEN all that is said is of the same targets, and the memory alone knows the successor among the first
    assert row.epochs == found.epochs
    assert row.network_hr == found.history[found.epochs - 1].hr
    assert row.hr >= row.network_hr
    reached = ablation.parts(found)
    assert reached["memory alone"].hr == 1.0
    assert reached["repeats as they come"].mrr <= row.mrr


def test_every_switch_is_one_setting_away_from_the_defaults() -> None:
    # GIVEN the table of switches
    for name, config in ablation.SWITCHES.items():
        # WHEN one is held against the defaults
        changed = [key for key, value in config.values().items() if value != FitConfig().values()[key]]
        # THEN it differs in one setting, and the defaults in none; another optimiser has a rate of its own
        assert len(changed) == (name != "defaults") + (name == "adagrad")


def test_without_a_memory_there_are_no_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a training without a memory
    monkeypatch.setitem(ablation.SWITCHES, "defaults", replace(QUICK, memory_sessions=0, epochs=1))
    # WHEN it is measured
    row, found = ablation.measured("defaults", cycle(sessions=48))
    # THEN the answer is the network's
    assert (row.hr, row.mrr) == (row.network_hr, row.network_mrr)
    assert ablation.parts(found) == {}
