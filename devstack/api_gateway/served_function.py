"""One function with its workers, its Runtime API and its HTTP API, for callers without an event loop."""

import contextlib
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from aiohttp import web

from devstack.api_gateway.cors import Cors
from devstack.api_gateway.gateway import Gateway, Observe, by_token
from devstack.api_gateway.jwt_authorizer import JwtAuthorizer
from devstack.api_gateway.routes import PREFLIGHT_ROUTE_KEY, ROUTE_KEYS
from devstack.lambda_runtime.function import Function
from devstack.lambda_runtime.invoke_api import InvokeApi
from devstack.lambda_runtime.runtime_api import RuntimeApi
from devstack.lambda_runtime.worker import ColdStart
from devstack.processes.children import Children
from devstack.processes.errors import FunctionFailed
from devstack.processes.loop_thread import LoopThread


class ServedFunction:
    """A function that can be called inside its ``with`` block.

    Attributes:
        url: of the HTTP API, ``http://127.0.0.1:port``; also the Invoke API's endpoint.
    """

    def __init__(
        self,
        function: Function,
        children: Children,
        directory: Path,
        *,
        max_workers: int,
        listening: socket.socket,
        jwt: JwtAuthorizer | None = None,
        cors: Cors | None = None,
        observe: Observe | None = None,
        pages: Sequence[web.RouteDef] = (),
    ) -> None:
        """Keep the configuration; nothing is started yet.

        Args:
            function: what to serve.
            children: owner of the worker processes.
            directory: for the workers' logs and temporary files.
            max_workers: how many run at once; further invocations wait.
            listening: socket of the HTTP API, from `listener.listen`; closed at the end.
            jwt: checks the token of every HTTP request, see `jwt_authorizer`; None: no request needs a token.
            cors: the origins whose pages may call the API; None: no CORS.
            observe: sees each HTTP request and its outcome, in the event loop; None: not needed.
            pages: routes of pages for people on the same port, see `devstack.pages.serving`.
        """
        self._loop = LoopThread("devstack")
        self._runtime = RuntimeApi(function, children, directory, max_workers)
        pool = self._runtime.pool
        authorize = None if jwt is None else by_token(jwt)
        self._gateway = Gateway(
            pool.invoke,
            listening,
            keys=(*ROUTE_KEYS, PREFLIGHT_ROUTE_KEY) if cors else ROUTE_KEYS,
            authorize=authorize,
            cors=cors,
            invoke_api=InvokeApi(function, pool),
            observe=observe,
            pages=pages,
        )
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as resources:
            resources.enter_context(self._loop)
            resources.callback(lambda: self._loop.run(self._gateway.stop()))
            resources.callback(lambda: self._loop.run(self._runtime.stop()))
            self._loop.run(self._runtime.start())
            self.url = self._loop.run(self._gateway.start())
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def cold_starts(self) -> tuple[ColdStart, ...]:
        """The cold start of each worker that has answered, in the order of their first answers."""
        return tuple(self._runtime.pool.cold_starts)

    def log_lines(self) -> list[str]:
        """Read the logs of all workers, one after the other.

        A line that a worker wrote before its response is there once the response is.
        """
        lines: list[str] = []
        for log in self._runtime.pool.logs:
            with log.open(encoding="utf-8", errors="replace", newline="\n") as text:  # not at U+2028 and the like
                lines.extend(line.removesuffix("\n") for line in text)
        return lines

    def invoke(self, payload: bytes) -> bytes:
        """Invoke the function with a JSON event, as a backend does, and return its JSON response.

        Raises:
            FunctionFailed: it raised an exception, crashed or timed out.
        """
        outcome = self._loop.run(self._runtime.pool.invoke(payload))
        if outcome.failed:
            raise FunctionFailed(outcome.payload)
        return outcome.payload

    def prepare(self) -> None:
        """Start a worker and wait until its init is over; under SnapStart an invocation then restores it.

        Raises:
            FunctionFailed: its init failed.
        """
        if (error := self._loop.run(self._runtime.pool.prepare())) is not None:
            raise FunctionFailed(error.payload)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the processes of all workers inside the ``with`` block, as Lambda freezes an environment."""
        self._loop.run(self._runtime.pool.signal(signal.SIGSTOP))
        try:
            yield
        finally:
            self._loop.run(self._runtime.pool.signal(signal.SIGCONT))

    def wait_until_idle(self) -> None:
        """Wait until all workers wait for an invocation: shortly after a response a worker is still busy."""
        self._loop.run(self._runtime.pool.wait_until_idle())

    def retire_workers(self) -> None:
        """End the workers without an invocation, so that the next request is a cold start."""
        self._loop.run(self._runtime.pool.retire())
