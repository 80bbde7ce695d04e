"""Tuning of the baselines: values from the grid, chosen on the end of train."""

import json

import numpy as np
import pytest

from model_export.baselines import NAMES, default_settings, tune, tuning
from model_export.baselines.all_baselines import METHODS, TrainingData
from model_export.baselines.tuning import accuracy_by_form, validation_split
from model_export.data.sessions import Sessions
from tests.model_export.handmade import handmade
from tests.model_export.tiny import cycle


@pytest.fixture(scope="module")
def train() -> Sessions:
    return cycle(items=30, sessions=120)


def ignore(_done: int, _total: int) -> None:
    """Ignore progress."""


@pytest.mark.slow
def test_every_form_has_settings_of_the_grid(train: Sessions) -> None:
    tuned = tune(train, ignore)
    assert list(tuned.settings) == list(NAMES)
    for method in METHODS:
        for name in method.forms:
            for setting, values in method.grid.items():
                chosen = getattr(tuned.settings[name], setting)
                assert chosen in (*values, getattr(method.default, setting))
    document = json.loads(json.dumps(tuned.as_json()))
    assert document["settings"]["popularity"] == {}
    assert set(document["settings"]["vmis-knn"]) == {"m", "k", "window"}
    assert document["by"].startswith("mean of HR@20 and MRR@20 on ")
    assert list(document["validation"]) == list(NAMES)
    assert tune(train, ignore) == tuned


@pytest.mark.slow
def test_the_chosen_settings_are_no_worse_than_the_defaults(train: Sessions) -> None:
    # GIVEN the sessions that tuning validates on
    split = validation_split(train)
    validation = split.test.recoded(split.train.catalogue)
    data = TrainingData(split.train)
    # WHEN default and chosen settings are evaluated there
    tuned = tune(train, ignore)
    for method in METHODS:
        default = accuracy_by_form(method.fit(data, method.default), validation, method.forms)
        for name, current_item in method.forms.items():
            scorer = method.fit(data, tuned.settings[name])
            chosen = accuracy_by_form(scorer, validation, {name: current_item})[name]
            # THEN the chosen ones are at least as good, and their accuracy is the reported one
            assert sum(chosen) >= sum(default[name])
            assert chosen == tuned.validation[name]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "limit"), [("MAX_SESSIONS", 3), ("MAX_TARGETS", 25)])
def test_a_large_validation_is_sampled(train: Sessions, monkeypatch: pytest.MonkeyPatch, name: str, limit: int) -> None:
    whole = tune(train, ignore).targets
    assert whole > limit
    monkeypatch.setattr(tuning, name, limit)
    sample = tune(train, ignore)
    assert 0 < sample.targets < whole
    if name == "MAX_TARGETS":
        assert sample.targets <= limit
    else:
        assert sample.by.startswith(f"mean of HR@20 and MRR@20 on {limit} ")


def test_a_sample_has_at_least_one_session(train: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "MAX_TARGETS", 1)
    assert tune(train, ignore).targets > 1


@pytest.mark.slow
def test_a_better_setting_is_chosen() -> None:
    # an item is followed by its pair two events later, with noise between them
    rng = np.random.default_rng(1)
    noise = [f"n{number}" for number in range(300)]
    train = handmade(*(f"{a} {rng.choice(noise)} {a}{a}" for a in rng.choice(list("abcdefghij"), 400)))
    assert tune(train, ignore).settings["sequential-rules"].max_distance > 1


@pytest.mark.parametrize(
    ("train", "reason"),
    [(handmade("a b"), "can be set apart"), (handmade(*["a b"] * 9, "y z"), "leave nothing")],
    ids=["a single session", "a validation session of unknown items"],
)
def test_a_small_train_gets_the_defaults(train: Sessions, reason: str) -> None:
    tuned = tune(train, ignore)
    assert tuned.settings == default_settings("").settings
    assert reason in tuned.by
    assert (tuned.validation, tuned.targets) == ({}, 0)
