"""The story of a preparation: sources in, a folder out, in which a record says what was done."""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import ibis.expr.types as ir
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from model_export.data.preparation.checks import events_of
from model_export.data.preparation.config import PrepareConfig
from model_export.data.preparation.engine import Engine
from model_export.data.preparation.s3 import fetch, is_remote, refuse_taken, send
from model_export.data.preparation.sessionize import cut
from model_export.data.preparation.sources import Source, source_of
from model_export.data.preparation.writer import write_table
from model_export.training.run_folder import new_folder
from nextitem.errors import InputError

RECORD = "preparation.json"
_CATALOGUE = pa.schema([("item_id", pa.string()), ("events", pa.int64())])


class Watcher(Protocol):
    """Hears how the preparation goes."""

    def stage(self, name: str) -> None:
        """Hear what begins."""

    def rows(self, name: str, done: int) -> None:
        """Hear how many rows of a file have been written."""


class Side(msgspec.Struct, frozen=True):
    """One file: its name and digest, and what is in it."""

    file: str
    sha256: str
    sessions: int
    events: int


class Prepared(msgspec.Struct, frozen=True):
    """What was prepared. Says nothing of engine, paths and time: the same events give the same record.

    Attributes:
        events: that went in.
        sessions: that they were cut into.
        too_long: of those, the ones dropped for having more than the most events of a session.
        cutoff: start of the test period, in seconds or the running index.
        items: size of the catalogue.
        train: the training file.
        test: the test file.
        catalogue: SHA-256 of the file with the training items and how often each occurs.
        settings: by which rules.
    """

    events: int
    sessions: int
    too_long: int
    cutoff: float
    items: int
    train: Side
    test: Side
    catalogue: str
    settings: dict[str, str | int | float | None]


def prepare(engine: Engine, names: list[str], out: str, config: PrepareConfig, watcher: Watcher) -> Prepared:
    """Prepare events.

    Args:
        engine: what runs it.
        names: files, folders or `s3://` addresses.
        out: a folder that must not exist yet, or an `s3://` prefix without a preparation in it.
        config: the rules.
        watcher: told of progress.

    Raises:
        InputError: the events or the place do not allow it.
    """
    if not is_remote(out):
        with new_folder(Path(out)) as home:
            return _prepare(engine, names, home, config, watcher)
    refuse_taken(out, RECORD)
    with tempfile.TemporaryDirectory(prefix="nextitem-") as folder:
        prepared = _prepare(engine, names, Path(folder), config, watcher)
        watcher.stage(f"sending to {out}")
        send(Path(folder), out, last=RECORD)
    return prepared


def _prepare(engine: Engine, names: list[str], home: Path, config: PrepareConfig, watcher: Watcher) -> Prepared:
    with tempfile.TemporaryDirectory(prefix="nextitem-") as folder:
        watcher.stage("reading")
        sources = [_source(engine, name, Path(folder) / str(place)) for place, name in enumerate(names)]
        events = events_of(engine, sources, config.columns)
        watcher.stage("cutting and filtering")
        parts = cut(engine, events, config)
        time = pa.int64() if parts.train.timestamp.type().is_integer() else pa.float64()
        schema = pa.schema([("session_id", pa.string()), ("item_id", pa.string()), ("timestamp", time)])
        items = _written(engine, parts.catalogue, home, "catalogue", _CATALOGUE, config, watcher)
        train = _written(engine, parts.train, home, "train", schema, config, watcher)
        test = _written(engine, parts.test, home, "test", schema, config, watcher)
    for side in (train, test):
        if side.events == 0:
            raise InputError(
                f"{side.file} would be empty: of {parts.counts['events']:,} events none is left of sessions with "
                f"{config.min_session} or more events of items with {config.min_support} or more"
            )
    prepared = Prepared(
        events=int(parts.counts["events"]),
        sessions=int(parts.counts["sessions"]),
        too_long=int(parts.counts["too_long"]),
        cutoff=parts.counts["cutoff"],
        items=items.events,
        train=train,
        test=test,
        catalogue=items.sha256,
        settings=_settings(config),
    )
    (home / RECORD).write_bytes(msgspec.json.format(msgspec.json.encode(prepared), indent=1) + b"\n")
    return prepared


def _source(engine: Engine, name: str, folder: Path) -> Source:
    if not is_remote(name) or engine.reads_remote:
        return source_of(name)
    folder.mkdir()
    return source_of(name, fetch(name, folder))


def _written(
    engine: Engine,
    table: ir.Table,
    home: Path,
    name: str,
    schema: pa.Schema,
    config: PrepareConfig,
    watcher: Watcher,
) -> Side:
    watcher.stage(f"writing {name}")
    path = home / f"{name}.{config.format}"
    count = _Count(watcher, name)
    write_table(path, count.through(engine.batches(table)), schema, config.format)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Side(path.name, digest, count.sessions, count.rows)


class _Count:
    """Counts rows, and sessions by where the id changes: a session's rows stand together."""

    def __init__(self, watcher: Watcher, name: str) -> None:
        self._watcher, self._name, self._last = watcher, name, ""
        self.rows = self.sessions = 0

    def through(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            ids = batch.column(0)
            if len(ids):
                self.sessions += int(ids[0].as_py() != self._last)
                self.sessions += pc.sum(pc.not_equal(ids[1:], ids[:-1])).as_py() or 0
                self._last = ids[-1].as_py()
            self.rows += batch.num_rows
            self._watcher.rows(self._name, self.rows)
            yield batch


def _settings(config: PrepareConfig) -> dict[str, str | int | float | None]:
    values = msgspec.to_builtins(config)
    return {**values.pop("columns"), **values}
