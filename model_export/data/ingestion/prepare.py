"""Prepare events into a folder: train, test, catalogue, and a record of the preparation."""

from pathlib import Path

import msgspec

from model_export.data.atomic_file import new_folder, temporary_folder
from model_export.data.ingestion.config import PrepareConfig
from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.figures import Summary
from model_export.data.ingestion.formats import OutputFormat
from model_export.data.ingestion.open_sources import opened_sources
from model_export.data.ingestion.pipeline import Removed, Watcher, prepare_events, write_file
from model_export.data.ingestion.s3 import refuse_taken, send
from model_export.data.ingestion.sources import is_remote

RECORD = "preparation.json"


class Side(msgspec.Struct, frozen=True):
    """A file of events: its name, digest and counts."""

    file: str
    sha256: str
    sessions: int
    events: int


class Preparation(msgspec.Struct, frozen=True):
    """The record of a preparation. It has no engine, path or time: the same events give the same record.

    Attributes:
        events: number of events that were read.
        sessions: number of their sessions.
        too_long: number of the sessions that were dropped for their length.
        removed: what each filter removed, in their order.
        cutoff: start of the test period, in seconds or the running index.
        items: size of the catalogue.
        train: the training file.
        test: the test file.
        catalogue: SHA-256 of the file with the training items and their numbers of events.
        settings: the rules.
        summary: figures of the events that were read, and warnings.
    """

    events: int
    sessions: int
    too_long: int
    removed: list[Removed]
    cutoff: float
    items: int
    train: Side
    test: Side
    catalogue: str
    settings: dict[str, str | int | float | tuple[str, ...] | None]
    summary: Summary


def prepare(engine: Engine, names: list[str], out: str, config: PrepareConfig, watcher: Watcher) -> Preparation:
    """Prepare events.

    Args:
        engine: runs the pipeline.
        names: files, folders or `s3://` addresses.
        out: a folder that must not exist yet, or an `s3://` prefix without a preparation in it.
        config: the rules.
        watcher: follows the progress.

    Raises:
        InputError: the events are wrong, or `out` is taken or cannot be written.
    """
    if not is_remote(out):
        with new_folder(Path(out)) as home:
            return _prepare(engine, names, home, config, watcher)
    refuse_taken(out, RECORD)
    with temporary_folder() as folder:
        preparation = _prepare(engine, names, folder, config, watcher)
        watcher.stage(f"sending to {out}")
        send(folder, out, last=RECORD)
    return preparation


def _prepare(engine: Engine, names: list[str], home: Path, config: PrepareConfig, watcher: Watcher) -> Preparation:
    watcher.stage("fetching")
    with opened_sources(engine, names, config.layout) as sources:
        prepared = prepare_events(engine, sources, config, watcher)
        kind = OutputFormat(f".{config.format}")
        digests = {
            name: write_file(engine, table, home / f"{name}{kind.value}", kind, name, watcher)
            for name, table in {**prepared.sides, "catalogue": prepared.catalogue}.items()
        }
    sides = {
        name: Side(f"{name}.{config.format}", digests[name], counts.sessions, counts.events)
        for name, counts in prepared.counts.items()
    }
    settings = msgspec.to_builtins(config)
    preparation = Preparation(
        events=prepared.parts.events,
        sessions=prepared.parts.sessions,
        too_long=prepared.parts.too_long,
        removed=prepared.removed,
        cutoff=prepared.parts.cutoff,
        items=prepared.counts["train"].items,
        catalogue=digests["catalogue"],
        settings={**settings.pop("layout"), **settings},
        summary=prepared.summary(),
        **sides,
    )
    (home / RECORD).write_bytes(msgspec.json.format(msgspec.json.encode(preparation), indent=1) + b"\n")
    return preparation
