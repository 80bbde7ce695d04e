"""The `Trends` on Redis or Valkey: a sorted set of the whole catalogue and one of each group, counted by `count.lua`.

All sets of a deployment are in one slot of a Cluster, so that one command counts an event everywhere.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from nextitem.deadline import Deadline
from nextitem.redis_client.command import execute
from nextitem.redis_client.outcomes import UnexpectedReply
from nextitem.redis_client.topology import Topology
from nextitem.sessions.script import PendingScript, Script
from nextitem.sessions.trends import CAPACITY, Count, Trend

_MAX_EXPONENT = 1000.0
"""A float holds 2 to this power; a damaged score may be above."""
KEPT_HALF_LIVES = 16
"""A set without new events for so long is deleted: its counts are below 1/65,536 of what they were."""


class ValkeyTrends:
    """Counts on the servers of a session store.

    Args:
        topology: knows the servers.
        limit: gives the time when a call about keys ends.
        timeout: maximum seconds for a reply that is read later.
        name: of the deployment; deployments that share servers must differ in it.
        half_life: seconds after which an event counts half.
    """

    def __init__(
        self, topology: Topology, limit: Callable[..., Deadline], timeout: float, name: str, half_life: float
    ) -> None:
        self._topology, self._limit, self._timeout = topology, limit, timeout
        self._tag = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
        self._half_life_ms = half_life * 1000
        self._count = Script("count.lua")

    def key(self, group: str | None) -> str:
        """Return the key of the whole catalogue's set, or of a group's. The braces choose the slot."""
        suffix = "" if group is None else ":" + hashlib.blake2b(group.encode(), digest_size=8).hexdigest()
        return f"nextitem:{{trends-{self._tag}}}{suffix}"

    def count(self, counts: Sequence[Count], deadline: Deadline) -> PendingScript:
        """See `Trends.count`."""
        keys: dict[str, int] = {}
        args: list[bytes | str | int] = [CAPACITY, int(KEPT_HALF_LIVES * self._half_life_ms)]
        for item_id, at, groups in counts:
            for group in (None, *groups):
                place = keys.setdefault(self.key(group), len(keys) + 1)
                args += [place, item_id, repr(at / self._half_life_ms)]
        limit = self._limit(deadline, next(iter(keys)))
        # Executed twice, it would count twice: better not at all than after a connection that broke.
        return PendingScript(self._topology, limit, self._timeout, self._count, list(keys), args, reconnects=0)

    def top(self, group: str | None, now: int, deadline: Deadline) -> list[Trend]:
        """See `Trends.top`."""
        key = self.key(group)
        command = ("ZRANGE", key, 0, -1, "REV", "WITHSCORES")
        scores = execute(self._topology, key, self._limit(deadline, key), _parse_scores, *command)
        passed = now / self._half_life_ms
        return [Trend(item_id, 2.0 ** min(score - passed, _MAX_EXPONENT)) for item_id, score in scores]


def _parse_scores(reply: Any) -> list[tuple[str, float]]:
    if type(reply) is not list or len(reply) % 2 or not all(type(part) is bytes for part in reply):
        raise UnexpectedReply("did not send items and scores in pairs")
    try:
        return [(item.decode(), float(score)) for item, score in zip(reply[::2], reply[1::2], strict=True)]
    except ValueError as error:
        raise UnexpectedReply("sent an item or a score that cannot be decoded") from error
