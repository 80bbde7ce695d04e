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
from nextitem.connections import Broken, Connections, Link, Redirected
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
from nextitem.storeurl import StoreUrl
from nextitem.topology import Topology, exchange, topology_of

SNAPSHOTS_KEPT = 4
"""Model versions whose snapshots one session holds at most; when another comes, the old ones go."""

_STATUS: dict[str, Status] = {"a": "applied", "d": "duplicate", "l": "late"}
_ANY_KEY = ""
_HERE = Path(__file__).parent


class _Script:
    """A Lua script and its SHA-1, by which a server that has seen it knows it."""

    def __init__(self, name: str) -> None:
        self.text = (_HERE / name).read_bytes()
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest()


class ValkeyStore:
    """Sessions in Redis or Valkey, in any of its shapes.

    Args:
        url: where the server or servers are, see `storeurl`.
        timeout: seconds that one verb may take at most, connecting included.
        ttl: seconds after which an untouched session is forgotten.
        region: the AWS region, where the URL asks for IAM authentication.
    """

    def __init__(self, url: StoreUrl, *, timeout: float, ttl: float, region: str = "") -> None:
        self._topology = topology_of(url, region)
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
            answer = exchange(self._topology, key, limit, "EVALSHA", self._append.sha, 1, key, *args)
        except NoScriptError:
            answer = self._guarded(key, limit, "EVAL", self._append.text, 1, key, *args)
        letters, log, snapshot = answer
        record = decode_record(log, snapshot)
        if record is None:
            raise StoreUnavailable("the session store answered with a log that cannot be read")
        return Appended(record, tuple(_STATUS[chr(letter)] for letter in letters))

    def load(self, key: str, version: str, deadline: Deadline) -> SessionRecord:
        """See `SessionStore.load`."""
        limit = deadline.within(self._timeout)
        log, snapshot = self._guarded(key, limit, "HMGET", key, "log", _field(version))
        return decode_record(log, snapshot) or EMPTY

    def save(self, key: str, version: str, snapshot: Snapshot, deadline: Deadline) -> Saving:
        """See `SessionStore.save`."""
        field = _field(version)
        args = [key, field, snapshot.chain, encode_snapshot(snapshot), self._ttl_ms, SNAPSHOTS_KEPT]
        return _SavingToValkey(self._topology, key, deadline.within(self._timeout), self._save, args)

    def delete(self, key: str, deadline: Deadline) -> None:
        """See `SessionStore.delete`."""
        self._guarded(key, deadline.within(self._timeout), "DEL", key)

    def ping(self, deadline: Deadline) -> None:
        """See `SessionStore.ping`."""
        self._guarded(_ANY_KEY, deadline.within(self._timeout), "PING")

    def close(self) -> None:
        """Close every connection."""
        self._topology.close()

    def _guarded(self, key: str, limit: Deadline, *command: Any) -> Any:
        try:
            return exchange(self._topology, key, limit, *command)
        except NoScriptError as error:
            raise StoreUnavailable(f"the session store refused: {error}") from error


class _SavingToValkey:
    """A save that was sent and whose answer is read by `settle`."""

    def __init__(self, topology: Topology, key: str, limit: Deadline, script: _Script, args: list[Any]) -> None:
        self._topology, self._key, self._limit = topology, key, limit
        self._again = ("EVAL", script.text, 1, *args)
        self._sent: tuple[Connections, Link] | None = None
        self._fault: StoreUnavailable | None = None
        try:
            server = topology.server(key, limit)
            self._sent = server, server.send(limit, "EVALSHA", script.sha, 1, *args)
        except StoreUnavailable as error:
            self._fault = error
        except Broken:
            topology.lost(key)

    def settle(self) -> bool:
        """See `Saving.settle`."""
        if self._fault is not None:
            raise self._fault
        if self._sent is not None:
            server, link = self._sent
            try:
                return bool(server.receive(link, self._limit))
            except Broken as error:
                self._topology.lost(self._key)
                raise StoreUnavailable(str(error)) from error
            except (NoScriptError, Redirected):
                pass  # another node, or one that never saw the script: it is sent whole, wherever that leads
        return bool(exchange(self._topology, self._key, self._limit, *self._again))


def _field(version: str) -> str:
    return f"h:{version}"
