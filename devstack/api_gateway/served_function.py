"""One function, served: its workers, its Runtime API and its HTTP front, without what it needs.

Runs in an event loop of its own thread, so that callers need no asyncio. It knows no store, no
bucket and no model.
"""

import contextlib
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from devstack.api_gateway.gateway import Gateway
from devstack.lambda_runtime.function import Function
from devstack.lambda_runtime.runtime_api import RuntimeApi
from devstack.lambda_runtime.worker import ColdStart
from devstack.processes.children import Children
from devstack.processes.errors import FunctionFailed
from devstack.processes.loop_thread import LoopThread


class ServedFunction:
    """A function that can be called, inside its ``with`` block.

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
        listener: socket.socket,
        jwt_authorizer: bool = False,
    ) -> None:
        """Describe it; nothing is started yet.

        Args:
            function: what to serve.
            children: owner of the worker processes.
            directory: gets the workers' logs and temporary files.
            max_workers: how many can run at once, each as many invocations as the function says; more wait.
            listener: of the HTTP API, from `gateway.listen`; closed with this.
            jwt_authorizer: whether every HTTP request must bring a token, see `jwt`.
        """
        self._loop = LoopThread("devstack")
        self._runtime = RuntimeApi(function, children, directory, max_workers)
        self._gateway = Gateway(function, self._runtime.pool, listener, jwt_authorizer=jwt_authorizer)
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._resources.close()

    @property
    def cold_starts(self) -> tuple[ColdStart, ...]:
        """One for each worker that has answered, in the order of their first answers."""
        return tuple(self._runtime.pool.cold_starts)

    def log_lines(self) -> list[str]:
        """What all workers have written so far, worker by worker, each in its own order.

        What a worker wrote before it answered is there once the answer is.
        """
        texts = [log.read_text(encoding="utf-8", errors="replace") for log in self._runtime.pool.logs]
        return [line for text in texts for line in text.splitlines()]

    def invoke(self, payload: bytes) -> bytes:
        """Invoke the function directly with a JSON event, as a backend would; returns its JSON.

        Raises:
            FunctionFailed: it raised, crashed or timed out.
        """
        outcome = self._loop.run(self._runtime.pool.invoke(payload))
        if outcome.failed:
            raise FunctionFailed(outcome.payload)
        return outcome.payload

    def prepare(self) -> None:
        """Start a worker and wait until its init is over; under SnapStart an invocation then restores it.

        Raises:
            FunctionFailed: it did not get there.
        """
        outcome = self._loop.run(self._runtime.pool.prepare())
        if outcome is not None:
            raise FunctionFailed(outcome.payload)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every worker's process inside the ``with`` block, as Lambda freezes an environment."""
        self._loop.run(self._runtime.pool.signal(signal.SIGSTOP))
        try:
            yield
        finally:
            self._loop.run(self._runtime.pool.signal(signal.SIGCONT))

    def rest(self) -> None:
        """Wait until no worker has anything to do: an invocation that comes just after an answer may find it busy."""
        self._loop.run(self._runtime.pool.rest())

    def retire_workers(self) -> None:
        """End the workers that have nothing to do, so that the next request is a cold start."""
        self._loop.run(self._runtime.pool.retire())
