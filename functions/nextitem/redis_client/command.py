"""Send a command about a key to its server: follow redirections, survive a failover, report failures."""

from collections.abc import Callable
from typing import Any, TypeVar

from nextitem.deadline import Deadline
from nextitem.errors import StoreRefused, StoreUnavailable
from nextitem.redis_client.outcomes import Broken, NoScript, Redirected
from nextitem.redis_client.pool import Pool
from nextitem.redis_client.topology import Topology
from nextitem.redis_client.url import Address

TRIES = 4
"""Maximum attempts per command. A broken connection, a moved slot and a migrating slot each use one."""
RECONNECTS = 1
"""Maximum attempts after a broken connection: an idle connection may be dead, a new one is not. The server may have
executed the command all the same: one that must not be executed twice gets no further attempt."""

_Reply = TypeVar("_Reply")


def execute(
    topology: Topology,
    key: str,
    limit: Deadline,
    parse: Callable[[Any], _Reply],
    *command: bytes | str | int,
    reconnects: int = RECONNECTS,
) -> _Reply:
    """Send a command about a key to its server and return the reply; follow redirections, survive a failover.

    Args:
        topology: knows the server.
        key: the key.
        limit: when to give up.
        parse: see `Pool.receive`.
        command: its name and arguments.
        reconnects: see `RECONNECTS`.

    Raises:
        StoreUnavailable: no reply before the deadline, or one of another shape, or an error as a reply.
        NoScript: the server does not know the script of an EVALSHA.
    """
    detour: Address | None = None
    reason, breaks = "", 0
    for _ in range(TRIES):
        pool = None
        try:
            pool = topology.pool_at(detour) if detour else topology.pool_of(key, limit)
            asking, detour = detour is not None, None
            return pool.receive(pool.send(limit, *command, asking=asking), limit, parse)
        except StoreUnavailable as error:
            raise report_failure(topology, key, pool, error) from None
        except NoScript as error:
            if pool is not None and command[0] == "EVALSHA":
                raise
            raise report_failure(topology, key, pool, StoreUnavailable(str(error))) from None
        except Broken as error:
            failure = report_failure(topology, key, pool, error)
            breaks += 1
            if breaks > reconnects:
                raise failure from None
        except Redirected as error:
            if error.once:
                detour = error.address
            else:
                topology.forget(key, error.address)
            reason = f"the Cluster redirects a command again and again, at last to {error}"
    raise StoreUnavailable(reason)


def report_failure(
    topology: Topology, key: str, pool: Pool | None, error: StoreUnavailable | Broken
) -> StoreUnavailable:
    """Mark the key's server as suspect, unless it refused the command, and return the error that names the server.

    Args:
        topology: knows the server.
        key: of the command that failed.
        pool: of the server that was asked; None if it was not found.
        error: the failure.
    """
    failure = error if isinstance(error, StoreUnavailable) else StoreUnavailable(str(error))
    failure.server = topology.server_of(key) if pool is None else pool.address
    if not isinstance(error, StoreRefused):
        topology.forget(key)  # the server may hang for good, and another have taken its place
    return failure
