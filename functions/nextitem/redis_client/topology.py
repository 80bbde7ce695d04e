"""Find the server of a session's key: the only one, the primary that Sentinels know, or a Cluster's node by its slots.

The answer is kept. After a failure of a server, the next request for one of its keys looks again, while requests for
keys of other servers go on. redis-py's `RedisCluster` would keep the slots, too, but cannot keep our promises
(decision 3).
"""

import contextlib
import threading
from binascii import crc_hqx
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from nextitem.background_call import SharedCall
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.login import Login, login_of
from nextitem.redis_client.outcomes import Broken, NoScript, Redirected, UnexpectedReply
from nextitem.redis_client.pool import Pool
from nextitem.redis_client.url import Address, StoreUrl, reported_address

if TYPE_CHECKING:
    from nextitem.redis_client.sentinel import PrimaryFinder

SLOTS = 16_384
"""Number of slots of every Cluster."""

_Range = tuple[int, int, Address]
"""First and last slot, and the primary that serves them."""
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Topology(Protocol):
    """Knows which server has a key."""

    def server_of(self, key: str, /) -> Address | None:
        """Return the server that most likely has a key, without asking any; None if none is known."""

    def is_ready(self, key: str, /) -> bool:
        """Return whether a command about a key can be sent at once: its server is known, with a usable connection."""

    def pool_of(self, key: str, limit: Deadline, /) -> Pool:
        """Return the pool of the server that has a key.

        Raises:
            StoreUnavailable: none is known, or the servers that know do not answer before the deadline.
            Broken: the server that was asked hung up.
        """

    def pool_at(self, address: Address) -> Pool:
        """Return the pool of the server at an address."""

    def forget(self, key: str, moved_to: Address | None = None, /) -> None:
        """Mark the server of a key as suspect, or, with `moved_to`, expect the key at that address from now on."""

    def close(self) -> None:
        """Close every idle connection."""


def key_slot(key: str) -> int:
    """Return a key's slot in a Cluster: the CRC-16 (XMODEM) of the key, or of its first part in braces.

    https://valkey.io/topics/cluster-spec/#key-distribution-model
    """
    _, _, rest = key.partition("{")
    tag, brace, _ = rest.partition("}")
    return crc_hqx((tag if tag and brace else key).encode(), 0) % SLOTS


def topology_of(url: StoreUrl, region: str, timeout: float) -> Topology:
    """Return the topology that a store URL describes; see `login_of` for the arguments."""
    login = login_of(url, region, timeout)
    match url.shape:
        case "single":
            return SingleServer(url.addresses[0], login)
        case "sentinel":
            return Sentinels(url.addresses, url.name, login)
        case "cluster":
            return Cluster(url.addresses, login)


class _Pools:
    """Pools of several servers, made when they are first used."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._pools: dict[Address, Pool] = {}
        self._lock = threading.Lock()

    def pool_at(self, address: Address) -> Pool:
        """See `Topology.pool_at`."""
        with self._lock:
            return self._pools.setdefault(address, Pool(address, self._login))

    def has_connection(self, address: Address | None) -> bool:
        """Return whether a server is known and has a usable connection."""
        return address is not None and self.pool_at(address).has_connection()

    def close(self) -> None:
        """See `Topology.close`."""
        for pool in list(self._pools.values()):
            pool.close()


class SingleServer(_Pools):
    """One server, always the same."""

    def __init__(self, address: Address, login: Login) -> None:
        super().__init__(login)
        self._only = self.pool_at(address)

    def server_of(self, _key: str) -> Address:
        """See `Topology.server_of`."""
        return self._only.address

    def is_ready(self, _key: str) -> bool:
        """See `Topology.is_ready`."""
        return self._only.has_connection()

    def pool_of(self, _key: str, _limit: Deadline) -> Pool:
        """See `Topology.pool_of`."""
        return self._only

    def forget(self, _key: str, _moved_to: Address | None = None) -> None:
        """See `Topology.forget`: there is no other server; a new connection may still reach this one."""


class Sentinels(_Pools):
    """The primary that Sentinels know by a name; they are asked again after each failure.

    https://redis.io/docs/latest/develop/reference/sentinel-clients/
    """

    def __init__(self, sentinels: tuple[Address, ...], name: str, login: Login) -> None:
        super().__init__(login)
        self._sentinels, self._name = sentinels, name
        self._finder: PrimaryFinder | None = None
        self._primary: Address | None = None
        self._suspicion: object | None = None
        self._finding = SharedCall(self._find, f"the primary named {name}")

    def server_of(self, _key: str) -> Address | None:
        """See `Topology.server_of`."""
        return self._primary

    def is_ready(self, _key: str) -> bool:
        """See `Topology.is_ready`."""
        return self._suspicion is None and self.has_connection(self._primary)

    def pool_of(self, _key: str, limit: Deadline) -> Pool:
        """See `Topology.pool_of`."""
        primary = self._primary
        if primary is None or self._suspicion is not None:
            try:
                primary = self._finding.result(limit)
            except TimeoutError as error:
                raise StoreUnavailable(f"no Sentinel answered in time: {error}", late=True) from error
        return self.pool_at(primary)

    def forget(self, _key: str, _moved_to: Address | None = None) -> None:
        """See `Topology.forget`."""
        self._suspicion = object()  # another one than that which a look-up under way may end

    def _find(self) -> Address:
        if self._finder is None:
            from nextitem.redis_client.sentinel import PrimaryFinder  # all of redis-py: 63 ms

            self._finder = PrimaryFinder(self._sentinels, self._login)
        suspicion = self._suspicion
        primary = self._finder.find(self._name)
        with self._lock:
            self._primary = primary
            if self._suspicion is suspicion:  # else a request has failed since: it needs a look-up of its own
                self._suspicion = None
        return primary


class Cluster(_Pools):
    """A Cluster: each of its 16,384 slots has a primary, listed by CLUSTER SLOTS and corrected by MOVED.

    https://valkey.io/topics/cluster-spec/
    """

    def __init__(self, nodes: tuple[Address, ...], login: Login) -> None:
        super().__init__(login)
        self._seeds = self._nodes = nodes
        self._ranges: list[_Range] = []
        self._moved: dict[int, Address] = {}
        self._suspects: dict[Address, object] = {}

    def server_of(self, key: str) -> Address | None:
        """See `Topology.server_of`."""
        slot = key_slot(key)
        if (moved_to := self._moved.get(slot)) is not None:
            return moved_to
        return next((primary for first, last, primary in self._ranges if first <= slot <= last), None)

    def is_ready(self, key: str) -> bool:
        """See `Topology.is_ready`."""
        server = self.server_of(key)
        return server not in self._suspects and self.has_connection(server)

    def pool_of(self, key: str, limit: Deadline) -> Pool:
        """See `Topology.pool_of`."""
        expected = self.server_of(key)
        if expected is None:
            self._refresh(limit)
        elif expected in self._suspects:
            with contextlib.suppress(StoreUnavailable):  # then the server that is known has the other half of the time
                self._refresh(limit.within(limit.remaining() / 2))
        address = self.server_of(key)
        if address is None:
            self._nodes = (*self._nodes[1:], self._nodes[0])  # the node may no longer belong to the Cluster
            raise StoreUnavailable(f"no node of the Cluster has slot {key_slot(key)}")
        return self.pool_at(address)

    def forget(self, key: str, moved_to: Address | None = None) -> None:
        """See `Topology.forget`."""
        if moved_to is not None:
            with self._lock:
                self._moved[key_slot(key)] = moved_to
        elif (server := self.server_of(key)) is not None:
            with self._lock:
                self._suspects[server] = object()  # another one than that which a look-up under way may end
            self._ask_last(server)

    def _refresh(self, limit: Deadline) -> None:
        """List the slots again; on failure, keep what is known.

        Suspicions and redirections that come while the list is under way stay: it may be older than they are.
        """
        with self._lock:
            moved, suspects = self._moved.copy(), self._suspects.copy()
        for node in self._nodes:
            pool = self.pool_at(node)
            try:
                sent = pool.send(limit, "CLUSTER", "SLOTS")
                ranges = pool.receive(sent, limit, partial(_parse_ranges, node=node))
            except Broken:
                continue
            except StoreUnavailable:
                self._ask_last(node)  # it timed out or cannot answer
                raise
            except (NoScript, Redirected):
                self._ask_last(node)
                raise StoreUnavailable("a node of the Cluster does not list its slots") from None
            self._nodes = tuple(dict.fromkeys((node, *(primary for _, _, primary in ranges), *self._seeds)))
            with self._lock:
                self._ranges = ranges
                self._moved, self._suspects = _added_to(moved, self._moved), _added_to(suspects, self._suspects)
            return
        raise StoreUnavailable("no node of the Cluster can be reached")

    def _ask_last(self, server: Address) -> None:
        """Ask the other nodes for the slots before this one from now on."""
        if server in self._nodes:
            self._nodes = (*(other for other in self._nodes if other != server), server)


def _added_to(before: Mapping[_Key, _Value], now: Mapping[_Key, _Value]) -> dict[_Key, _Value]:
    """Return the entries that a mapping did not have, or whose value is another object than it was."""
    return {key: value for key, value in now.items() if before.get(key) is not value}


def _parse_ranges(reply: Any, *, node: Address) -> list[_Range]:
    """Parse the reply to CLUSTER SLOTS: https://valkey.io/commands/cluster-slots/. No host means the node's own.

    Raises:
        UnexpectedReply: it is none.
        StoreUnavailable: it names a server without a valid host or port.
    """
    try:
        return [
            (int(first), int(last), reported_address(b"" if primary[0] is None else primary[0], primary[1], node))
            for first, last, primary, *_ in reply
        ]
    except (IndexError, TypeError, ValueError, LookupError) as error:
        raise UnexpectedReply(f"sent slots that cannot be parsed: {type(error).__name__}") from None
