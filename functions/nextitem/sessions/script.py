"""Lua scripts of the store, and scripts whose reply is read later."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.command import RECONNECTS, execute, report_failure
from nextitem.redis_client.outcomes import Broken, NoScript, Redirected
from nextitem.redis_client.pool import Pool
from nextitem.redis_client.reply_shapes import one_of
from nextitem.redis_client.topology import Topology

if TYPE_CHECKING:
    from nextitem.redis_client.connection import Connection

_FOLDER = Path(__file__).parent / "scripts"


class Script:
    """A Lua script and its SHA-1, by which a server that has seen it knows it."""

    def __init__(self, name: str) -> None:
        self.text = (_FOLDER / name).read_bytes()
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest()


class PendingScript:
    """A `PendingSave`: a script that was sent, and whose reply, 0 or 1, is read by `result`.

    Args:
        topology: knows the server of the keys.
        limit: when to give up sending.
        timeout: maximum seconds for the reply.
        script: the script.
        keys: all on one server.
        args: its other arguments.
        reconnects: see `command.RECONNECTS`; 0 for a script that must not be executed twice.
    """

    def __init__(
        self,
        topology: Topology,
        limit: Deadline,
        timeout: float,
        script: Script,
        keys: Sequence[str],
        args: Sequence[bytes | str | int],
        reconnects: int = RECONNECTS,
    ) -> None:
        key = keys[0]
        self._topology, self._key, self._timeout = topology, key, timeout
        self._reconnects = reconnects
        self._eval = ("EVAL", script.text, len(keys), *keys, *args)
        self._sent: tuple[Pool, Connection] | None = None
        self._error: StoreUnavailable | None = None
        pool = None
        try:
            pool = topology.pool_of(key, limit)
            self._sent = pool, pool.send(limit, "EVALSHA", script.sha, len(keys), *keys, *args)
        except StoreUnavailable as error:
            self._error = report_failure(topology, key, pool, error)
        except Broken as error:
            report_failure(topology, key, pool, error)

    def done(self) -> bool:
        """See `PendingSave.done`."""
        return self._sent is None or self._sent[1].has_reply()

    def result(self, deadline: Deadline) -> bool:
        """See `PendingSave.result`."""
        if self._error is not None:
            raise self._error
        limit, parse = deadline.within(self._timeout), one_of(0, 1)
        if self._sent is not None:
            pool, connection = self._sent
            try:
                return bool(pool.receive(connection, limit, parse))
            except (StoreUnavailable, Broken) as error:
                raise report_failure(self._topology, self._key, pool, error) from None
            except (NoScript, Redirected):
                pass  # another node has the key, or this one lacks the script: send the whole of it
        return bool(execute(self._topology, self._key, limit, parse, *self._eval, reconnects=self._reconnects))
