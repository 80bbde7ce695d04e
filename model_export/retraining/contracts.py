"""Data contracts: what the events of the lake must keep before a training (decision 40).

Each contract is an aggregate that DuckDB computes over the Parquet files, and a limit. All of them are checked, so that
one run names every fault.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from duckdb import DuckDBPyConnection

from model_export.data.sessions import format_time
from model_export.lake.parquet import COLUMNS
from model_export.retraining.limits import ContractLimits
from nextitem.errors import InputError
from nextitem.ids import SHOWN_IDS, id_examples

REQUIRED = ("session", "event", "item_id", "type", "occurred_at", "arrived_at", "entry")
"""Columns of the lake without which nothing can be learned; all others may be missing."""
HOUR_MS, MINUTE_MS, DAY_MS = 3_600_000, 60_000, 86_400_000
MIN_PATH = 3
"""Events of a session that make a path: of two, many sessions have the same."""
MIN_DAY_PATHS = 200
"""Longer sessions of the last day from which on it is checked alone: of few, chance makes some the same."""


class Contract(msgspec.Struct, frozen=True):
    """The outcome of a contract: its setting, the value and the limit, whether it is kept, and a sentence if not."""

    name: str
    value: float
    limit: float
    passed: bool
    fault: str


class ContractsBroken(InputError):
    """The events break contracts.

    Attributes:
        broken: the contracts that are broken.
    """

    def __init__(self, broken: Sequence[Contract]) -> None:
        super().__init__(
            f"the events of the lake break {len(broken)} of the contracts, so nothing was trained: "
            + " ".join(f"({number}) {contract.fault}" for number, contract in enumerate(broken, 1))
        )
        self.broken = tuple(broken)


@dataclass(frozen=True)
class Surroundings:
    """What the contracts compare the events with.

    Attributes:
        now: epoch milliseconds.
        known_items: the items of the live version; None without one.
        lost: events that the collector found to be lost on the same days.
    """

    now: int
    known_items: Collection[str] | None = None
    lost: int = 0


def check_contracts(files: Sequence[Path], limits: ContractLimits, around: Surroundings) -> tuple[Contract, ...]:
    """Return all contracts on the events of the lake's files, kept or broken.

    Files whose columns are wrong break a contract by themselves: then no other is checked.

    Args:
        files: Parquet files of the lake.
        limits: the limits.
        around: the clock, the live version's items and the collector's losses.
    """
    if not files:
        return (_at_least("min_events", 0, limits.min_events, "the lake has no events of these days"),)
    with duckdb.connect() as connection:
        columns = tuple(_columns(connection, files))
        if any(not contract.passed for contract in columns):
            return columns
        connection.execute(f"CREATE VIEW lake AS FROM {_source(files)}")
        checks: tuple[Callable[..., Iterator[Contract]], ...] = (_amount, _clients, _clocks, _items, _losses)
        return (*columns, *(contract for check in checks for contract in check(connection, limits, around)))


def require_contracts(contracts: Sequence[Contract]) -> None:
    """Check that all contracts are kept.

    Raises:
        ContractsBroken: naming each that is not.
    """
    if broken := [contract for contract in contracts if not contract.passed]:
        raise ContractsBroken(broken)


def _columns(connection: DuckDBPyConnection, files: Sequence[Path]) -> Iterator[Contract]:
    """Yield a contract for each required column: it is in all files, of the right type and without gaps."""
    rows = connection.execute(f"SELECT file_name, name, duckdb_type FROM parquet_schema({_listed(files)})").fetchall()  # noqa: S608 - quoted
    types = {(str(file), str(name)): str(kind) for file, name, kind in rows}
    for column in REQUIRED:
        faults = []
        for file in files:
            found = types.get((str(file), column))
            if found is None:
                faults.append(f"{file.name} has no column {column}")
            elif found != COLUMNS[column]:
                faults.append(f"{file.name} has a column {column} of type {found}, not {COLUMNS[column]}")
        if not faults and (gaps := _gaps(connection, files, column)):
            faults.append(f"{gaps} events have no {column}")
        more = f", and {len(faults) - 1} more files are wrong" if len(faults) > 1 else ""
        fault = f"{faults[0]}{more}: another program or version wrote them." if faults else ""
        yield Contract(column, float(len(faults)), 0.0, not faults, fault)


def _gaps(connection: DuckDBPyConnection, files: Sequence[Path], column: str) -> int:
    empty = f" OR {column} = ''" if COLUMNS[column] == "VARCHAR" else ""
    return int(_one(connection, f"SELECT count(*) FROM {_source(files)} WHERE {column} IS NULL{empty}"))  # noqa: S608 - quoted


def _amount(connection: DuckDBPyConnection, limits: ContractLimits, _around: Surroundings) -> Iterator[Contract]:
    events = _one(connection, "SELECT count(*) FROM lake")
    sessions = _one(connection, "SELECT count(*) FROM (FROM lake SELECT session GROUP BY session HAVING count(*) > 1)")
    yield _at_least("min_events", events, limits.min_events, f"there are {events:.0f} events")
    yield _at_least(
        "min_sessions", sessions, limits.min_sessions, f"there are {sessions:.0f} sessions of two or more events"
    )


def _clients(connection: DuckDBPyConnection, limits: ContractLimits, _around: Surroundings) -> Iterator[Contract]:
    _session, share = _most(connection, "FROM lake SELECT session, count(*) GROUP BY session")
    yield _at_most(
        "max_session_share",
        share,
        limits.max_session_share,
        f"one session has {share:.1%} of all events, as only a robot has: block it. Its pseudonym is in the lake "
        "only, because logs outlive a DELETE",
    )
    paths = (
        "FROM lake SELECT hash(string_agg(item_id, chr(31) ORDER BY occurred_at, entry)) AS path, "
        f"min(arrived_at) AS begun GROUP BY session HAVING count(*) >= {MIN_PATH}"
    )
    share, _sessions = _commonest(connection, paths)
    # Among many days a flood of one disappears, and yet it decides the gate, which judges by the last day
    newest = _one(connection, "SELECT max(arrived_at) FROM lake")
    last_day, sessions = _commonest(connection, f"FROM ({paths}) WHERE begun > {newest - DAY_MS:.0f}")
    is_last = sessions >= MIN_DAY_PATHS and last_day > share
    yield _at_most(
        "max_path_share",
        last_day if is_last else share,
        limits.max_path_share,
        f"{last_day if is_last else share:.1%} of the longer sessions{' of the last day' if is_last else ''} have the "
        "same items in the same order, as a program of one client makes",
    )
    minute, share = _most(connection, f"FROM lake SELECT arrived_at // {MINUTE_MS}, count(*) GROUP BY 1")
    yield _at_most(
        "max_minute_share",
        share,
        limits.max_minute_share,
        f"{share:.1%} of all events arrived in the minute of {_when(minute * MINUTE_MS)}: a flood, or a "
        "clock of the store that stood still",
    )


def _clocks(connection: DuckDBPyConnection, limits: ContractLimits, around: Surroundings) -> Iterator[Contract]:
    gaps = (
        "FROM (FROM (FROM lake SELECT DISTINCT arrived_at "
        f"UNION SELECT {around.now}) SELECT arrived_at AS ends, lag(arrived_at) OVER (ORDER BY arrived_at) AS begins) "
        "SELECT begins, coalesce(ends - begins, 0) AS gap ORDER BY gap DESC LIMIT 1"
    )
    begins, gap = connection.execute(gaps).fetchall()[0]
    hours = gap / HOUR_MS
    yield _at_most(
        "max_gap_hours",
        hours,
        limits.max_gap_hours,
        f"no event arrived for {hours:.1f} hours from {_when(begins or around.now)} on: the collector "
        "or the store stood still, or a clock jumped",
    )
    newest = _one(connection, "SELECT max(arrived_at) FROM lake")
    ahead = f"occurred_at > arrived_at + {MINUTE_MS} OR arrived_at > {around.now + HOUR_MS}"
    future = _share(connection, ahead)
    yield _at_most(
        "max_future_share",
        future,
        limits.max_future_share,
        f"{future:.1%} of the events lie in the future (the newest arrival is {_when(newest)}): compare "
        "the clocks of store and function",
    )
    far = _share(connection, f"abs(arrived_at - occurred_at) > {limits.max_lag_hours * HOUR_MS:.0f}")
    yield _at_most(
        "max_far_share",
        far,
        limits.max_far_share,
        f"{far:.1%} of the events occurred more than {limits.max_lag_hours:g} hours from their arrival: clients send "
        "wrong times or old queues",
    )


def _items(connection: DuckDBPyConnection, limits: ContractLimits, around: Surroundings) -> Iterator[Contract]:
    item, share = _most(connection, "FROM lake SELECT item_id, count(*) GROUP BY item_id")
    yield _at_most(
        "max_item_share",
        share,
        limits.max_item_share,
        f"item {item} has {share:.1%} of all events: a default value of a client, or a robot",
    )
    if around.known_items is None:
        return
    connection.execute("CREATE TEMP TABLE known (item_id VARCHAR)")
    connection.execute("INSERT INTO known SELECT unnest($items)", {"items": [*around.known_items]})
    newest = _one(connection, "SELECT max(arrived_at) FROM lake")
    last = f"FROM lake WHERE arrived_at > {newest - DAY_MS:.0f}"
    unknown = _one(connection, f"SELECT avg((item_id NOT IN (FROM known))::INT) {last}")
    strange = f"SELECT DISTINCT item_id {last} AND item_id NOT IN (FROM known) ORDER BY item_id LIMIT {SHOWN_IDS}"
    theirs = [item for (item,) in connection.execute(strange).fetchall()]
    ids = id_examples("these items", theirs, "the live version", nsmallest(SHOWN_IDS, around.known_items))
    yield _at_most(
        "max_unknown_share",
        unknown,
        limits.max_unknown_share,
        f"the live version does not know the item of {unknown:.1%} of the last day's events: a client sends other ids, "
        f"or another shop writes into this lake. {ids}",
    )


def _losses(connection: DuckDBPyConnection, limits: ContractLimits, around: Surroundings) -> Iterator[Contract]:
    share = around.lost / (around.lost + _one(connection, "SELECT count(*) FROM lake"))
    yield _at_most(
        "max_lost_share",
        share,
        limits.max_lost_share,
        f"{around.lost} events ({share:.1%}) were lost before they reached the lake: run the collector more often",
    )


def _at_least(name: str, value: float, limit: float, fault: str) -> Contract:
    passed = value >= limit
    return Contract(name, value, limit, passed, "" if passed else f"{fault}; at least {limit:g} are needed{_set(name)}")


def _at_most(name: str, value: float, limit: float, fault: str) -> Contract:
    passed = value <= limit
    return Contract(name, value, limit, passed, "" if passed else f"{fault}. The limit is {limit:g}{_set(name)}")


def _set(name: str) -> str:
    return f" (--{name.replace('_', '-')})."


def _one(connection: DuckDBPyConnection, query: str) -> float:
    return float(connection.execute(query).fetchall()[0][0])


def _share(connection: DuckDBPyConnection, condition: str) -> float:
    return _one(connection, f"SELECT avg(({condition})::INT) FROM lake")  # noqa: S608 - our own condition


def _most(connection: DuckDBPyConnection, counts: str) -> tuple[Any, float]:
    """Return the name with the highest count of a query of names and counts, and its share; nothing has the share 0."""
    rows = connection.execute(
        f"FROM ({counts}) AS counted(name, count) SELECT name, count / sum(count) OVER () AS share "
        "ORDER BY share DESC, name LIMIT 1"
    ).fetchall()
    return (rows[0][0], float(rows[0][1])) if rows else ("", 0.0)


def _commonest(connection: DuckDBPyConnection, paths: str) -> tuple[float, int]:
    """Return the share of the commonest path among those of a query, and their number."""
    counts = f"FROM ({paths}) SELECT path, count(*) AS count GROUP BY path"
    query = f"SELECT coalesce(max(count) / sum(count), 0), coalesce(sum(count), 0)::BIGINT FROM ({counts})"  # noqa: S608 - our own
    share, sessions = connection.execute(query).fetchall()[0]
    return float(share), int(sessions)


def _when(ms: float) -> str:
    return format_time(ms / 1000, "%Y-%m-%d %H:%M UTC")


def _source(files: Sequence[Path]) -> str:
    return f"read_parquet({_listed(files)}, union_by_name = true)"


def _listed(files: Sequence[Path]) -> str:
    """Return the names of files as a list in SQL."""
    quoted = (str(file).replace("'", "''") for file in files)
    return "[" + ", ".join(f"'{name}'" for name in quoted) + "]"
