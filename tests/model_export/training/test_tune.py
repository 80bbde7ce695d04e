"""The search for settings: within its time, gone on with, by the validation days alone, and usable by `train`."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_export.data.ingestion.reader import read_sessions
from model_export.training.config import FitConfig
from model_export.training.config_file import config_from, write_config
from model_export.training.fit import validate
from model_export.training.run_folder import read_run
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.event_files import write_events
from tests.model_export.tiny import Told, cycle

pytestmark = pytest.mark.slow

BASE = FitConfig(epochs=3, hidden=16, batch=8, loss="softmax", validation_days=1, memory_sessions=0, seed=7)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_events(tmp_path / "events.csv", cycle(items=40, sessions=96))
    write_config(tmp_path / "base.json", BASE)
    return tmp_path


def tune(home: Path, *options: str, out: str = "search") -> dict[str, Any]:
    """What a search comes to."""
    where = ("--out", home / out, "--config", home / "base.json")
    found: dict[str, Any] = done("tune", home / "events.csv", *where, "--minutes", "5", *options, "--json").document
    return found


def test_the_best_stands_beside_the_settings_given(home: Path) -> None:
    # GIVEN events and settings
    # WHEN there are four trials
    found = tune(home, "--trials", "4")
    # THEN the best is first, and the settings given are among them as they are
    trials = found["trials"]
    assert sorted(one["trial"] for one in trials) == [0, 1, 2, 3]
    complete = [one["hr@20"] + 2 * one["mrr@20"] for one in trials if one["state"] == "complete"]
    assert complete == sorted(complete, reverse=True)
    [first] = [one for one in trials if one["trial"] == 0]
    assert first["settings"] == BASE.values()
    # AND its figure is what `fit` finds on the validation days
    validated = validate(read_sessions(home / "events.csv"), BASE, Told())
    best = validated.history[validated.epochs - 1]
    assert (first["mrr@20"], first["hr@20"], first["epochs"]) == (best.mrr, best.hr, best.number)
    # AND the best settings are in the file that `train` takes
    assert config_from(Path(found["best"])).values() == trials[0]["settings"]
    done("train", home / "events.csv", "--out", home / "run", "--config", found["best"])
    record = read_run(home / "run").record
    assert record.training.hyperparameters == trials[0]["settings"]
    assert record.validation["mrr@20"] == pytest.approx(trials[0]["mrr@20"], abs=1e-6)


def test_a_search_goes_on(home: Path) -> None:
    # GIVEN a search that has ended
    before = tune(home, "--trials", "2")["trials"]
    # WHEN it is called again
    after = tune(home, "--trials", "2")["trials"]
    # THEN the trials are added, none is done again, and none draws what another drew
    assert [one for one in after if one["trial"] < 2] == before
    assert len({json.dumps(one["settings"]) for one in after}) == len(after) == 4


def test_other_data_or_settings_need_another_folder(home: Path) -> None:
    # GIVEN a search
    tune(home, "--trials", "1")
    # WHEN it is to go on with other events, or other settings
    write_events(home / "other.csv", cycle(items=40, sessions=90))
    arguments = ("--out", home / "search", "--trials", "1")
    other_events = nextitem("tune", home / "other.csv", "--config", home / "base.json", *arguments)
    other_settings = nextitem("tune", home / "events.csv", *arguments)
    # THEN each is refused
    assert other_events.fault.endswith("holds a search with other events; name another folder")
    assert other_settings.fault.endswith("holds a search with other settings; name another folder")


def test_a_hopeless_trial_is_pruned(home: Path) -> None:
    # GIVEN a dozen trials, of which some draw settings far from good
    found = tune(home, "--trials", "12")["trials"]
    # WHEN they have ended
    pruned = [one for one in found if one["state"] == "pruned"]
    # THEN some ended early, and none of them is called the best
    assert pruned
    assert found[0]["state"] == "complete"


def test_no_time_is_told_and_nothing_is_lost(home: Path) -> None:
    # GIVEN settings that need far more than the time
    slow = replace(BASE, hidden=512, batch=1, epochs=50, patience=50)
    write_config(home / "base.json", slow)
    # WHEN the search has it
    config = ("--out", home / "search", "--config", home / "base.json")
    answer = nextitem("tune", home / "events.csv", *config, "--minutes", "0.01")
    # THEN that is told
    assert answer.fault.endswith("keeps what there is, go on with more time")
    # AND when it goes on, it begins with the settings given
    again = nextitem("tune", home / "events.csv", *config, "--minutes", "0.01")
    assert again.fault == answer.fault
    with closing(sqlite3.connect(home / "search" / "study.db")) as opened:
        drawn = opened.execute("SELECT trial_id, param_value FROM trial_params WHERE param_name = 'dropout'").fetchall()
    assert [value for _, value in drawn] == [slow.dropout] * 2


def test_the_time_ends_a_search(home: Path) -> None:
    # GIVEN more trials than there is time for
    config = ("--out", home / "search", "--config", home / "base.json")
    # WHEN they are to be tried in a few seconds
    done("tune", home / "events.csv", *config, "--minutes", "5", "--trials", "1")
    told = done("tune", home / "events.csv", *config, "--minutes", "0.1", "--trials", "100000", "--json").document
    # THEN the search ends, with fewer, best first
    assert 1 <= len(told["trials"]) < 100_000
    # AND the table fits a terminal
    table = done("tune", home / "events.csv", *config, "--minutes", "5", "--trials", "1")
    assert max(map(len, table.out.splitlines())) <= 80
    assert f"{told['trials'][0]['mrr@20']:.4f}" in table.out
