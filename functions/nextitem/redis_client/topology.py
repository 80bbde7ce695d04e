"""Find the server of a session's key: the only one, the primary that Sentinels know, or a Cluster's node by its slots.

The answer is kept until a reply or a failure shows that it is no longer true. redis-py's `RedisCluster` would keep the
slots, too, but cannot keep our promises (decision 3).
"""

import threading
from binascii import crc_hqx
from typing import TYPE_CHECKING, Any, Protocol

from nextitem.background_call import SharedCall
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.errors import Broken, Redirected
from nextitem.redis_client.login import Login, login_of
from nextitem.redis_client.pool import Pool
from nextitem.redis_client.url import Address, StoreUrl, reported_address

if TYPE_CHECKING:
    from nextitem.redis_client.sentinel import PrimaryFinder

TRIES = 4
"""Maximum attempts per command. A broken connection, a moved slot and a migrating slot each use one."""
RECONNECTS = 1
"""Maximum attempts after a broken connection: an idle connection may be dead, a new one is not."""
SLOTS = 16_384
"""Number of slots of every Cluster."""

_Range = tuple[int, int, Address]
"""First and last slot, and the primary that serves them."""


class Topology(Protocol):
    """Knows which server has a key."""

    def pool_of(self, key: str, limit: Deadline, /) -> Pool:
        """Return the pool of the server that has a key.

        Raises:
            StoreUnavailable: none is known, or the servers that know do not answer before the deadline.
            Broken: the server that was asked hung up.
        """

    def pool_at(self, address: Address) -> Pool:
        """Return the pool of the server at an address."""

    def forget(self, key: str, moved_to: Address | None = None, /) -> None:
        """Look for a key's server again, or expect it at another address from now on."""

    def close(self) -> None:
        """Close every idle connection."""


def execute(topology: Topology, key: str, limit: Deadline, *command: bytes | str | int) -> Any:
    """Send a command about a key to its server and return the reply; follow redirections, survive a failover.

    Raises:
        StoreUnavailable: no reply before the deadline, or an error as a reply.
        NoScript: the server does not know the script.
    """
    detour: Address | None = None
    reason, breaks = "", 0
    for _ in range(TRIES):
        try:
            pool = topology.pool_at(detour) if detour else topology.pool_of(key, limit)
            asking, detour = detour is not None, None
            return pool.receive(pool.send(limit, *command, asking=asking), limit)
        except StoreUnavailable:
            topology.forget(key)  # the server may hang for good, and another have taken its place
            raise
        except Broken as error:
            topology.forget(key)
            breaks += 1
            if breaks > RECONNECTS:
                raise StoreUnavailable(str(error)) from error
        except Redirected as error:
            if error.once:
                detour = error.address
            else:
                topology.forget(key, error.address)
            reason = f"the Cluster redirects a command again and again, at last to {error}"
    raise StoreUnavailable(reason)


def key_slot(key: str) -> int:
    """Return a key's slot in a Cluster: its CRC-16 (XMODEM). Our keys have no hash tag in braces.

    https://valkey.io/topics/cluster-spec/#key-distribution-model
    """
    return crc_hqx(key.encode(), 0) % SLOTS


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

    def close(self) -> None:
        """See `Topology.close`."""
        for pool in list(self._pools.values()):
            pool.close()


class SingleServer(_Pools):
    """One server, always the same."""

    def __init__(self, address: Address, login: Login) -> None:
        super().__init__(login)
        self._only = self.pool_at(address)

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
        self._primary: Pool | None = None
        self._finding = SharedCall(self._find, f"the primary named {name}")

    def pool_of(self, _key: str, limit: Deadline) -> Pool:
        """See `Topology.pool_of`."""
        if self._primary is None:
            try:
                self._primary = self.pool_at(self._finding.result(limit))
            except TimeoutError as error:
                raise StoreUnavailable(f"no Sentinel answered in time: {error}", late=True) from error
        return self._primary

    def forget(self, _key: str, _moved_to: Address | None = None) -> None:
        """See `Topology.forget`."""
        self._primary = None

    def _find(self) -> Address:
        if self._finder is None:
            from nextitem.redis_client.sentinel import PrimaryFinder  # 63 ms

            self._finder = PrimaryFinder(self._sentinels, self._login)
        return self._finder.find(self._name)


class Cluster(_Pools):
    """A Cluster: each of its 16,384 slots has a primary, listed by CLUSTER SLOTS and corrected by MOVED.

    https://valkey.io/topics/cluster-spec/
    """

    def __init__(self, nodes: tuple[Address, ...], login: Login) -> None:
        super().__init__(login)
        self._seeds = self._nodes = nodes
        self._ranges: list[_Range] = []
        self._moved: dict[int, Address] = {}

    def pool_of(self, key: str, limit: Deadline) -> Pool:
        """See `Topology.pool_of`."""
        slot = key_slot(key)
        if not self._ranges:
            self._ranges, self._moved = self._list_ranges(limit), {}
        address = self._moved.get(slot)
        for first, last, primary in self._ranges if address is None else ():
            if first <= slot <= last:
                address = primary
        if address is None:
            self._ranges = []
            self._nodes = (*self._nodes[1:], self._nodes[0])  # the node may no longer belong to the Cluster
            raise StoreUnavailable(f"no node of the Cluster has slot {slot}")
        return self.pool_at(address)

    def forget(self, key: str, moved_to: Address | None = None) -> None:
        """See `Topology.forget`."""
        if moved_to is None:
            self._ranges = []
        else:
            self._moved[key_slot(key)] = moved_to

    def _list_ranges(self, limit: Deadline) -> list[_Range]:
        for node in self._nodes:
            pool = self.pool_at(node)
            try:
                ranges = _parse_ranges(pool.receive(pool.send(limit, "CLUSTER", "SLOTS"), limit), node)
            except Broken:
                continue
            except StoreUnavailable:
                # The node timed out or cannot answer: later calls ask the other nodes first.
                self._nodes = (*(other for other in self._nodes if other != node), node)
                raise
            self._nodes = tuple(dict.fromkeys((node, *(primary for _, _, primary in ranges), *self._seeds)))
            return ranges
        raise StoreUnavailable("no node of the Cluster can be reached")


def _parse_ranges(reply: Any, node: Address) -> list[_Range]:
    """Parse the reply to CLUSTER SLOTS: https://valkey.io/commands/cluster-slots/.

    Raises:
        StoreUnavailable: it is none.
    """
    try:
        return [
            (int(first), int(last), reported_address((primary[0] or b"").decode(), primary[1], node))
            for first, last, primary, *_ in reply
        ]
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise StoreUnavailable(f"the Cluster's slots cannot be parsed: {type(error).__name__}") from error
