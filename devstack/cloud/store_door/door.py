"""The door: every connection to the session store of the local cloud passes it."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Self

import redis

from devstack.cloud.aws_door.authorization import AccessDecision, Authorizer, Caller
from devstack.cloud.aws_door.call import Call
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.iam.authority import Authority
from devstack.cloud.iam.patterns import PolicyError
from devstack.cloud.resources import Deployment
from devstack.cloud.store_door.cache import IAM, Cache, StoreUser, read_cache
from devstack.cloud.store_door.commands import Command, CommandReader, Login, NotACommand, pack
from devstack.cloud.store_door.server import ValkeyServer
from devstack.cloud.store_door.tokens import ACTION, TokenRefused, verify_token
from devstack.processes.children import LOOPBACK
from devstack.processes.errors import StackError
from devstack.processes.listener import Listener
from devstack.processes.loop_thread import LoopThread

_CHUNK_BYTES = 1 << 16


class StoreDoor:
    """The session store of a deployment, inside its ``with`` block.

    A valid token is replaced by the password of an ACL user that has the template's access string. All else is
    forwarded, so that a real Valkey refuses, in its own words, what the cache would refuse.

    Args:
        deployment: its cache, users and groups decide, as they are when a client connects.
        authority: knows the callers' credentials and policies.
        valkey_port: of a server on loopback that was started with `server_options`; only the door may use it.
        now: the wall clock, with a time zone.

    Attributes:
        refusals: why logins were refused, in their order; clients only get WRONGPASS.

    Example:
        ``with StoreDoor(deployment, authority, valkey.port) as door: door.open(entrance.listening, entrance.tls)``
    """

    def __init__(
        self,
        deployment: Deployment,
        authority: Authority,
        valkey_port: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._deployment, self._authority, self._now = deployment, authority, now
        self._valkey_port = valkey_port
        self._authorizer = Authorizer(Catalogue(deployment))
        self.refusals: list[str] = []
        self._loop = LoopThread("store-door")
        self._listeners: list[Listener] = []
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def decisions(self) -> list[AccessDecision]:
        """All decisions about ``elasticache:Connect`` up to now, in their order."""
        return self._authorizer.decisions

    def __enter__(self) -> Self:
        self._loop.__enter__()
        try:
            self._loop.run(self._start())
        except BaseException:
            self._loop.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._close())
        self._loop.__exit__()

    def open(self, listening: socket.socket, tls: ssl.SSLContext) -> None:
        """Serve one more socket; the door closes it at its end.

        Args:
            listening: in any network namespace.
            tls: with the server's certificate; not used if the cache does not encrypt.
        """
        self._loop.run(self._open(listening, tls))

    async def _start(self) -> None:
        self._server = ValkeyServer(self._valkey_port)
        try:
            await self._server.prepare(read_cache(self._deployment))
        except BaseException:
            await self._server.close()
            raise

    async def _open(self, listening: socket.socket, tls: ssl.SSLContext) -> None:
        def protocol() -> asyncio.Protocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)

        encrypted = read_cache(self._deployment).encrypted
        self._listeners.append(Listener(listening, protocol, tls if encrypted else None))

    async def _close(self) -> None:
        await asyncio.gather(*(listener.close() for listener in self._listeners))
        await asyncio.gather(*self._serving)  # they end with their client's connection
        await self._server.close()

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._connect(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._server.prepare(read_cache(self._deployment))  # a restarted one would let anybody in
            server_reader, server_writer = await asyncio.open_connection(LOOPBACK, self._valkey_port)
        except (OSError, ValueError, redis.RedisError, StackError) as error:
            self.refusals.append(f"the store cannot be used: {error}")
            writer.close()
            return
        await asyncio.gather(
            self._forward_commands(reader, server_writer),
            _forward(server_reader, writer),
        )

    async def _forward_commands(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        commands = CommandReader()
        with contextlib.suppress(OSError):  # either side may hang up
            try:
                while data := await reader.read(_CHUNK_BYTES):
                    for command in commands.feed(data):
                        server.write(pack(self._admitted(command)))
                    await server.drain()
            except NotACommand as error:
                self.refusals.append(f"a client does not speak the protocol: {error}")
        server.close()

    def _admitted(self, command: Command) -> Command:
        """Return a command to forward: a valid token is replaced by a password, any other one will be refused."""
        login = Login.of(command)
        if login is None:
            return command
        try:
            cache = read_cache(self._deployment)
            user = (cache.users or {}).get(login.user)
            if user is None or user.mode != IAM:
                return command
            self._check_token(login.password, user, cache)
        except (TokenRefused, PolicyError, ValueError) as error:
            self.refusals.append(f"{login.user}: {error}")
            return command
        return login.with_password(self._server.secret_of(user.name))

    def _check_token(self, token: str, user: StoreUser, cache: Cache) -> None:
        principal = verify_token(token, user, cache, self._authority, self._now())
        decide = partial(self._authorizer.decide, Caller(principal))
        decisions = [decide(Call("elasticache", ACTION, resource)) for resource in (cache.arn, user.arn)]
        for decision in decisions:
            if not decision.allowed:
                raise TokenRefused(
                    f"{decision.principal} may not perform {ACTION} on {decision.resource}, {decision.reason}"
                )


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # either side may hang up
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
