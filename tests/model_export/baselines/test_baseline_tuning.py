"""The settings of the baselines: chosen from the grid, on train's own end, and told."""

import json

import numpy as np
import pytest

from model_export.baselines import NAMES, tune, tuning, untuned
from model_export.baselines.registry import METHODS, Ground
from model_export.baselines.tuning import judge, validation_split
from model_export.data.sessions import Sessions
from tests.model_export.handmade import handmade
from tests.model_export.tiny import cycle


@pytest.fixture(scope="module")
def train() -> Sessions:
    return cycle(items=30, sessions=120)


def told(_done: int, _steps: int) -> None:
    """Progress that nobody looks at."""


def test_every_form_has_settings_of_the_grid(train: Sessions) -> None:
    # GIVEN train sessions WHEN the baselines are tuned
    tuned = tune(train, told)
    # THEN each form has settings that differ from the default only where the grid says so
    assert list(tuned.settings) == list(NAMES)
    for method in METHODS:
        for name in method.forms:
            for setting, values in method.grid.items():
                chosen = getattr(tuned.settings[name], setting)
                assert chosen in (*values, getattr(method.default, setting))
    # AND its JSON says what, by what, and what it reached
    document = json.loads(json.dumps(tuned.as_json()))
    assert document["settings"]["popularity"] == {}
    assert set(document["settings"]["vmis-knn"]) == {"m", "k", "window"}
    assert document["by"].startswith("mean of HR@20 and MRR@20 on ")
    assert list(document["validation"]) == list(NAMES)


def test_the_chosen_settings_are_no_worse_than_the_defaults(train: Sessions) -> None:
    # GIVEN what tuning was judged on
    split = validation_split(train)
    judged = split.test.recoded(split.train.catalogue)
    ground = Ground(split.train)
    # WHEN default and chosen settings are judged there
    tuned = tune(train, told)
    for method in METHODS:
        default = judge(method.make(ground, method.default), judged, method.forms)
        for name, current in method.forms.items():
            again = judge(method.make(ground, tuned.settings[name]), judged, {name: current})[name]
            # THEN the chosen ones are at least as good, and their figures are those that were told
            assert sum(again) >= sum(default[name])
            assert again == tuned.validation[name]


@pytest.mark.parametrize(("name", "limit"), [("MOST_SESSIONS", 3), ("MOST_TARGETS", 25)])
def test_of_much_a_sample_is_judged(train: Sessions, monkeypatch: pytest.MonkeyPatch, name: str, limit: int) -> None:
    # GIVEN more validation sessions, or next items in them, than are judged
    whole = tune(train, told).targets
    assert whole > limit
    # WHEN the baselines are tuned THEN that is a part of them
    monkeypatch.setattr(tuning, name, limit)
    part = tune(train, told)
    assert 0 < part.targets < whole
    if name == "MOST_TARGETS":
        assert part.targets <= limit
    else:
        assert part.by.startswith(f"mean of HR@20 and MRR@20 on {limit} ")


def test_a_session_longer_than_all_that_is_judged_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "MOST_TARGETS", 1)
    assert tune(cycle(items=30, sessions=120), told).targets > 1


def test_tuning_is_the_same_each_time(train: Sessions) -> None:
    assert tune(train, told) == tune(train, told)


def test_a_better_setting_is_found() -> None:
    # GIVEN sessions in which an item is followed by its pair two events later, noise between them
    rng = np.random.default_rng(1)
    noise = [f"n{number}" for number in range(300)]
    listed = [f"{a} {rng.choice(noise)} {a}{a}" for a in rng.choice(list("abcdefghij"), 400)]
    train = handmade(*listed)
    # WHEN sequential rules are tuned THEN rules reach further than one event
    assert tune(train, told).settings["sequential-rules"].max_distance > 1


def test_where_nothing_can_be_set_apart_defaults_stand() -> None:
    # GIVEN a single session, and sessions of which the last has nothing that the others know
    for train, why in ((handmade("a b"), "can be set apart"), (handmade(*["a b"] * 9, "y z"), "leave nothing")):
        # WHEN the baselines are tuned THEN their settings are the defaults, and it is said why
        tuned = tune(train, told)
        assert tuned.settings == untuned("").settings
        assert why in tuned.by
        assert (tuned.validation, tuned.targets) == ({}, 0)
