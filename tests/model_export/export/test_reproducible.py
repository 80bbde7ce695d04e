"""The same events, seed and machine give the same version."""

from pathlib import Path

import duckdb
import pytest

from tests.model_export.cli.commandline import done

pytestmark = pytest.mark.slow


def version(folder: Path, events: Path, name: str, *, seed: int = 5) -> str:
    """Prepare, train and export events on the command line, and return the artifact's name."""
    prepared, run = folder / f"{name}-prepared", folder / f"{name}-run"
    done("prepare", events, "--out", prepared, "--test-days", "2", "--min-support", "2")
    settings = ("--epochs", "2", "--hidden", "16", "--seed", str(seed))
    done("train", prepared / "train.parquet", "--out", run, *settings)
    return Path(done("export", run, "--out", folder / name, "--max-hr-loss", "0.5").out.strip()).name


def test_the_same_events_give_the_same_version(tmp_path: Path) -> None:
    csv, parquet = tmp_path / "events.csv", tmp_path / "events.parquet"
    done("simulate", "--sessions", "300", "--products", "40", "--out", csv)
    with duckdb.connect(":memory:") as opened:
        opened.read_csv(str(csv)).order("item_id, timestamp").write_parquet(str(parquet))
    first = version(tmp_path, csv, "first")
    second = version(tmp_path, csv, "second")
    other_form = version(tmp_path, parquet, "parquet")
    other_seed = version(tmp_path, csv, "other", seed=6)
    assert first == second == other_form
    assert other_seed != first
