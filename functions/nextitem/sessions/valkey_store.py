"""The `SessionStore` on Redis or Valkey: one hash per session, one atomic script per request.

The hash holds `log`, `seen` (tags of events trimmed from the log), `shown` (the last impression), and `h:<version>`, a
snapshot for each of the last few model versions. `gone` says when a session was deleted that might be moving here.
Each method ends at its deadline. After a broken connection it tries a new one once: repeating an append is harmless,
because the script knows the ids of the events.
"""

import contextlib
import importlib
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.command import execute
from nextitem.redis_client.outcomes import NoScript
from nextitem.redis_client.reply_shapes import one_of, optional_bytes
from nextitem.redis_client.topology import topology_of
from nextitem.redis_client.url import Address, StoreUrl
from nextitem.sessions.codec import (
    IMPRESSION_CODEC,
    LOG_CODEC,
    decode_record,
    encode_action,
    encode_impression,
    encode_snapshot,
    event_tags,
)
from nextitem.sessions.event_stream import STREAM_ENTRIES, TOMBSTONES, encode_source, stream_of, tombstones_of
from nextitem.sessions.script import PendingScript, Script
from nextitem.sessions.script_replies import DELETED, parse_appended, parse_fields, parse_joined
from nextitem.sessions.session import (
    EMPTY,
    SEEN_TAGS,
    TAG_BYTES,
    WINDOW,
    Answerer,
    Appended,
    Event,
    Impression,
    PendingSave,
    SessionKey,
    SessionRecord,
    Snapshot,
)
from nextitem.sessions.valkey_trends import ValkeyTrends

SNAPSHOTS_KEPT = 4
"""Maximum number of model versions whose snapshots a session holds; the oldest are evicted."""

GONE_SECONDS = 30.0
"""Time that a deletion is remembered for moves under way; far longer than a move can take."""
CLOCKS_AGREE_SECONDS = 1.0
"""A move that read the session up to this long after its deletion counts as earlier: clocks of processes differ."""

_Argument = bytes | str | int
_Reply = TypeVar("_Reply")

_GONE = b"gone"
_EXISTS = 0
_ANY_KEY = ""
_SHOWN = "shown"


class ValkeyStore:
    """Sessions in Redis or Valkey, in any of its shapes.

    Args:
        url: where the server or servers are.
        timeout: maximum seconds for one method.
        ttl: seconds after which a session without new events is forgotten.
        region: the AWS region, where the URL asks for IAM authentication.
        connect_timeout: maximum seconds for a method that has to connect first, such as the first one after idle time;
            it also takes the deadline's reserve. None for `timeout`.
    """

    def __init__(
        self, url: StoreUrl, *, timeout: float, ttl: float, region: str = "", connect_timeout: float | None = None
    ) -> None:
        self._connect_timeout = timeout if connect_timeout is None else connect_timeout
        self._topology = topology_of(url, region, self._connect_timeout)
        self._url = url
        self._timeout = timeout
        self._ttl_ms = int(ttl * 1000)
        self._append = Script("append.lua")
        self._save = Script("save.lua")
        self._move_create = Script("move_create.lua")
        self._move_delete_old = Script("move_delete_old.lua")
        self._move_read = Script("move_read.lua")
        self._move_guard = Script("move_guard.lua")
        self._delete = Script("delete.lua")

    def server_of(self, key: str) -> Address | None:
        """Return the server that most likely has a key; None if none is known yet."""
        return self._topology.server_of(key)

    def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        version: str,
        now: int,
        deadline: Deadline,
        answerer: Answerer | None = None,
    ) -> Appended:
        """See `SessionStore.append`."""
        args: list[_Argument] = [LOG_CODEC, now, self._ttl_ms, _field(version), WINDOW, SEEN_TAGS * TAG_BYTES]
        for event in events:
            at = "" if event.occurred_at is None else event.occurred_at
            args += [at, event_tags(key, event.event_id), encode_action(event.item_id, event.type)]
            if key.pseudonym is not None:
                args.append(event.recommendation_id or "")
        limit, parse = self._limit(deadline, key), parse_appended(len(events))
        keys: list[_Argument] = [1, key]
        if key.pseudonym is not None:
            keys = [2, key, stream_of(key)]
            args += [IMPRESSION_CODEC, STREAM_ENTRIES, encode_source(key.pseudonym, answerer)]
        try:
            return self._execute(key, limit, parse, "EVALSHA", self._append.sha, *keys, *args)
        except NoScript:
            # `save` first: a server that knows `append` then knows `save`, too; only the next request reads its reply.
            with contextlib.suppress(StoreUnavailable):
                self._load(self._save, key, limit)
            return self._execute(key, limit, parse, "EVAL", self._append.text, *keys, *args)

    def load(self, key: str, version: str, deadline: Deadline) -> SessionRecord:
        """See `SessionStore.load`."""
        limit = self._limit(deadline, key)
        log, snapshot = self._execute(key, limit, optional_bytes(2), "HMGET", key, "log", _field(version))
        return decode_record(log, snapshot) or EMPTY

    def save(
        self,
        key: str,
        version: str,
        snapshot: Snapshot | None,
        deadline: Deadline,
        impression: Impression | None = None,
    ) -> PendingSave:
        """See `SessionStore.save`."""
        args: list[_Argument] = [self._ttl_ms, SNAPSHOTS_KEPT]
        if snapshot is not None:
            args += [_field(version), snapshot.chain, encode_snapshot(snapshot)]
        if impression is not None:
            args += [_SHOWN, impression.chain, encode_impression(impression)]
        limit = self._limit(deadline, key)
        return PendingScript(self._topology, limit, self._timeout, self._save, [key], args)

    def move(self, old: str, key: str, deadline: Deadline) -> bool:
        """See `SessionStore.move`."""
        limit, read_at = self._limit(deadline, old, key), int(time.time() * 1000)
        ttl, fields = self._execute(old, limit, parse_fields, "EVAL", self._move_read.text, 1, old)
        if not fields.keys() - {_GONE}:
            return False
        ttl = self._ttl_ms if ttl < 0 else max(ttl, 1)  # without one, or with 0, the new key would be deleted at once
        pairs = [part for pair in fields.items() for part in pair]
        text, parse = self._move_guard.text + self._move_create.text, one_of(DELETED, 0, 1)
        outcome = self._execute(key, limit, parse, "EVAL", text, 1, key, ttl, *pairs, read_at)
        log = fields.get(b"log", b"")
        if outcome == DELETED or (outcome == _EXISTS and not self._join(key, log, read_at, limit)):
            return False
        self._execute(old, limit, one_of(0, 1), "EVAL", self._move_delete_old.text, 1, old, log)
        return True

    def delete(self, key: SessionKey, deadline: Deadline, old: str | None = None) -> None:
        """See `SessionStore.delete`."""
        limit, deleted = self._limit(deadline, key, old or key), one_of(0, 1)
        if old is None and key.pseudonym is None:
            self._execute(key, limit, deleted, "DEL", key)
            return
        keys: list[_Argument] = [1, key]
        args: list[_Argument] = ["", int(GONE_SECONDS * 1000)]
        if key.pseudonym is not None:
            keys = [2, key, tombstones_of(key)]
            args += [TOMBSTONES, key.pseudonym]
        if old is not None:
            args[0] = int((time.time() + CLOCKS_AGREE_SECONDS) * 1000)
        # First what the server may refuse: then nothing is deleted.
        self._execute(key, limit, one_of(1), "EVAL", self._delete.text, *keys, *args)
        if old is not None:
            self._execute(old, limit, deleted, "DEL", old)

    def ping(self, deadline: Deadline) -> None:
        """See `SessionStore.ping`."""
        self._execute(_ANY_KEY, self._limit(deadline, _ANY_KEY), one_of(b"PONG"), "PING")

    def trends(self, name: str, half_life: float) -> ValkeyTrends:
        """Return the counts of trending items that live on the same servers; see `ValkeyTrends`."""
        return ValkeyTrends(self._topology, self._limit, self._timeout, name, half_life)

    def load_client(self) -> None:
        """Import redis-py and read the certificates to trust, so that no request waits for it: some 30 and 20 ms."""
        from nextitem.redis_client.connection import tls_context

        if self._url.shape == "sentinel":
            importlib.import_module("nextitem.redis_client.sentinel")  # all of redis-py
        if self._url.tls:
            tls_context(self._url.ca_file)

    def prepare(self, deadline: Deadline) -> None:
        """Connect, log in and load the scripts of most requests into the server, before the first request comes.

        Raises:
            StoreUnavailable: it could not be done within the deadline. Requests then connect by themselves.
        """
        self._load(self._save, _ANY_KEY, deadline)
        self._load(self._append, _ANY_KEY, deadline)

    def close(self) -> None:
        """Close every connection."""
        self._topology.close()

    def _limit(self, deadline: Deadline, *keys: str) -> Deadline:
        """Return when a method about some keys ends."""
        if all(map(self._topology.is_ready, keys)):
            return deadline.within(self._timeout)
        deadline.use_reserve()  # TCP, TLS and the login by a token take several round trips
        return deadline.within(self._connect_timeout)

    def _load(self, script: Script, key: str, limit: Deadline) -> None:
        self._execute(key, limit, one_of(script.sha.encode()), "SCRIPT", "LOAD", script.text)

    def _join(self, key: str, log: bytes, read_at: int, limit: Deadline) -> bool:
        """Append the events of another session's log; return False if this session was deleted meanwhile."""
        record = decode_record(log, None) or EMPTY
        if not record.log:
            return True
        args: list[_Argument] = [LOG_CODEC, 0, self._ttl_ms, _field(""), WINDOW, SEEN_TAGS * TAG_BYTES]
        for entry in record.log:
            args += [entry.at, entry.tag, encode_action(entry.item_id, entry.type)]
        text, parse = self._move_guard.text + self._append.text, parse_joined(len(record.log))
        return self._execute(key, limit, parse, "EVAL", text, 1, key, *args, read_at) is not None

    def _execute(self, key: str, limit: Deadline, parse: Callable[[Any], _Reply], *command: _Argument) -> _Reply:
        return execute(self._topology, key, limit, parse, *command)


def _field(version: str) -> str:
    return f"h:{version}"
