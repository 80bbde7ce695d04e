"""Read a session from the store for people: its log, its snapshots and its impression."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import redis

from nextitem.event_types import VIEW
from nextitem.hidden_state import HiddenState
from nextitem.sessions.codec import Unreadable, decode_impression, decode_log, decode_snapshot
from nextitem.sessions.keys import SessionName

READ_SECONDS = 1.0
"""Maximum wait for the store; the console says so where it is down."""
_SNAPSHOT = b"h:"


@dataclass(frozen=True)
class StoredEvent:
    """An event in the log: its item, its time in epoch milliseconds, and its type."""

    item_id: str
    at: int
    type: str = VIEW


@dataclass(frozen=True)
class StoredSnapshot:
    """A stored hidden state of one model version.

    Attributes:
        version: the model version.
        events: the number of events of the log that it includes; None if the log has changed before its end.
        hidden: the hidden state.
    """

    version: str
    events: int | None
    hidden: HiddenState


@dataclass(frozen=True)
class StoredImpression:
    """The items that were last recommended: by which version, after how many events of the log."""

    recommendation_id: str
    version: str
    variant: str
    events: int | None
    item_ids: tuple[str, ...]


@dataclass(frozen=True)
class StoredSession:
    """A session as the store has it.

    Attributes:
        length: the number of distinct events, including those trimmed from the log.
        seconds_left: until the store forgets it, if no event follows.
        events: the log, oldest first.
    """

    length: int
    seconds_left: int
    events: tuple[StoredEvent, ...]
    snapshots: tuple[StoredSnapshot, ...]
    impression: StoredImpression | None


def read_session(store_url: str, name: SessionName, secret: bytes) -> StoredSession:
    """Return a session; it has no events if the store does not have it.

    Args:
        store_url: ``redis://host:port/0``.
        name: of the session.
        secret: the deployment's key secret.

    Raises:
        redis.RedisError: the store does not answer.
        Unreadable: the log is damaged.
    """
    key = name.key(secret)
    client = redis.Redis.from_url(store_url, socket_timeout=READ_SECONDS, socket_connect_timeout=READ_SECONDS)
    with client as store:
        fields: Any = store.hgetall(key)
        seconds_left: Any = store.ttl(key)
    if b"log" not in fields:
        return StoredSession(0, 0, (), (), None)
    length, log = decode_log(fields[b"log"])
    place_of = {entry.chain: place for place, entry in enumerate(log, start=1)}
    impression = decode_impression(fields.get(b"shown"))
    return StoredSession(
        length=length,
        seconds_left=int(seconds_left),
        events=tuple(StoredEvent(entry.item_id, entry.at, entry.type) for entry in log),
        snapshots=_snapshots(fields, place_of),
        impression=None
        if impression is None
        else StoredImpression(
            impression.recommendation_id,
            impression.version,
            impression.variant,
            place_of.get(impression.chain),
            impression.item_ids,
        ),
    )


def _snapshots(fields: dict[bytes, bytes], place_of: dict[bytes, int]) -> tuple[StoredSnapshot, ...]:
    snapshots = []
    for field, data in sorted(fields.items()):
        if field.startswith(_SNAPSHOT):
            try:
                snapshot = decode_snapshot(data)
            except Unreadable:  # the service ignores it as well, and replays the log
                continue
            version = field.removeprefix(_SNAPSHOT).decode()
            snapshots.append(StoredSnapshot(version, place_of.get(snapshot.chain), np.asarray(snapshot.hidden)))
    return tuple(snapshots)
