"""The search for settings: keeps its time limit, can be continued, and gives settings that `train` takes."""

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
from tests.model_export.tiny import RecordingWatcher, cycle

pytestmark = pytest.mark.slow

BASE = FitConfig(
    epochs=3,
    networks=1,
    hidden=16,
    batch=8,
    loss="softmax",
    validation_days=1,
    memory_sessions=0,
    neighbour_rows=0.0,
    seed=7,
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_events(tmp_path / "events.csv", cycle(items=40, sessions=96))
    write_config(tmp_path / "base.json", BASE)
    return tmp_path


def tune(home: Path, *options: str, out: str = "search") -> dict[str, Any]:
    """Run a search and return its JSON."""
    where = ("--out", home / out, "--config", home / "base.json")
    result: dict[str, Any] = done("tune", home / "events.csv", *where, "--minutes", "5", *options, "--json").document
    return result


def test_the_first_trial_has_the_base_settings(home: Path) -> None:
    result = tune(home, "--trials", "4")
    trials = result["trials"]
    assert sorted(trial["trial"] for trial in trials) == [0, 1, 2, 3]
    complete = [trial["hr@20"] + 2 * trial["mrr@20"] for trial in trials if trial["state"] == "complete"]
    assert complete == sorted(complete, reverse=True)
    [first] = [trial for trial in trials if trial["trial"] == 0]
    assert first["settings"] == BASE.values()
    validated = validate(read_sessions(home / "events.csv"), BASE, RecordingWatcher())
    best = validated.history[validated.epochs - 1]
    assert (first["mrr@20"], first["hr@20"], first["epochs"]) == (best.mrr, best.hr, best.number)
    assert config_from(Path(result["best"])).values() == trials[0]["settings"]
    done("train", home / "events.csv", "--out", home / "run", "--config", result["best"])
    record = read_run(home / "run").record
    assert record.training.hyperparameters == trials[0]["settings"]
    assert record.validation["mrr@20"] == pytest.approx(trials[0]["mrr@20"], abs=1e-6)


def test_a_search_can_be_continued(home: Path) -> None:
    before = tune(home, "--trials", "2")["trials"]
    after = tune(home, "--trials", "2")["trials"]
    assert [trial for trial in after if trial["trial"] < 2] == before
    assert len({json.dumps(trial["settings"]) for trial in after}) == len(after) == 4


def test_refuses_other_data_or_settings(home: Path) -> None:
    tune(home, "--trials", "1")
    write_events(home / "other.csv", cycle(items=40, sessions=90))
    arguments = ("--out", home / "search", "--trials", "1")
    other_events = nextitem("tune", home / "other.csv", "--config", home / "base.json", *arguments)
    other_settings = nextitem("tune", home / "events.csv", *arguments)
    assert other_events.fault.endswith("holds a search with other events; name another folder")
    assert other_settings.fault.endswith("holds a search with other settings; name another folder")


def test_prunes_bad_trials(home: Path) -> None:
    trials = tune(home, "--trials", "12")["trials"]
    pruned = [trial for trial in trials if trial["state"] == "pruned"]
    assert pruned
    assert trials[0]["state"] == "complete"


def test_reports_too_little_time_and_keeps_the_search(home: Path) -> None:
    slow = replace(BASE, hidden=512, batch=1, epochs=50, patience=50)
    write_config(home / "base.json", slow)
    config = ("--out", home / "search", "--config", home / "base.json")
    answer = nextitem("tune", home / "events.csv", *config, "--minutes", "0.01")
    assert answer.fault.endswith("keeps the search, run it again with more time")
    again = nextitem("tune", home / "events.csv", *config, "--minutes", "0.01")
    assert again.fault == answer.fault
    with closing(sqlite3.connect(home / "search" / "study.db")) as opened:
        drawn = opened.execute("SELECT trial_id, param_value FROM trial_params WHERE param_name = 'dropout'").fetchall()
    assert [value for _, value in drawn] == [slow.dropout] * 2


def test_the_time_limit_ends_a_search(home: Path) -> None:
    config = ("--out", home / "search", "--config", home / "base.json")
    done("tune", home / "events.csv", *config, "--minutes", "5", "--trials", "1")
    limited = done("tune", home / "events.csv", *config, "--minutes", "0.1", "--trials", "100000", "--json").document
    assert 1 <= len(limited["trials"]) < 100_000
    table = done("tune", home / "events.csv", *config, "--minutes", "5", "--trials", "1")
    assert max(map(len, table.out.splitlines())) <= 80
    assert f"{limited['trials'][0]['mrr@20']:.4f}" in table.out


@pytest.mark.parametrize("kind", ["text", "other tables", "damaged pages"])
def test_a_broken_study_is_one_line(home: Path, kind: str) -> None:
    # GIVEN a study.db that is no database, one of another program, or one whose later pages are damaged
    database = home / "search" / "study.db"
    tune(home, "--trials", "1")
    if kind == "text":
        database.write_text("not a database" * 100)
    elif kind == "other tables":
        database.unlink()
        with closing(sqlite3.connect(database)) as opened:
            opened.execute("CREATE TABLE version_info (a INTEGER)")
    else:
        pages = bytearray(database.read_bytes())
        pages[4096:] = b"\xff" * (len(pages) - 4096)
        database.write_bytes(pages)
    # WHEN the search is to go on
    # THEN one line names the file and the reason
    answer = nextitem("tune", home / "events.csv", "--out", home / "search", "--config", home / "base.json")
    assert answer.fault.startswith(f"nextitem: {database} cannot be used: ")
    assert answer.fault.endswith("; if it is damaged, remove it or name another folder")
