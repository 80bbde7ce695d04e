"""Event files of other shapes: other columns, users instead of sessions, every format, every kind of time."""

import gzip
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from model_export.baselines import NAMES
from model_export.data.ingestion.reader import read_sessions
from nextitem.model.artifact import open_artifact
from tests.model_export.cli.commandline import done

pytestmark = pytest.mark.slow

ITEMS, SESSIONS, LENGTH = 6, 60, 4
MINUTE = 60
START = 1_700_000_000

Row = tuple[str, str, float]
"""Owner, item and time of an event."""


def cycle_rows(owner: str, gap: float) -> list[Row]:
    """Sessions that cycle through the same few items, `gap` seconds apart."""
    return [
        (owner.format(session), f"sku-{(session + event) % ITEMS}", START + session * gap + event * 10)
        for session in range(SESSIONS)
        for event in range(LENGTH)
    ]


def write_csv(path: Path, header: str, rows: list[Row]) -> Path:
    path.write_text("\n".join([header, *(f"{owner},{item},{time:.0f}" for owner, item, time in rows)]) + "\n")
    return path


def train_and_evaluate(folder: Path, events: Path, *columns: str) -> dict[str, float]:
    """Train, export, and evaluate on the same events; return the metrics."""
    done(
        "train", events, "--out", folder / "run", "--epochs", "3", "--hidden", "16", "--validation-days", "1", *columns
    )
    home = done("export", folder / "run", "--out", folder / "out", "--max-hr-loss", "1").out.strip()
    report = done("evaluate", home, "--events", events, "--train", events, "--json", *columns).document
    assert report["targets"] == SESSIONS * (LENGTH - 1)
    assert list(report["baselines"]) == list(NAMES)
    metrics: dict[str, float] = report["model"]
    return metrics


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    # Events under other names, with a column too many
    rows = [f"x,{time},{item},{owner}" for owner, item, time in cycle_rows("visit {}", 3 * 60 * MINUTE)]
    events = tmp_path / "events.csv"
    events.write_text("\n".join(["colour,at,sku,visit", *rows]) + "\n")
    columns = ("--session-column", "visit", "--item-column", "sku", "--time-column", "at")
    printed = done(
        "split",
        events,
        *columns,
        "--test-days",
        "1",
        "--train-out",
        tmp_path / "a.csv",
        "--test-out",
        tmp_path / "b.csv",
        "--json",
    )
    metrics = train_and_evaluate(tmp_path, events, *columns)
    parts = [read_sessions(tmp_path / name) for name in ("a.csv", "b.csv")]
    assert sum(len(part.codes) for part in parts) == SESSIONS * LENGTH
    assert [printed.document[side]["sessions"] for side in ("train", "test")] == [len(part) for part in parts]
    # Each of the six items is within the top 20
    assert metrics["hr@20"] == metrics["coverage@20"] == 1.0


@pytest.mark.parametrize(("gap", "minutes", "sessions"), [(600, "5", SESSIONS), (600, "30", 1)])
def test_sessions_are_cut_from_users(tmp_path: Path, gap: int, minutes: str, sessions: int) -> None:
    # GIVEN one user's events, in bursts ten minutes apart, and other users' single visits a week later
    later = [(f"bob{n}", f"sku-{n + view}", START + 7 * 86_400 + 5 * view) for n in range(9) for view in (0, 1)]
    rows = [*cycle_rows("ann", gap), *later]
    events = write_csv(tmp_path / "events.csv", "user,item_id,timestamp", rows)
    cut = ("--user-column", "user", "--gap-minutes", minutes)
    # WHEN they are split by time
    done(
        "split",
        events,
        *cut,
        "--test-days",
        "1",
        "--train-out",
        tmp_path / "train.csv",
        "--test-out",
        tmp_path / "test.csv",
    )
    # THEN only a longer pause starts a new session
    train, test = read_sessions(tmp_path / "train.csv"), read_sessions(tmp_path / "test.csv")
    assert len(train) == sessions
    assert sorted(test.ids) == [f"bob{n}-1" for n in range(9)]


def test_users_are_trained_on_and_evaluated(tmp_path: Path) -> None:
    # One user's events, in bursts three hours apart
    events = write_csv(tmp_path / "events.csv", "user,item_id,timestamp", cycle_rows("ann", 3 * 60 * MINUTE))
    metrics = train_and_evaluate(tmp_path, events, "--user-column", "user", "--gap-minutes", "20")
    assert metrics["hr@20"] == 1.0


def as_parquet(path: Path, rows: list[Row]) -> None:
    """Write times as timestamps, as other tools do."""
    owners, items, times = zip(*rows, strict=True)
    with duckdb.connect() as connection:
        connection.register(
            "events",
            {"owner": np.array(owners, object), "item": np.array(items, object), "time": np.array(times)},
        )
        connection.sql(
            "SELECT owner AS session_id, item AS item_id, to_timestamp(time) AS timestamp FROM events"
        ).write_parquet(str(path))


def as_csv_gz(path: Path, rows: list[Row]) -> None:
    with gzip.open(path, "wt") as file:
        file.write("session_id,item_id,timestamp\n")
        file.writelines(f"{owner},{item},{time:.0f}\n" for owner, item, time in rows)


@pytest.mark.parametrize(("name", "write"), [("events.parquet", as_parquet), ("events.csv.gz", as_csv_gz)])
def test_every_format_is_trained_on_and_evaluated(
    tmp_path: Path, name: str, write: Callable[[Path, list[Row]], None]
) -> None:
    write(tmp_path / name, cycle_rows("visit {}", 3 * 60 * MINUTE))
    metrics = train_and_evaluate(tmp_path, tmp_path / name)
    assert metrics["hr@20"] == 1.0


def test_a_running_index_is_trained_on_and_evaluated(tmp_path: Path) -> None:
    # The time of each event is its number.
    rows = [(owner, item, float(at)) for at, (owner, item, _) in enumerate(cycle_rows("visit {}", 1))]
    events = write_csv(tmp_path / "events.csv", "session_id,item_id,timestamp", rows)
    split = done("split", events, "--train-out", tmp_path / "train.csv", "--test-out", tmp_path / "test.csv")
    metrics = train_and_evaluate(tmp_path, events)
    assert "test = the last 10% of sessions by start (times are only an order)" in split.err
    assert read_sessions(tmp_path / "test.csv").ids == [f"visit {number}" for number in range(54, 60)]
    assert metrics["hr@20"] == 1.0
    # The manifest has the period of the index
    [home] = (tmp_path / "out").iterdir()
    training = open_artifact(home).manifest.training
    assert (training.first, training.last) == (0.0, SESSIONS * LENGTH - 1.0)


def test_options_override_a_preset(tmp_path: Path) -> None:
    # GIVEN a file of a preset's layout, with session ids of its own and an item in another column
    path = tmp_path / "events.csv"
    rows = [f"{1_600_000_000_000 + n * 86_400_000},{n},view,i{n},s{n},j{n}" for n in range(6)]
    path.write_text("\n".join(["timestamp,visitorid,event,itemid,session,variant", *rows]) + "\n")
    # WHEN options name both
    outputs = ("--train-out", tmp_path / "train.csv", "--test-out", tmp_path / "test.csv")
    done("split", path, "--preset", "retailrocket", "--session-column", "session", "--item-column", "variant", *outputs)
    # THEN they come before the preset's columns, and the rest is the preset's
    train = read_sessions(tmp_path / "train.csv")
    assert train.ids == ["s0", "s1", "s2"]
    assert train.catalogue == ("j0", "j1", "j2")
