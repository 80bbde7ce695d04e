"""Which server has a session's key: the one there is, the primary that Sentinels know, or a Cluster's by its slots.

What is known is looked up once and kept until an answer shows that it is no longer true. Knows no session and no
script.
"""

import threading
from binascii import crc_hqx
from typing import Any, Protocol

from nextitem.aws.elasticache_auth import Cache, TokenProvider
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.connection import Login
from nextitem.redis_client.pool import Broken, Connections, Redirected, address_told
from nextitem.redis_client.resp import Argument
from nextitem.redis_client.url import Address, StoreUrl

TRIES = 4
"""How often one command may be sent: a broken connection, a moved slot and a slot on its way each take one."""
SLOTS = 16_384
"""Of any Cluster."""
RECONNECTS = 1
"""How often of these because a connection broke: an idle one may have died unseen, a new one has not."""


_Range = tuple[int, int, Address]
"""First and last slot, and the primary that has them."""


class Topology(Protocol):
    """Tells which server has a key."""

    def server(self, key: str, limit: Deadline, /) -> Connections:
        """Return the server that has a key.

        Raises:
            StoreUnavailable: none is known, or nobody who knows answers before the deadline.
            Broken: whoever was asked hung up.
        """

    def lost(self, key: str, moved_to: Address | None = None, /) -> None:
        """Hear that a key's server is gone, or that the key now is with another."""

    def at(self, address: Address) -> Connections:
        """Return the server at an address."""

    def close(self) -> None:
        """Close every idle connection."""


def exchange(topology: Topology, key: str, limit: Deadline, *command: Argument) -> Any:
    """Send a command about a key to whoever has it and return the answer; follow redirections, survive a failover.

    Raises:
        StoreUnavailable: no answer before the deadline, or an error for an answer.
        NoScript: the server does not know a script by its digest.
    """
    detour: Address | None = None
    last, broken = "", 0
    for _ in range(TRIES):
        try:
            server = topology.at(detour) if detour else topology.server(key, limit)
            asking, detour = detour is not None, None
            return server.receive(server.send(limit, *command, asking=asking), limit)
        except StoreUnavailable:
            topology.lost(key)  # it may hang for good, and another have taken its place
            raise
        except Broken as error:
            topology.lost(key)
            broken += 1
            if broken > RECONNECTS:
                raise StoreUnavailable(str(error)) from error
        except Redirected as error:
            if error.once:
                detour = error.address
            else:
                topology.lost(key, error.address)
            last = f"the key is always somewhere else, at last at {error}"
    raise StoreUnavailable(last)


def key_slot(key: str) -> int:
    """Return a key's slot in a Cluster: CRC-16 (XMODEM) of it. Keys with a hash tag in braces are none of ours.

    https://valkey.io/topics/cluster-spec/#key-distribution-model
    """
    return crc_hqx(key.encode(), 0) % SLOTS


def topology_of(url: StoreUrl, region: str) -> Topology:
    """Return the topology that a store URL describes.

    Args:
        url: where the store is.
        region: the AWS region of an ElastiCache cache, for IAM authentication.
    """
    tokens = TokenProvider(url.username or "", Cache(url.iam, url.serverless, region)) if url.iam else None
    login = Login(url.username, url.password, url.db, url.tls, url.ca_file, tokens)
    match url.shape:
        case "single":
            return SingleServer(url.addresses[0], login)
        case "sentinel":
            return Sentinels(url.addresses, url.name, login)
        case "cluster":
            return Cluster(url.addresses, login)


class _Servers:
    """Connections to several servers, made when first wanted."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._known: dict[Address, Connections] = {}
        self._lock = threading.Lock()

    def at(self, address: Address) -> Connections:
        """See `Topology.at`."""
        with self._lock:
            return self._known.setdefault(address, Connections(address, self._login))

    def close(self) -> None:
        """See `Topology.close`."""
        for server in list(self._known.values()):
            server.close()


class SingleServer(_Servers):
    """One server, always the same."""

    def __init__(self, address: Address, login: Login) -> None:
        super().__init__(login)
        self._only = self.at(address)

    def server(self, _key: str, _limit: Deadline) -> Connections:
        """See `Topology.server`."""
        return self._only

    def lost(self, _key: str, _moved_to: Address | None = None) -> None:
        """See `Topology.lost`: there is no other; a new connection may still reach it."""


class Sentinels(_Servers):
    """The primary that Sentinels know by a name; they are asked again when it is lost.

    https://redis.io/docs/latest/develop/reference/sentinel-clients/
    """

    def __init__(self, sentinels: tuple[Address, ...], name: str, login: Login) -> None:
        super().__init__(login)
        # Sentinels have users of their own, which this setting does not name.
        plain = Login(tls=login.tls, ca_file=login.ca_file)
        self._sentinels = [Connections(address, plain) for address in sentinels]
        self._name = name
        self._primary: Connections | None = None

    def server(self, _key: str, limit: Deadline) -> Connections:
        """See `Topology.server`."""
        if self._primary is None:
            self._primary = self.at(self._asked(limit))
        return self._primary

    def lost(self, _key: str, _moved_to: Address | None = None) -> None:
        """See `Topology.lost`."""
        self._primary = None

    def close(self) -> None:
        """See `Topology.close`."""
        super().close()
        for sentinel in self._sentinels:
            sentinel.close()

    def _asked(self, limit: Deadline) -> Address:
        for sentinel in list(self._sentinels):
            try:
                link = sentinel.send(limit, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name)
                answer = sentinel.receive(link, limit)
            except Broken:
                continue
            except StoreUnavailable:
                self._sentinels.sort(key=lambda one: one is sentinel)  # silent: the others are asked first now
                raise
            match answer:
                case None:
                    continue
                case [bytes() as host, bytes() as port]:
                    self._sentinels.sort(key=lambda one: one is not sentinel)  # who answered is asked first
                    return address_told(host, port, sentinel.address)
            self._sentinels.sort(key=lambda one: one is sentinel)
            raise StoreUnavailable("a Sentinel's answer makes no sense")
        raise StoreUnavailable(f"no Sentinel knows a primary named {self._name}")


class Cluster(_Servers):
    """A Cluster: each of its 16,384 slots has a primary, told by CLUSTER SLOTS and corrected by MOVED.

    https://valkey.io/topics/cluster-spec/
    """

    def __init__(self, nodes: tuple[Address, ...], login: Login) -> None:
        super().__init__(login)
        self._seeds = self._asked = nodes
        self._ranges: list[_Range] = []
        self._moved: dict[int, Address] = {}

    def server(self, key: str, limit: Deadline) -> Connections:
        """See `Topology.server`."""
        slot = key_slot(key)
        if not self._ranges:
            self._ranges, self._moved = self._told(limit), {}
        address = self._moved.get(slot)
        for first, last, primary in self._ranges if address is None else ():
            if first <= slot <= last:
                address = primary
        if address is None:
            self._ranges = []
            self._asked = (*self._asked[1:], self._asked[0])  # who said so may be a node that was left behind
            raise StoreUnavailable(f"no node of the Cluster has slot {slot}")
        return self.at(address)

    def lost(self, key: str, moved_to: Address | None = None) -> None:
        """See `Topology.lost`."""
        if moved_to is None:
            self._ranges = []
        else:
            self._moved[key_slot(key)] = moved_to

    def _told(self, limit: Deadline) -> list[_Range]:
        for node in self._asked:
            server = self.at(node)
            try:
                ranges = _ranges(server.receive(server.send(limit, "CLUSTER", "SLOTS"), limit), node)
            except Broken:
                continue
            except StoreUnavailable:
                # It took all the time there was, or knows nothing: it is asked after all others now.
                self._asked = (*(one for one in self._asked if one != node), node)
                raise
            self._asked = tuple(dict.fromkeys((node, *(primary for _, _, primary in ranges), *self._seeds)))
            return ranges
        raise StoreUnavailable("no node of the Cluster can be reached")


def _ranges(reply: Any, node: Address) -> list[_Range]:
    """Return what CLUSTER SLOTS says: https://valkey.io/commands/cluster-slots/.

    Raises:
        StoreUnavailable: it says something else.
    """
    try:
        return [
            (int(first), int(last), address_told(primary[0], primary[1], node)) for first, last, primary, *_ in reply
        ]
    except (TypeError, ValueError, IndexError) as error:
        raise StoreUnavailable(f"the Cluster's slots make no sense: {type(error).__name__}") from error
