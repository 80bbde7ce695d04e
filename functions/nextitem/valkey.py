"""The `SessionStore` on Redis or Valkey: one hash a session, one atomic script a request.

The hash holds `log` and `seen` (tags trimmed from the log), and `h:<version>`, a snapshot for each of the last few
model versions. redis-py's own deadlines and retries are not relied on: each verb has an explicit deadline, and
after a broken connection one more try on a new one. A repeated append is harmless, for the script knows the event ids.

Knows no model and no request.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.exceptions import NoScriptError

from nextitem.codec import CODEC, decode_record, encode_snapshot, event_tag
from nextitem.connections import Broken, Connections, Link
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.session import (
    EMPTY,
    SEEN_TAGS,
    TAG_BYTES,
    WINDOW,
    Appended,
    Event,
    Saving,
    SessionRecord,
    Snapshot,
    Status,
)

SNAPSHOTS_KEPT = 4
"""Model versions whose snapshots one session holds at most; when another comes, the old ones go."""

_STATUS: dict[str, Status] = {"a": "applied", "d": "duplicate", "l": "late"}
_HERE = Path(__file__).parent


class _Script:
    """A Lua script and its SHA-1, by which a server that has seen it knows it."""

    def __init__(self, name: str) -> None:
        self.text = (_HERE / name).read_bytes()
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest()


class ValkeyStore:
    """Sessions in one Redis or Valkey server.

    Args:
        url: ``redis://[user:password@]host:port/db``, ``rediss://`` for TLS.
        timeout: seconds that one verb may take at most, connecting included.
        ttl: seconds after which an untouched session is forgotten.
    """

    def __init__(self, url: str, *, timeout: float, ttl: float) -> None:
        self._connections = Connections(url)
        self._timeout = timeout
        self._ttl_ms = int(ttl * 1000)
        self._append = _Script("append.lua")
        self._save = _Script("save.lua")

    def append(self, key: str, events: Sequence[Event], version: str, now: int, deadline: Deadline) -> Appended:
        """See `SessionStore.append`."""
        args: list[bytes | str | int] = [CODEC, now, self._ttl_ms, _field(version), WINDOW]
        args.append(SEEN_TAGS * TAG_BYTES)
        for event in events:
            at = "" if event.occurred_at is None else event.occurred_at
            args += [at, event_tag(event.event_id), event.item_id.encode()]
        limit = deadline.within(self._timeout)
        try:
            answer = self._connections.exchange(limit, "EVALSHA", self._append.sha, 1, key, *args)
        except NoScriptError:
            answer = self._guarded(limit, "EVAL", self._append.text, 1, key, *args)
        letters, log, snapshot = answer
        record = decode_record(log, snapshot)
        if record is None:
            raise StoreUnavailable("the session store answered with a log that cannot be read")
        return Appended(record, tuple(_STATUS[chr(letter)] for letter in letters))

    def load(self, key: str, version: str, deadline: Deadline) -> SessionRecord:
        """See `SessionStore.load`."""
        limit = deadline.within(self._timeout)
        log, snapshot = self._guarded(limit, "HMGET", key, "log", _field(version))
        return decode_record(log, snapshot) or EMPTY

    def save(self, key: str, version: str, snapshot: Snapshot, deadline: Deadline) -> Saving:
        """See `SessionStore.save`."""
        field = _field(version)
        args = [key, field, snapshot.chain, encode_snapshot(snapshot), self._ttl_ms, SNAPSHOTS_KEPT]
        return _SavingToValkey(self._connections, deadline.within(self._timeout), self._save, args)

    def delete(self, key: str, deadline: Deadline) -> None:
        """See `SessionStore.delete`."""
        self._guarded(deadline.within(self._timeout), "DEL", key)

    def ping(self, deadline: Deadline) -> None:
        """See `SessionStore.ping`."""
        self._guarded(deadline.within(self._timeout), "PING")

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()

    def _guarded(self, limit: Deadline, *command: Any) -> Any:
        try:
            return self._connections.exchange(limit, *command)
        except NoScriptError as error:
            raise StoreUnavailable(f"the session store refused: {error}") from error


class _SavingToValkey:
    """A save that was sent and whose answer is read by `settle`."""

    def __init__(self, connections: Connections, limit: Deadline, script: _Script, args: list[Any]) -> None:
        self._connections, self._limit, self._script, self._args = connections, limit, script, args
        self._link: Link | None = None
        self._fault: Exception | None = None
        try:
            self._link = connections.send(limit, "EVALSHA", script.sha, 1, *args)
        except (StoreUnavailable, Broken) as error:
            self._fault = error

    def settle(self) -> bool:
        """See `Saving.settle`."""
        try:
            if self._link is None:
                raise StoreUnavailable(str(self._fault))
            try:
                return bool(self._connections.receive(self._link, self._limit))
            except NoScriptError:
                again = self._connections.send(self._limit, "EVAL", self._script.text, 1, *self._args)
                return bool(self._connections.receive(again, self._limit))
        except Broken as error:
            raise StoreUnavailable(str(error)) from error


def _field(version: str) -> str:
    return f"h:{version}"
