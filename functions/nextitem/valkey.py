"""The `SessionStore` on Redis or Valkey: one hash a session, one atomic script a request.

The hash holds `log` and `seen` (tags trimmed from the log), and `h:<version>`, a snapshot for each of the last few
model versions. redis-py's own deadlines and retries are not relied on: each verb has an explicit deadline, and
after a broken connection one more try on a new one. A repeated append is harmless, for the script knows the event ids.

Knows no model and no request.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from nextitem.codec import CODEC, decode_record, encode_snapshot, event_tag
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


class _Connection(Protocol):
    """What is used of redis-py's connection, which it leaves half untyped."""

    def send_command(self, *args: Any) -> None: ...
    def read_response(self, *, timeout: float) -> Any: ...
    def disconnect(self) -> None: ...


class _Pool(Protocol):
    def get_connection(self) -> _Connection: ...
    def release(self, connection: _Connection) -> None: ...
    def disconnect(self, inuse_connections: bool = ...) -> None: ...


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
        pool = ConnectionPool.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            protocol=2,  # no HELLO on connecting: one round trip less
            driver_info=None,  # nor CLIENT SETINFO: two less
        )
        self._pool = cast("_Pool", pool)
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
            answer = self._exchange(limit, "EVALSHA", self._append.sha, 1, key, *args)
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
        return _SavingToValkey(self, deadline.within(self._timeout), self._save, args)

    def delete(self, key: str, deadline: Deadline) -> None:
        """See `SessionStore.delete`."""
        self._guarded(deadline.within(self._timeout), "DEL", key)

    def ping(self, deadline: Deadline) -> None:
        """See `SessionStore.ping`."""
        self._guarded(deadline.within(self._timeout), "PING")

    def close(self) -> None:
        """Close every connection."""
        self._pool.disconnect()

    def _guarded(self, limit: Deadline, *command: Any) -> Any:
        try:
            return self._exchange(limit, *command)
        except NoScriptError as error:
            raise StoreUnavailable(f"the session store refused: {error}") from error

    def _exchange(self, limit: Deadline, *command: Any) -> Any:
        """Send a command and return the answer; on a broken connection, once more on a new one."""
        try:
            return self.receive(self.send(limit, *command), limit)
        except _Broken:
            try:
                return self.receive(self.send(limit, *command), limit)
            except _Broken as error:
                raise StoreUnavailable(str(error)) from error

    def send(self, limit: Deadline, *command: Any) -> _Connection:
        """Send a command; pass the connection on to `receive`."""
        if not limit.remaining():
            raise StoreUnavailable("no time was left to ask the session store")
        connection = None
        try:
            connection = self._pool.get_connection()
            connection.send_command(*command)
        except RedisTimeoutError as error:
            self._discard(connection)
            raise StoreUnavailable(f"the session store took no command in time: {error}") from error
        except RedisConnectionError as error:
            self._discard(connection)
            raise _Broken(f"the session store cannot be reached: {error}") from error
        except RedisError as error:  # while connecting: no such database, a password that is not asked for
            self._discard(connection)
            raise StoreUnavailable(f"the session store refused the connection: {error}") from error
        return connection

    def receive(self, connection: _Connection, limit: Deadline) -> Any:
        """Return the answer to what was sent on a connection, which goes back to the pool."""
        keep = False
        try:
            remaining = limit.remaining()
            if not remaining:
                raise StoreUnavailable("the session store's answer was not awaited: no time left")
            answer = connection.read_response(timeout=remaining)
            keep = True
        except RedisTimeoutError as error:
            raise StoreUnavailable(f"the session store did not answer in time: {error}") from error
        except RedisConnectionError as error:
            raise _Broken(f"the session store hung up: {error}") from error
        except NoScriptError:
            keep = True
            raise
        except ReadOnlyError as error:
            # After a failover every pooled connection may lead to what is now a replica.
            self._pool.disconnect(inuse_connections=False)
            raise _Broken(f"the session store's primary has moved: {error}") from error
        except RedisError as error:
            raise StoreUnavailable(f"the session store refused: {error}") from error
        else:
            return answer
        finally:
            if keep:
                self._pool.release(connection)
            else:
                self._discard(connection)

    def _discard(self, connection: _Connection | None) -> None:
        if connection is not None:
            connection.disconnect()
            self._pool.release(connection)


class _Broken(Exception):
    """A connection broke; the command may or may not have been carried out."""


class _SavingToValkey:
    """A save that was sent and whose answer is read by `settle`."""

    def __init__(self, store: ValkeyStore, limit: Deadline, script: _Script, args: list[Any]) -> None:
        self._store, self._limit, self._script, self._args = store, limit, script, args
        self._connection: _Connection | None = None
        self._fault: Exception | None = None
        try:
            self._connection = store.send(limit, "EVALSHA", script.sha, 1, *args)
        except (StoreUnavailable, _Broken) as error:
            self._fault = error

    def settle(self) -> bool:
        """See `Saving.settle`."""
        try:
            if self._connection is None:
                raise StoreUnavailable(str(self._fault))
            try:
                return bool(self._store.receive(self._connection, self._limit))
            except NoScriptError:
                again = self._store.send(self._limit, "EVAL", self._script.text, 1, *self._args)
                return bool(self._store.receive(again, self._limit))
        except _Broken as error:
            raise StoreUnavailable(str(error)) from error


def _field(version: str) -> str:
    return f"h:{version}"
