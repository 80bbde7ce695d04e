"""The pipeline: read -> check -> sessionize -> order -> split -> filter -> write."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import msgspec
import pyarrow as pa
from ibis import _

from model_export.data.ingestion.check import check_rows
from model_export.data.ingestion.config import PrepareConfig
from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.figures import NOT_PREDICTED, Figures, Summary, few_targets, unknown_items
from model_export.data.ingestion.filter import Stages, filter_test, filter_train
from model_export.data.ingestion.formats import OutputFormat
from model_export.data.ingestion.order import order_events
from model_export.data.ingestion.read import read_rows
from model_export.data.ingestion.sessionize import refuse_long_sessions, sessionize
from model_export.data.ingestion.sources import Source
from model_export.data.ingestion.split import Parts, split_sessions
from model_export.data.ingestion.summary import summarize
from model_export.data.ingestion.write import write_table
from model_export.data.layout import Layout
from model_export.progress import Work
from nextitem.errors import InputError
from nextitem.ids import SHOWN_IDS, id_examples


class Watcher(Protocol):
    """Follows the progress."""

    def stage(self, name: str) -> None:
        """Note what begins."""

    def rows(self, name: str, done: int) -> None:
        """Note how many rows of a file have been written."""


class IngestionProgress:
    """A `Watcher` that shows the stages of a preparation, and the rows that are written, in a work."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def stage(self, name: str) -> None:
        """See `Watcher`."""
        self._work.begin(name)

    def rows(self, name: str, done: int) -> None:
        """See `Watcher`."""
        self._work.step(f"writing {name}", done)


class Counts(NamedTuple):
    """Counts of one side of the split."""

    sessions: int
    events: int
    items: int


class Removed(msgspec.Struct, frozen=True):
    """What a filter removed.

    Attributes:
        what: what it removes, in words.
        side: "train" or "test"; empty before the split.
        sessions: number of sessions that are gone.
        events: number of events.
        items: number of items that the side does not have any more; None before the split.
    """

    what: str
    side: str
    sessions: int
    events: int
    items: int | None


class Unknown(NamedTuple):
    """Numbers of test events: all, and those whose item train does not have; and a sentence with ids of both."""

    events: int
    unknown: int
    ids: str


@dataclass(frozen=True)
class Prepared:
    """Train, test and catalogue, ready to be written.

    Attributes:
        sides: "train" and "test": `session_id`, `item_id`, `timestamp`, and `type` if several types count; sessions by
            start, each in time order.
        counts: of each side.
        catalogue: `item_id` and `events`, the training events of each item, in order of the ids' UTF-8 bytes.
        parts: counts before the filters, and the rule of the split.
        figures: a summary of the events, before the split and the filters.
        unknown: the test events before the filters whose item train does not have.
        removed: what each filter removed, in their order.
    """

    sides: dict[str, ir.Table]
    counts: dict[str, Counts]
    catalogue: ir.Table
    parts: Parts
    figures: Figures
    unknown: Unknown
    removed: list[Removed]

    def warnings(self) -> list[str]:
        """Return what will spoil a model or its evaluation, in words."""
        test = self.counts["test"]
        return [
            *self.figures.warnings(),
            *few_targets("test", test.events - test.sessions),
            *unknown_items(self.unknown.events, self.unknown.unknown, "train", NOT_PREDICTED, self.unknown.ids),
        ]

    def summary(self) -> Summary:
        """Return the figures and the warnings."""
        return Summary(self.figures, self.warnings(), self.unknown.events, self.unknown.unknown)


def prepare_events(
    engine: Engine, sources: list[Source], config: PrepareConfig, watcher: Watcher, *, refuse_long: bool = False
) -> Prepared:
    """Run all steps but the last.

    Args:
        engine: runs them.
        sources: read together as one set of events.
        config: the rules. `min_support` 0 keeps all items.
        watcher: follows the progress.
        refuse_long: sessions of more than `MAX_SESSION_EVENTS` are a fault; else `config.max_session` drops them.

    Raises:
        InputError: a file or value is wrong, or train or test would be empty.
    """
    watcher.stage("reading")
    files = ", ".join(source.name for source in sources)
    rows = read_rows(engine, sources, config.layout)
    events = check_rows(engine, rows, config.layout, files)
    watcher.stage("splitting and filtering")
    ordered = order_events(engine, sessionize(events, config.layout), config.layout.collapse)
    if refuse_long:
        refuse_long_sessions(engine, ordered.table, config.layout)
    figures = summarize(engine, rows, events, ordered, config.layout, config.max_session)
    parts = split_sessions(
        engine,
        ordered.table,
        is_epoch=events.is_epoch,
        test_days=config.test_days,
        max_session=config.max_session,
        test_from=config.test_from,
    )
    earlier = parts.train.filter(_.time < parts.cutoff) if config.for_gate else parts.train
    of_train = filter_train(earlier, config.min_support, config.min_session)
    if config.for_gate:
        of_train = [("events of the test period", earlier), *of_train]
    train = engine.kept("train", _left(parts.train, of_train))
    catalogue = engine.kept("catalogue", train.group_by(item_id="item").agg(events=_.count()))
    unknown = parts.test.anti_join(catalogue, parts.test.item == catalogue.item_id)
    [counts] = engine.rows(parts.test.aggregate(events=_.count()))
    [missing] = engine.rows(unknown.aggregate(events=_.count()))
    whole_test = config.for_gate or not config.min_support
    of_test = [] if whole_test else filter_test(parts.test, catalogue, config.min_session)
    sides = {"train": train, "test": engine.kept("test", _left(parts.test, of_test))}
    remaining = {name: _count(engine, name, side, config) for name, side in sides.items()}
    removed = [] if not parts.too_long else [_too_long(engine, parts, config.max_session)]
    for name, before, stages in (("train", parts.train, of_train), ("test", parts.test, of_test)):
        removed += _removed(engine, name, before, stages, remaining[name])
    return Prepared(
        sides={name: _ordered(side, config.layout, whole=events.whole) for name, side in sides.items()},
        counts=remaining,
        catalogue=catalogue.order_by("item_id"),
        parts=parts,
        figures=figures,
        unknown=Unknown(
            int(counts["events"]),
            int(missing["events"]),
            id_examples("test", _ids(engine, unknown, "item"), "train", _ids(engine, catalogue, "item_id")),
        ),
        removed=removed,
    )


def write_file(engine: Engine, table: ir.Table, path: Path, kind: OutputFormat, name: str, watcher: Watcher) -> str:
    """Write a table, and return the SHA-256 of the file.

    Args:
        engine: computes the table.
        table: texts and numbers.
        path: the new file.
        kind: its format.
        name: for the watcher.
        watcher: follows the progress.
    """
    watcher.stage(f"writing {name}")
    schema = pa.schema([(column, _arrow_type(of)) for column, of in table.schema().items()])
    write_table(path, _watched(engine.batches(table), name, watcher), schema, kind)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _count(engine: Engine, name: str, side: ir.Table, config: PrepareConfig) -> Counts:
    counts = _counts(engine, side)
    if not counts.events:
        raise InputError(
            f"the filters leave {name} empty: it has no session with {config.min_session} or more events of items "
            f"that have {config.min_support} or more training events; lower --min-support or --min-session"
        )
    return counts


def _left(events: ir.Table, stages: Stages) -> ir.Table:
    return stages[-1][1] if stages else events


def _too_long(engine: Engine, parts: Parts, max_session: int) -> Removed:
    [kept] = engine.rows(parts.train.select("session").union(parts.test.select("session")).aggregate(events=_.count()))
    what = f"sessions of more than {max_session} events"
    return Removed(what, "", parts.too_long, parts.events - int(kept["events"]), None)


def _removed(engine: Engine, side: str, before: ir.Table, stages: Stages, remaining: Counts) -> list[Removed]:
    if not stages:
        return []
    counts = [*(_counts(engine, table) for table in (before, *(left for _what, left in stages[:-1]))), remaining]
    return [
        Removed(what, side, was.sessions - left.sessions, was.events - left.events, was.items - left.items)
        for (what, _left), (was, left) in zip(stages, pairwise(counts), strict=True)
    ]


def _counts(engine: Engine, events: ir.Table) -> Counts:
    [row] = engine.rows(events.aggregate(sessions=_.session.nunique(), events=_.count(), items=_.item.nunique()))
    return Counts(**{count: int(value) for count, value in row.items()})


def _ids(engine: Engine, table: ir.Table, column: str) -> list[str]:
    """Return the first distinct ids of a column."""
    first = table.select(id=table[column]).distinct().order_by("id").limit(SHOWN_IDS)
    return [str(row["id"]) for row in engine.rows(first)]


def _ordered(events: ir.Table, layout: Layout, *, whole: bool) -> ir.Table:
    types = {"type": "type"} if layout.has_types else {}
    return events.order_by("start", "first", "nth").select(
        session_id="session", item_id="item", timestamp=_.time.cast("int64") if whole else _.time, **types
    )


def _arrow_type(kind: dt.DataType) -> pa.DataType:
    return pa.string() if kind.is_string() else pa.int64() if kind.is_integer() else pa.float64()


def _watched(batches: Iterator[pa.RecordBatch], name: str, watcher: Watcher) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in batches:
        done += batch.num_rows
        watcher.rows(name, done)
        yield batch
