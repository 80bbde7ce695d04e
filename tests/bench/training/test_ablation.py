"""The ablation trains with each setting and measures the parts of the ranking."""

from dataclasses import replace

import pytest

from bench.training import ablation
from model_export.training.config import FitConfig
from tests.model_export.tiny import cycle

QUICK = FitConfig(epochs=3, networks=1, hidden=16, batch=8, learning_rate=0.02, temperature=0.2, validation_days=1)


@pytest.mark.slow
def test_a_result_and_its_parts_are_of_the_same_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    # A shop in which each item has one successor
    monkeypatch.setitem(ablation.SETTINGS, "defaults", QUICK)
    row, _, ranking = ablation.Shop("cycle", cycle(sessions=96)).result("defaults")
    assert row.network_hr == ranking.accuracy.hr
    assert row.hr >= row.network_hr
    accuracies = ablation.parts(ranking)
    assert accuracies["memory alone"].hr == 1.0
    assert accuracies["unweighted repeats"].mrr <= row.mrr


def test_every_entry_changes_one_setting() -> None:
    for name, config in ablation.SETTINGS.items():
        changed = [key for key, value in config.values().items() if value != FitConfig().values()[key]]
        # another optimiser also needs another learning rate
        assert len(changed) == (name != "defaults") + (name == "adagrad")


def test_without_a_memory_there_are_no_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ablation.SETTINGS, "defaults", replace(QUICK, memory_sessions=0, epochs=1))
    row, _, ranking = ablation.Shop("cycle", cycle(sessions=48)).result("defaults")
    assert (row.hr, row.mrr) == (row.network_hr, row.network_mrr)
    assert ablation.parts(ranking) == {}
