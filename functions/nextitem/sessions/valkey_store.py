"""The `SessionStore` on Redis or Valkey: one hash a session, one atomic script a request.

The hash holds `log`, `seen` (tags trimmed from the log), `shown` (the last impression), and `h:<version>`, a snapshot
for each of the last few model versions; `gone` says when a session was deleted that may have been on its way here.
Each verb has an explicit deadline, and after a broken connection one more try on a new one. A repeated append is
harmless, for the script knows the event ids.

Knows no model and no request.
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.connection import Link
from nextitem.redis_client.pool import Broken, Connections, NoScript, Redirected
from nextitem.redis_client.resp import Argument
from nextitem.redis_client.topology import Topology, exchange, topology_of
from nextitem.redis_client.url import StoreUrl
from nextitem.sessions.codec import (
    LOG_CODEC,
    decode_impression,
    decode_record,
    encode_impression,
    encode_snapshot,
    event_tag,
)
from nextitem.sessions.session import (
    EMPTY,
    SEEN_TAGS,
    TAG_BYTES,
    WINDOW,
    Appended,
    Event,
    Impression,
    Saving,
    SessionRecord,
    Snapshot,
    Status,
)

SNAPSHOTS_KEPT = 4
"""Model versions whose snapshots one session holds at most; when another comes, the old ones go."""

GONE_SECONDS = 30.0
"""How long a deletion is remembered while a move may be on its way: far longer than a verb's command can be."""
CLOCKS_AGREE_SECONDS = 1.0
"""What was read no longer than this after a deletion counts as read before it: clocks of two processes differ."""

_GONE = b"gone"
_DELETED = -1
_STATUS: dict[str, Status] = {"a": "applied", "d": "duplicate", "l": "late"}
_ANY_KEY = ""
_SHOWN = "shown"
_HERE = Path(__file__).parent / "scripts"


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
        self._adopt = _Script("move_create.lua")
        self._leave = _Script("move_delete_old.lua")
        self._whole = _Script("move_read.lua")
        self._bring = _Script("move_guard.lua")
        self._remove = _Script("delete.lua")

    def append(self, key: str, events: Sequence[Event], version: str, now: int, deadline: Deadline) -> Appended:
        """See `SessionStore.append`."""
        args: list[Argument] = [LOG_CODEC, now, self._ttl_ms, _field(version), WINDOW, SEEN_TAGS * TAG_BYTES]
        for event in events:
            at = "" if event.occurred_at is None else event.occurred_at
            args += [at, event_tag(event.event_id), event.item_id]
        limit = deadline.within(self._timeout)
        try:
            answer = exchange(self._topology, key, limit, "EVALSHA", self._append.sha, 1, key, *args)
        except NoScript:
            answer = self._guarded(key, limit, "EVAL", self._append.text, 1, key, *args)
        letters, log, snapshot, shown = answer
        record = decode_record(log, snapshot)
        if record is None:
            raise StoreUnavailable("the session store answered with a log that cannot be read")
        return Appended(record, tuple(_STATUS[chr(letter)] for letter in letters), decode_impression(shown))

    def load(self, key: str, version: str, deadline: Deadline) -> SessionRecord:
        """See `SessionStore.load`."""
        limit = deadline.within(self._timeout)
        log, snapshot = self._guarded(key, limit, "HMGET", key, "log", _field(version))
        return decode_record(log, snapshot) or EMPTY

    def save(
        self,
        key: str,
        version: str,
        snapshot: Snapshot | None,
        deadline: Deadline,
        impression: Impression | None = None,
    ) -> Saving:
        """See `SessionStore.save`."""
        args: list[Argument] = [key, self._ttl_ms, SNAPSHOTS_KEPT]
        if snapshot is not None:
            args += [_field(version), snapshot.chain, encode_snapshot(snapshot)]
        if impression is not None:
            args += [_SHOWN, impression.chain, encode_impression(impression)]
        return _SavingToValkey(self._topology, key, deadline, self._timeout, self._save, args)

    def adopt(self, old: str, key: str, deadline: Deadline) -> bool:
        """See `SessionStore.adopt`."""
        limit, read_at = deadline.within(self._timeout), int(time.time() * 1000)
        remaining, found = self._guarded(old, limit, "EVAL", self._whole.text, 1, old)
        fields = dict(zip(found[::2], found[1::2], strict=True))
        if not fields.keys() - {_GONE}:
            return False
        log = fields.get(b"log", b"")
        text = self._bring.text + self._adopt.text
        brought = self._guarded(key, limit, "EVAL", text, 1, key, remaining, *found, read_at)
        if brought == 0:
            record = decode_record(log, None) or EMPTY
            args: list[Argument] = [LOG_CODEC, 0, self._ttl_ms, _field(""), WINDOW, SEEN_TAGS * TAG_BYTES]
            for entry in record.log:
                args += [entry.at, entry.tag, entry.item_id]
            text = self._bring.text + self._append.text
            brought = self._guarded(key, limit, "EVAL", text, 1, key, *args, read_at)
        if brought == _DELETED:
            return False
        self._guarded(old, limit, "EVAL", self._leave.text, 1, old, log)
        return True

    def delete(self, key: str, deadline: Deadline, old: str | None = None) -> None:
        """See `SessionStore.delete`."""
        limit = deadline.within(self._timeout)
        if old is None:
            self._guarded(key, limit, "DEL", key)
            return
        self._guarded(old, limit, "DEL", old)
        gone_at = int((time.time() + CLOCKS_AGREE_SECONDS) * 1000)
        self._guarded(key, limit, "EVAL", self._remove.text, 1, key, gone_at, int(GONE_SECONDS * 1000))

    def ping(self, deadline: Deadline) -> None:
        """See `SessionStore.ping`."""
        self._guarded(_ANY_KEY, deadline.within(self._timeout), "PING")

    def prepare(self, deadline: Deadline) -> None:
        """Connect, log in and let the server learn the script of most requests, before the first of them comes.

        Raises:
            StoreUnavailable: it could not be done within the deadline; requests connect by themselves then.
        """
        self._guarded(_ANY_KEY, deadline, "SCRIPT", "LOAD", self._append.text)

    def close(self) -> None:
        """Close every connection."""
        self._topology.close()

    def _guarded(self, key: str, limit: Deadline, *command: Argument) -> Any:
        try:
            return exchange(self._topology, key, limit, *command)
        except NoScript as error:
            raise StoreUnavailable(f"the session store refused: {error}") from error


class _SavingToValkey:
    """A save that was sent and whose answer is read by `settle`."""

    def __init__(
        self, topology: Topology, key: str, deadline: Deadline, timeout: float, script: _Script, args: list[Argument]
    ) -> None:
        self._topology, self._key, self._timeout = topology, key, timeout
        limit = deadline.within(timeout)
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

    def due(self) -> bool:
        """See `Saving.due`."""
        return self._sent is None or self._sent[1].has_reply()

    def settle(self, deadline: Deadline) -> bool:
        """See `Saving.settle`."""
        if self._fault is not None:
            raise self._fault
        limit = deadline.within(self._timeout)
        if self._sent is not None:
            server, link = self._sent
            try:
                return bool(server.receive(link, limit))
            except Broken as error:
                self._topology.lost(self._key)
                raise StoreUnavailable(str(error)) from error
            except (NoScript, Redirected):
                pass  # another node, or one that never saw the script: it is sent whole, wherever that leads
        return bool(exchange(self._topology, self._key, limit, *self._again))


def _field(version: str) -> str:
    return f"h:{version}"
