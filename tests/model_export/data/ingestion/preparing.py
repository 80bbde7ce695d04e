"""Event files written by hand, and what a preparation makes of them."""

import gzip
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from model_export.data.ingestion.config import PrepareConfig
from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.prepare import Preparation, prepare

DAY = 86_400
FIRST_DAY = 18_000 * DAY

Row = tuple[str, str, object]


class Silent:
    """A watcher that shows nothing."""

    def stage(self, name: str) -> None: ...

    def rows(self, name: str, done: int) -> None: ...


def write_csv(path: Path, rows: list[Row], header: str = "session_id,item_id,timestamp") -> Path:
    """A CSV file, packed where its name says so."""
    text = "\n".join([header, *(f"{owner},{item},{time}" for owner, item, time in rows)]) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.name.endswith(".gz") else text.encode())
    return path


def write_parquet(path: Path, rows: list[Row], time: str = "BIGINT", ids: str = "VARCHAR") -> Path:
    """A Parquet file whose times and ids are of a type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(":memory:") as opened:
        opened.execute("SET TimeZone = 'UTC'")
        opened.execute(f"CREATE TABLE e (session_id {ids}, item_id {ids}, timestamp {time})")
        opened.executemany("INSERT INTO e VALUES (?, ?, ?)", rows)
        opened.execute(f"COPY e TO '{path}' (FORMAT parquet)")
    return path


def run(engine: Engine, sources: list[Path], out: Path, config: PrepareConfig) -> Preparation:
    """Prepare files into a folder."""
    return prepare(engine, [str(source) for source in sources], str(out), config, Silent())


def sides(out: Path) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Items by session, of train and of test, in the order of the Parquet files.

    Read by pyarrow: `read_sessions` sorts the events, and compiles its checks for each file: half of a test's time.
    """
    train, test = (_items_by_session(out / f"{name}.parquet") for name in ("train", "test"))
    return train, test


def _items_by_session(path: Path) -> dict[str, list[str]]:
    events = pq.read_table(path, columns=["session_id", "item_id"])
    items: dict[str, list[str]] = {}
    for session, item in zip(events["session_id"].to_pylist(), events["item_id"].to_pylist(), strict=True):
        items.setdefault(session, []).append(item)
    return items


def content(folder: Path) -> dict[str, bytes]:
    """The bytes of every file of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
