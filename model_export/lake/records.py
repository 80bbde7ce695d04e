"""Parse entries of the streams (`nextitem.sessions.event_stream`) into records of the lake, and name its files."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from nextitem.event_types import VIEW
from nextitem.sessions.session import CHALLENGER_TEAM, CHAMPION_TEAM, NO_TEAM

EVENTS = "lake/"
DELETIONS = "lake-deletions/"
"""Prefixes of files of events and of deletions."""
HOUR_MS = 3_600_000
IDLE_MS = HOUR_MS // 2
"""A session has ended after so long without an event, unless a shop says otherwise."""
MAX_TIME = 253_402_300_799_999
"""The last millisecond of the year 9999."""

Team = Literal["champion", "challenger"]
_TEAMS: Mapping[str, Team | None] = {CHAMPION_TEAM: "champion", CHALLENGER_TEAM: "challenger", NO_TEAM: None, "": None}

Entry = tuple[str, Mapping[bytes, bytes]]
"""Id and fields of a stream's entry."""


class Record(msgspec.Struct, frozen=True):
    """An event in the lake; a column for each attribute. The last ones judge the answer before it, if there is one.

    Attributes:
        session: the session's pseudonym.
        event: the event's tag, in hex.
        item_id: its item.
        type: what the visitor did with it.
        occurred_at: epoch milliseconds, as in the session's log. Sorted by this and `entry`, events have its order.
        arrived_at: epoch milliseconds of the store's clock.
        entry: id of the stream's entry.
        late: whether the session had newer events already.
        version: the model version that answered the event.
        variant: its variant on the route.
        rank: of the item in the answer before it, from 1; 0 if that did not hold it; None if the event judges none.
        clicked: whether the event names that answer and its item.
        judged_version: the version of that answer; None without one.
        judged_variant: its variant.
        placement: its placement.
        team: who drafted the item in that answer, `champion` or `challenger`; None unless it was interleaved and held
            the item, at a place that a team drafted.
    """

    session: str
    event: str
    item_id: str
    type: str
    occurred_at: int
    arrived_at: int
    entry: str
    late: bool
    version: str
    variant: str
    rank: int | None = None
    clicked: bool = False
    judged_version: str | None = None
    judged_variant: str | None = None
    placement: str | None = None
    team: Team | None = None


class Deletion(msgspec.Struct, frozen=True):
    """A session that was deleted, and when, in epoch milliseconds of the store's clock."""

    session: str
    deleted_at: int


class UnreadableEntry(ValueError):
    """An entry that this version of the code did not write."""


def time_of(entry_id: str) -> int:
    """Return when an entry was added, in epoch milliseconds."""
    return int(entry_id.partition("-")[0])


def parse_tombstone(entry: Entry) -> Deletion:
    """Parse an entry of the tombstones.

    Raises:
        UnreadableEntry: it has no known form.
    """
    entry_id, fields = entry
    try:
        return Deletion(fields[b"s"].decode(), time_of(entry_id))
    except (KeyError, UnicodeDecodeError) as error:
        raise UnreadableEntry(f"tombstone {entry_id} cannot be read: {type(error).__name__}") from None


def parse_entry(entry: Entry) -> Record:
    """Parse an entry of a stream.

    Raises:
        UnreadableEntry: it has no known form.
    """
    entry_id, fields = entry
    try:
        session, version, variant = msgspec.msgpack.decode(fields[b"c"], type=tuple[str, str, str])
        status = fields[b"s"]
        if status not in {b"a", b"l"}:
            raise UnreadableEntry(f"entry {entry_id} has an unknown status")
        action, rank = fields[b"a"], fields[b"r"]
        item_at = 1 + action[0]
        occurred_at = int(fields[b"t"])
        if not 0 <= occurred_at <= MAX_TIME:
            raise UnreadableEntry(f"entry {entry_id} has an impossible time")
        return Record(
            session=session,
            event=fields[b"e"].hex(),
            item_id=action[item_at:].decode(),
            type=action[1:item_at].decode() or VIEW,
            occurred_at=occurred_at,
            arrived_at=time_of(entry_id),
            entry=entry_id,
            late=status == b"l",
            version=version,
            variant=variant,
            rank=int(rank) if rank else None,
            clicked=fields[b"k"] == b"1",
            judged_version=fields[b"v"].decode() or None,
            judged_variant=fields[b"w"].decode() or None,
            placement=fields[b"p"].decode() or None,
            team=_TEAMS[fields[b"g"].decode()],
        )
    except (KeyError, IndexError, ValueError, msgspec.DecodeError) as error:
        raise UnreadableEntry(f"entry {entry_id} cannot be read: {type(error).__name__}") from None


def same_hour(begun: str, entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries that were added in the hour of an entry: a file has one hour."""
    hour = time_of(begun) // HOUR_MS
    return [entry for entry in entries if time_of(entry[0]) // HOUR_MS == hour]


def file_name(prefix: str, bucket: int, begun: str, suffix: str) -> str:
    """Return the key of the file whose first entry has an id. A second writer of these entries finds the key taken."""
    at = datetime.fromtimestamp(time_of(begun) // 1000, UTC)
    return f"{prefix}date={at:%Y-%m-%d}/hour={at:%H}/b{bucket:04d}-{begun}.{suffix}"


def written_at(key: str) -> int | None:
    """Return the time in the name of a file, in epoch milliseconds; None if the file is not one of the lake's."""
    found = re.match(r"b\d{4}-(\d+)-", key.rpartition("/")[2])
    return None if found is None else int(found[1])


def date_of(key: str) -> str:
    """Return the date in a file's key, as YYYY-MM-DD; empty if the file is not one of the lake's."""
    _, found, rest = key.partition("/date=")
    return rest[:10] if found else ""


def folder_of(key: str) -> str:
    """Return the folder of a file, with a slash at its end."""
    return f"{key.rpartition('/')[0]}/"


def hour_end(folder: str) -> int | None:
    """Return when the hour of a folder of files ends, in epoch milliseconds; None if it is not a folder of the lake."""
    try:
        begin = datetime.strptime(folder, f"{EVENTS}date=%Y-%m-%d/hour=%H/").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(begin.timestamp()) * 1000 + HOUR_MS


def is_source(key: str) -> bool:
    """Return whether a key is that of a file of events that the collector writes."""
    return re.fullmatch(r"b\d{4}-\d+-\d+\.parquet", key.rpartition("/")[2]) is not None
