"""Step 2, check: every value is an id or a time; times become seconds."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import ibis.expr.types as ir

from model_export.data.ingestion.cleaning import Cleaning, clean_ids, files_half_lost
from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.faults import shown
from model_export.data.ingestion.first_fault import Fault, Found, raise_first
from model_export.data.ingestion.id_checks import IdTest, has_point, id_tests, is_missing, is_not_whole
from model_export.data.ingestion.read import Rows
from model_export.data.ingestion.times import (
    ACCEPTED,
    DESCRIPTIONS,
    LATEST_SECOND,
    Group,
    Kind,
    is_integer,
    merge_days,
    seconds,
    with_kinds,
)
from model_export.data.layout import Layout
from model_export.data.sessions import FIRST_EPOCH_SECOND
from model_export.data.time_format import TimeFormat
from nextitem.errors import InputError

DROPPED = -1
"""In the place of a `Kind`, for rows that are dropped."""
ONE_KIND = (
    "All times must be of one kind: convert or remove the others (0, -1 or 1970-01-01 often mean that there is none)."
)


@dataclass(frozen=True)
class Events:
    """Events whose values are checked.

    Attributes:
        table: `owner`, `item`, `type` (a label), `time` (float64 seconds, or the running index) and `place`.
        is_epoch: False when the times are only a running index.
        whole: whether all times are whole numbers.
        cleaning: what the check changed.
    """

    table: ir.Table
    is_epoch: bool
    whole: bool
    cleaning: Cleaning


def check_rows(engine: Engine, rows: Rows, layout: Layout, files: str) -> Events:
    """Check all values in two passes, and turn times into seconds.

    Args:
        engine: runs the checks.
        rows: from `read.read_rows`.
        layout: the columns' names, for errors; the format of times; whether rows without ids are dropped.
        files: the names of the sources, for errors.

    Raises:
        InputError: naming file, place and column of the first fault.
    """
    form = None if layout.time_format is None else TimeFormat.parse(layout.time_format)
    ids = dict(zip([*rows.owners, "item"], [*layout.owner, layout.item], strict=True))
    table = with_kinds(rows.table, form)
    if layout.drop_empty:
        missing = reduce(or_, (is_missing(table[name]) for name in ids))
        table = table.mutate(kind=missing.ifelse(DROPPED, table.kind))
    tests = [
        test
        for name in ids
        for test in id_tests(name, table[name], is_number=name in rows.numbers, is_json=rows.has_json)
    ]
    figures = _survey(engine, table, list(ids), tests)
    dropped = figures.pop(DROPPED, {"rows": 0})["rows"]
    if not figures:
        raise InputError(f"{files}: has no events" + (" with ids" if dropped else ""))
    kept = table.filter(table.kind != DROPPED) if dropped else table
    groups = merge_days({Kind(kind): Group(row["rows"], row["first"]) for kind, row in figures.items()})
    faults = _id_faults(tests, figures.values()) + _time_faults(kept, groups, form)
    raise_first(engine, kept, faults, layout)
    rewritten = _rewritten(ids, figures.values())
    whole = all(row["integer"] for row in figures.values())
    [kind] = groups
    time = seconds(engine, kept.time, kind, form, whole=whole)
    timed = kept.mutate(text=kept.time.cast("string"), time=(time < LATEST_SECOND).ifelse(time, None))
    is_whole = _check_times(engine, timed, form, layout, is_epoch=kind is not Kind.INDEX)
    cleaning = Cleaning(
        rows=dropped + sum(row["rows"] for row in figures.values()),
        dropped=dropped,
        half_lost=files_half_lost(engine, table, table.kind == DROPPED) if dropped else (),
        rewritten={ids[name]: count for name, count in rewritten.items()},
    )
    events = clean_ids(timed.drop("text", "kind"), rows.owners, rewritten)
    return Events(events, kind is not Kind.INDEX, is_whole, cleaning)


def _survey(engine: Engine, table: ir.Table, ids: list[str], tests: list[IdTest]) -> dict[int, dict[str, Any]]:
    """Return figures of the rows by their kind of time, in one pass."""
    figures = table.group_by("kind").agg(
        rows=table.count(),
        first=table.place.min(),
        integer=is_integer(table.time).all(),
        **{f"test_{number}": table.place.min(where=test.wrong) for number, test in enumerate(tests)},
        **{f"pointed_{name}": has_point(table[name]).ifelse(1, 0).sum() for name in ids},
        **{f"other_{name}": is_not_whole(table[name]).any() for name in ids},
    )
    return {int(row["kind"]): row for row in engine.rows(figures)}


def _id_faults(tests: list[IdTest], figures: Collection[dict[str, Any]]) -> list[Fault]:
    faults = []
    for number, test in enumerate(tests):
        places = [row[f"test_{number}"] for row in figures if row[f"test_{number}"] is not None]
        if places:
            faults.append(Fault(test.field, test.what, Found(min(places), test.wrong)))
    return faults


def _rewritten(ids: Iterable[str], figures: Collection[dict[str, Any]]) -> dict[str, int]:
    """Return the number of ids such as 1234.0, of the columns that have only whole numbers and some of these."""
    counts = {name: int(sum(row[f"pointed_{name}"] for row in figures)) for name in ids}
    return {name: count for name, count in counts.items() if count and not any(row[f"other_{name}"] for row in figures)}


def _time_faults(table: ir.Table, groups: dict[Kind, Group], form: TimeFormat | None) -> list[Fault]:
    """Return the faults of times that show before they are read, and leave the kinds of times in `groups`."""
    faults = []
    for kind, what in ((Kind.ABSENT, "has no time"), (Kind.UNKNOWN, _no_time(form))):
        if (group := groups.pop(kind, None)) is not None:
            faults.append(Fault("time", what, Found(group.first, table.kind == int(kind))))
    if len(groups) > 1:
        first, second, *_ = sorted(groups, key=lambda kind: groups[kind].first)
        what = f"is {DESCRIPTIONS[second]}, but {{}} is {DESCRIPTIONS[first]}. {ONE_KIND}"
        wrong, beside = (Found(groups[kind].first, _is_of(table, kind, groups)) for kind in (second, first))
        faults.append(Fault("time", what, wrong, beside))
    return faults


def _is_of(table: ir.Table, kind: Kind, groups: dict[Kind, Group]) -> ir.BooleanValue:
    """Return which rows have a kind of times, after `merge_days`."""
    is_merged = kind is Kind.INDEX and Kind.DAY not in groups
    return table.kind.isin([int(kind), int(Kind.DAY)]) if is_merged else table.kind == int(kind)


def _check_times(engine: Engine, timed: ir.Table, form: TimeFormat | None, layout: Layout, *, is_epoch: bool) -> bool:
    """Check times in seconds, and return whether all are whole numbers.

    Raises:
        InputError: naming the first that is no time, or is a date before 1990, which stands for a missing time.
    """
    is_absent, is_early = timed.time.isnull(), timed.time < FIRST_EPOCH_SECOND
    is_date = ~is_early
    figures = timed.aggregate(
        whole=(timed.time == timed.time.floor()).all(),
        absent=timed.place.min(where=is_absent),
        early=timed.place.min(where=is_early),
        date=timed.place.min(where=is_date),
    )
    [row] = engine.rows(figures)
    faults = []
    if row["absent"] is not None:
        faults.append(Fault("text", _no_time(form), Found(row["absent"], is_absent)))
    if is_epoch and row["early"] is not None:
        early = Found(row["early"], is_early)
        if row["date"] is None:
            faults.append(Fault("text", "is before 1990, which no event is", early))
        else:
            what = f"is before 1990, but {{}} is not. {ONE_KIND}"
            faults.append(Fault("text", what, early, Found(row["date"], is_date)))
    raise_first(engine, timed, faults, layout)
    return bool(row["whole"])


def _no_time(form: TimeFormat | None) -> str:
    """Return the fault of a value that is no time."""
    return (
        f"is not a time. {ACCEPTED}"
        if form is None
        else f"is not a time of the format {shown(form.text)}, from 1990 to 2444"
    )
