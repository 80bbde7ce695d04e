"""Toy functions, served by real runtime client processes."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from devstack.api_gateway.served_function import ServedFunction
from devstack.lambda_runtime.function import Function
from devstack.processes.children import Children
from devstack.processes.errors import FunctionFailed
from devstack.processes.listener import listen
from tests.devstack.lambda_runtime.gate import Gate

FUNCTIONS = Path(__file__).parent / "functions"


class Toy:
    """A served toy function, called with and answering in Python values."""

    def __init__(self, served: ServedFunction) -> None:
        self.served = served

    def call(self, **event: Any) -> Any:
        return json.loads(self.served.invoke(json.dumps(event).encode()))

    def failure(self, **event: Any) -> dict[str, Any]:
        """The error object of a call that must fail."""
        with pytest.raises(FunctionFailed) as caught:
            self.call(**event)
        error: dict[str, Any] = json.loads(caught.value.payload)
        return error


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Toy]]:
    """Serve a toy function until the test's end."""
    with ExitStack() as resources:

        def start(
            handler: str = "toy.handler",
            *,
            max_workers: int = 2,
            timeout_seconds: float = 60.0,
            snap_start: bool = False,
            concurrency: int | None = None,
            jwt_authorizer: bool = False,
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
                jwt_authorizer=jwt_authorizer,
            )
            return Toy(resources.enter_context(served))

        yield start


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


def is_running(pid: int) -> bool:
    """Whether a process, one of our children, exists and was not waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def state_of(pid: int) -> str:
    """A process's state as Linux tells it: T is stopped, Z has ended and nobody has asked how, nothing is gone."""
    if not os.path.exists("/proc/self/stat"):  # noqa: PTH110 - a file of the kernel
        pytest.skip("only Linux tells the state of a process in /proc")
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def have_ended(*pids: int) -> bool:
    """Whether none of these processes runs: those that are not our children nobody here can wait for."""
    return all(state_of(pid) in {"", "Z"} for pid in pids)


def has_stopped(pid: int) -> bool:
    """Whether no thread of a process runs on after SIGSTOP, which reaches each of them in its own time."""
    return all(state_of(int(thread.name)) == "T" for thread in Path(f"/proc/{pid}/task").iterdir())
