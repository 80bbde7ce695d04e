"""Lakes of simulated sessions."""

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from model_export.lake.parquet import Contents, encode_file
from model_export.lake.records import EVENTS, HOUR_MS, Record, file_name
from model_export.simulator import Shop
from model_export.simulator.clock import DAY, START
from nextitem.aws.object_store import ObjectStore

DAYS = 5
NOW = datetime.fromtimestamp(START + DAYS * DAY, UTC)
"""The end of the period of all sessions."""


def records_of(shop: Shop, sessions: int, seed: int = 1, start: float = START) -> list[Record]:
    """Return the views of simulated sessions of five days, each arriving 40 ms after it occurred."""
    records: list[Record] = []
    for session in shop.sessions(sessions, seed=seed, start=start, days=DAYS):
        for item, seconds in zip(session.item_ids, session.times, strict=True):
            occurred = int(seconds * 1000)
            records.append(_record(session.session_id, item, occurred, occurred + 40, len(records)))
    return records


def shuffled(records: Sequence[Record], seed: int = 3) -> list[Record]:
    """Return the records with all items in other places: their counts stay, their order means nothing."""
    items = [record.item_id for record in records]
    random.Random(seed).shuffle(items)
    return [msgspec.structs.replace(record, item_id=item) for record, item in zip(records, items, strict=True)]


def fill(bucket: ObjectStore, records: Iterable[Record], hours: int = 24) -> None:
    """Write records as the collector does, but a file for several hours: fewer files take less time."""
    files: dict[int, list[Record]] = {}
    for record in records:
        files.setdefault(record.arrived_at // (hours * HOUR_MS), []).append(record)
    for part in files.values():
        part.sort(key=lambda record: record.arrived_at)
        key = file_name(EVENTS, 0, f"{part[0].arrived_at}-0", "parquet")
        assert bucket.create(key, encode_file(part, Contents(len(part), part[-1].entry)))


def changed(records: Iterable[Record], change: Callable[[Record], dict[str, object]]) -> list[Record]:
    """Return records with other attributes."""
    return [msgspec.structs.replace(record, **change(record)) for record in records]


def _record(session: str, item: str, occurred: int, arrived: int, number: int) -> Record:
    return Record(
        session=session,
        event=f"{number:032x}",
        item_id=item,
        type="view",
        occurred_at=occurred,
        arrived_at=arrived,
        entry=f"{arrived}-{number}",
        late=False,
        version="v0123456789abcdef",
        variant="main",
    )
