"""Data contracts: each planted fault breaks its own contract, and no other, with a message that says what to do."""

import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

import duckdb
import msgspec
import pytest

from model_export.lake.parquet import Contents, encode_file
from model_export.lake.records import HOUR_MS, Record
from model_export.retraining.contracts import (
    REQUIRED,
    Contract,
    ContractsBroken,
    Surroundings,
    check_contracts,
    require_contracts,
)
from model_export.retraining.limits import ContractLimits
from model_export.simulator import Shop
from nextitem.errors import InputError
from tests.model_export.retraining.lakes import NOW, changed, records_of

LIMITS = ContractLimits(min_events=1000, min_sessions=200, max_gap_hours=6, max_session_share=0.03)
NOW_MS = int(NOW.timestamp() * 1000)
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return records_of(Shop(products=60), 300)


def written(folder: Path, *parts: Sequence[Record]) -> list[Path]:
    files = []
    for number, part in enumerate(parts):
        file = folder / f"b{number:04}.parquet"
        file.write_bytes(encode_file(part, Contents(len(part), "0-0")))
        files.append(file)
    return files


def broken(contracts: Sequence[Contract]) -> dict[str, str]:
    return {contract.name: contract.fault for contract in contracts if not contract.passed}


def test_events_of_a_shop_keep_all_contracts(records: list[Record], tmp_path: Path) -> None:
    around = Surroundings(NOW_MS, {record.item_id for record in records})
    contracts = check_contracts(written(tmp_path, records[:900], records[900:]), LIMITS, around)
    assert broken(contracts) == {}
    require_contracts(contracts)
    # Each limit is a contract, but for the setting of another one
    settings = {field.name for field in fields(ContractLimits)} - {"max_lag_hours"}
    assert {contract.name for contract in contracts} == {*REQUIRED, *settings}
    # AND the values are those of the events
    values = {contract.name: contract.value for contract in contracts}
    counts = [sum(record.session == name for record in records) for name in {record.session for record in records}]
    assert values["min_events"] == len(records)
    assert values["min_sessions"] == sum(count > 1 for count in counts)
    assert values["max_session_share"] == max(counts) / len(records)


Fault = Callable[[list[Record]], list[Record]]


def one_session(records: list[Record]) -> list[Record]:
    return changed(records[:60], lambda record: {"session": "flood"}) + records[60:]


def one_path(records: list[Record]) -> list[Record]:
    robots = [
        msgspec.structs.replace(records[number], session=f"robot-{number // 3}", item_id=f"item-{number % 3}")
        for number in range(90)
    ]
    return robots + records[90:]


def one_minute(records: list[Record]) -> list[Record]:
    at = records[900].arrived_at // MINUTE_MS * MINUTE_MS
    those = {"arrived_at": at + 7, "occurred_at": at}
    return [msgspec.structs.replace(each, **those) if number % 3 else each for number, each in enumerate(records)]


FAULTS: dict[str, tuple[Fault, str]] = {
    "min_events": (lambda records: records[::2], " events; at least 1000 are needed (--min-events)"),
    "max_session_share": (one_session, "one session has"),
    "max_path_share": (one_path, "of the longer sessions have the same items in the same order"),
    "max_minute_share": (one_minute, "of all events arrived in the minute of 2026-01-"),
    "max_gap_hours": (
        lambda records: [record for record in records if not 40 <= hours(record) < 48],
        "no event arrived for 9.0 hours from 2026-01-02 15:54 UTC on",
    ),
    "max_future_share": (
        lambda records: (
            changed(records[:50], lambda record: {"occurred_at": record.arrived_at + HOUR_MS}) + records[50:]
        ),
        "of the events lie in the future",
    ),
    "max_far_share": (
        lambda records: (
            changed(records[:200], lambda record: {"occurred_at": record.arrived_at - 25 * HOUR_MS}) + records[200:]
        ),
        "of the events occurred more than 24 hours from their arrival",
    ),
    "max_item_share": (
        lambda records: [
            msgspec.structs.replace(record, item_id="undefined") if number % 3 == 0 else record
            for number, record in enumerate(records)
        ],
        "item undefined has 33",
    ),
}


def hours(record: Record) -> float:
    return (record.arrived_at - NOW_MS) / HOUR_MS + 120


@pytest.mark.parametrize("contract", FAULTS)
def test_a_planted_fault_breaks_its_contract(contract: str, records: list[Record], tmp_path: Path) -> None:
    plant, message = FAULTS[contract]
    planted = plant(records)
    found = broken(check_contracts(written(tmp_path, planted), LIMITS, Surroundings(NOW_MS)))
    assert set(found) == {contract}
    assert message in found[contract]
    assert f"(--{contract.replace('_', '-')})" in found[contract]


@pytest.mark.slow
def test_too_few_sessions_a_silent_end_losses_and_foreign_ids_are_found(records: list[Record], tmp_path: Path) -> None:
    files = written(tmp_path, records)
    # Each event a session of its own
    alone = written(tmp_path, [msgspec.structs.replace(each, session=each.entry) for each in records])
    assert set(broken(check_contracts(alone, LIMITS, Surroundings(NOW_MS)))) == {"min_sessions"}
    # No arrival for seven hours before now
    files = written(tmp_path, records)
    late = Surroundings(NOW_MS + 7 * HOUR_MS)
    assert set(broken(check_contracts(files, LIMITS, late))) == {"max_gap_hours"}
    # A clock of the store that is two hours ahead
    early = Surroundings(NOW_MS - 60 * HOUR_MS)
    assert set(broken(check_contracts(files, LIMITS, early))) == {"max_future_share"}
    # Lost events, and ids of another shop
    lost = broken(check_contracts(files, LIMITS, Surroundings(NOW_MS, lost=len(records) // 50)))
    assert set(lost) == {"max_lost_share"}
    foreign = broken(check_contracts(files, LIMITS, Surroundings(NOW_MS, known_items={"a-1"})))
    assert set(foreign) == {"max_unknown_share"}
    assert "100.0% of the last day's events" in foreign["max_unknown_share"]
    assert "; of the live version such as 'a-1'." in foreign["max_unknown_share"]


@pytest.mark.parametrize(
    ("select", "column", "message"),
    [
        ("* EXCLUDE (item_id)", "item_id", "b0001.parquet has no column item_id"),
        (
            "* REPLACE (occurred_at::VARCHAR AS occurred_at)",
            "occurred_at",
            "b0001.parquet has a column occurred_at of type VARCHAR, not BIGINT",
        ),
        ("* REPLACE (if(random() < 2, NULL, session) AS session)", "session", "events have no session"),
        ("* REPLACE ('' AS item_id)", "item_id", "events have no item_id"),
    ],
    ids=["missing", "mistyped", "null", "empty"],
)
def test_a_wrong_column_is_named_with_its_file(
    select: str, column: str, message: str, records: list[Record], tmp_path: Path
) -> None:
    good, bad = written(tmp_path, records[:900], records[900:])
    with duckdb.connect() as connection:
        query = f"COPY (SELECT {select} FROM read_parquet('{bad}')) TO '{tmp_path}/new' (FORMAT parquet)"  # noqa: S608
        connection.execute(query)
    (tmp_path / "new").replace(bad)
    found = broken(check_contracts([good, bad], LIMITS, Surroundings(NOW_MS)))
    assert set(found) == {column}
    assert message in found[column]


def test_one_error_names_every_broken_contract(records: list[Record], tmp_path: Path) -> None:
    files = written(tmp_path, one_session(records)[:500])
    contracts = check_contracts(files, LIMITS, Surroundings(NOW_MS, lost=400))
    with pytest.raises(
        ContractsBroken, match=r"break 5 of the contracts, so nothing was trained: \(1\) there"
    ) as caught:
        require_contracts(contracts)
    names = [contract.name for contract in caught.value.broken]
    assert names == ["min_events", "min_sessions", "max_session_share", "max_gap_hours", "max_lost_share"]
    assert all(contract.fault in str(caught.value) for contract in caught.value.broken)


def test_an_empty_lake_has_too_few_events() -> None:
    [contract] = check_contracts([], LIMITS, Surroundings(NOW_MS))
    assert (contract.name, contract.passed) == ("min_events", False)


@pytest.mark.parametrize("name", [field.name for field in fields(ContractLimits)])
def test_impossible_limits_are_refused(name: str) -> None:
    for value in (-1, math.nan, *([1.5] if name.endswith("_share") else [])):
        with pytest.raises(InputError, match=f"--{name.replace('_', '-')} must be"):
            ContractLimits(**{name: value})  # type: ignore[arg-type]  # some are whole numbers


def test_a_flood_of_the_last_day_does_not_hide_behind_the_days_before(
    records: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a robot whose sessions are few among all, and many among those of the last day, which judges
    newest = max(record.arrived_at for record in records)
    robots = [
        msgspec.structs.replace(
            records[number],
            session=f"robot-{number // 3}",
            item_id=f"item-{number % 3}",
            arrived_at=newest - number * MINUTE_MS,
            occurred_at=newest - number * MINUTE_MS,
        )
        for number in range(24)
    ]
    files = written(tmp_path, records, robots)
    around = Surroundings(NOW_MS)
    assert broken(check_contracts(files, LIMITS, around)) == {}  # the day has too few sessions to tell
    monkeypatch.setattr("model_export.retraining.contracts.MIN_DAY_PATHS", 20)
    # THEN the day's share counts
    faults = broken(check_contracts(files, LIMITS, around))
    assert list(faults) == ["max_path_share"]
    assert "of the longer sessions of the last day have the same items" in faults["max_path_share"]
