"""Toy functions in real runtime client processes."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from devstack.api_gateway.cors import Cors
from devstack.api_gateway.jwt_authorizer import JwtAuthorizer
from devstack.api_gateway.served_function import ServedFunction
from devstack.lambda_runtime.function import Function
from devstack.processes.children import Children
from devstack.processes.errors import FunctionFailed
from devstack.processes.listener import listen
from tests.devstack.lambda_runtime.gate import Gate

FUNCTIONS = Path(__file__).parent / "functions"


class Toy:
    """A served toy function; events and responses are Python values."""

    def __init__(self, served: ServedFunction) -> None:
        self.served = served

    def call(self, **event: Any) -> Any:
        return json.loads(self.served.invoke(json.dumps(event).encode()))

    def failure(self, **event: Any) -> dict[str, Any]:
        """Return the error object of a call that must fail."""
        with pytest.raises(FunctionFailed) as caught:
            self.call(**event)
        error: dict[str, Any] = json.loads(caught.value.payload)
        return error


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Toy]]:
    """Serve toy functions until the end of the test."""
    with ExitStack() as resources:

        def start(
            handler: str = "toy.handler",
            *,
            max_workers: int = 2,
            timeout_seconds: float = 60.0,
            snap_start: bool = False,
            concurrency: int | None = None,
            jwt: JwtAuthorizer | None = None,
            cors: Cors | None = None,
            **settings: str,
        ) -> Toy:
            function = Function(
                FUNCTIONS,
                handler,
                timeout_seconds=timeout_seconds,
                snap_start=snap_start,
                concurrency=concurrency,
                settings=settings,
            )
            children = resources.enter_context(Children())
            served = ServedFunction(
                function,
                children,
                tmp_path,
                max_workers=max_workers,
                listening=listen(),
                jwt=jwt,
                cors=cors,
            )
            return Toy(resources.enter_context(served))

        yield start


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


def is_running(pid: int) -> bool:
    """Return whether a child of this process exists and was not waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def process_state(pid: int) -> str:
    """Return a process's state on Linux: T is stopped, Z a zombie, empty ended."""
    if not os.path.exists("/proc/self/stat"):  # noqa: PTH110 - a file of the kernel
        pytest.skip("the state of a process is in /proc on Linux only")
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def have_ended(*pids: int) -> bool:
    """Return whether none of these processes runs; they need not be children of this process."""
    return all(process_state(pid) in {"", "Z"} for pid in pids)


def has_stopped(pid: int) -> bool:
    """Return whether every thread of a process has stopped; SIGSTOP reaches them one after the other."""
    return all(process_state(int(thread.name)) == "T" for thread in Path(f"/proc/{pid}/task").iterdir())
