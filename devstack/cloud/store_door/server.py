"""The real Valkey behind the door: its users are kept like those of the cache, and its slots are served."""

import asyncio
import secrets
from collections import defaultdict

import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from devstack.cloud.store_door.acl import acl_users
from devstack.cloud.store_door.cache import Cache
from devstack.processes.children import LOOPBACK, free_port
from devstack.processes.errors import StackError

_ADMIN = "devstack-store-door"
_LAST_SLOT = 16_383
_POLL_SECONDS = 0.02
"""Between two questions whether the Cluster is up: Valkey does not say so by itself."""
_READY_SECONDS = 20.0
"""Maximum wait for a Cluster of one node, which takes no commands in its first 2 s."""


def server_options(*, serverless: bool) -> tuple[str, ...]:
    """Return the options of `start_valkey` for a server behind the door.

    A Cluster of one node is what clients see of a serverless cache.
    """
    # Its port for other nodes would be the other one plus 10,000, which need not exist.
    return ("--cluster-enabled", "yes", "--cluster-port", str(free_port())) if serverless else ()


class ValkeyServer:
    """A server that only the door uses directly; used in one event loop.

    Args:
        port: of loopback.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._password = secrets.token_urlsafe()
        self._secrets: defaultdict[str, str] = defaultdict(secrets.token_urlsafe)
        self._admin = Redis(
            host=LOOPBACK,
            port=port,
            username=_ADMIN,
            password=self._password,
            decode_responses=True,
            retry=Retry(NoBackoff(), 1),  # a restarted server has closed the connection; redis-py would try for long
        )
        self._lock = asyncio.Lock()

    def secret_of(self, user: str) -> str:
        """Return the password of an ACL user that IAM authenticates."""
        return self._secrets[user]

    async def prepare(self, cache: Cache) -> None:
        """Make the server's users and slots those of a cache, also after a restart.

        Raises:
            ValueError: Valkey refuses a user's access string, or the server cannot speak the cache's protocol.
            redis.ConnectionError: the server is down.
        """
        async with self._lock:
            try:
                await self._admin.ping()
            except redis.AuthenticationError:  # it has just been started, and lets anybody in
                async with Redis(host=LOOPBACK, port=self.port) as anybody:
                    rules = ("reset", "on", f">{self._password}", "~*", "&*", "+@all")
                    await anybody.execute_command("ACL", "SETUSER", _ADMIN, *rules)
            await self._set_users(cache)
            if cache.serverless:
                await self._serve_slots(cache)

    async def close(self) -> None:
        """Close the connections."""
        await self._admin.aclose()

    async def _set_users(self, cache: Cache) -> None:
        wanted = dict(acl_users(cache, self._secrets))
        for name, rules in wanted.items():
            try:
                await self._admin.execute_command("ACL", "SETUSER", name, "reset", *rules)
            except redis.ResponseError as error:
                raise ValueError(f"the access string of {name} is refused: {error}") from error
        gone = set(map(str, await self._admin.acl_users())) - wanted.keys() - {_ADMIN}
        if gone:
            await self._admin.acl_deluser(*gone)

    async def _serve_slots(self, cache: Cache) -> None:
        """Serve all slots under the cache's own address, and wait until the server takes commands.

        https://github.com/phpredis/phpredis/issues/2724 shows the reply of a real serverless cache.
        """
        try:
            slots = await self._admin.execute_command("CLUSTER SLOTS")
        except redis.ResponseError as error:
            raise ValueError(f"Valkey on port {self.port} must be started with `server_options`: {error}") from error
        if slots:
            return
        await self._admin.config_set(
            "cluster-announce-hostname", cache.host,
            "cluster-announce-port", cache.port,
            "cluster-preferred-endpoint-type", "hostname",
        )  # fmt: skip
        await self._admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, _LAST_SLOT)
        for _ in range(int(_READY_SECONDS / _POLL_SECONDS)):
            if (await self._admin.cluster("INFO"))["cluster_state"] == "ok":
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise StackError(f"Valkey on port {self.port} did not become a Cluster within {_READY_SECONDS} s; see its log.")
