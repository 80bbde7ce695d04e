"""Toy functions, served by real runtime client processes."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from devstack.errors import FunctionFailed
from devstack.function import Function
from devstack.gateway import listen
from devstack.processes import Children
from devstack.served_function import ServedFunction
from tests.devstack.gate import Gate

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
            **settings: str,
        ) -> Toy:
            function = Function(
                FUNCTIONS, handler, timeout_seconds=timeout_seconds, snap_start=snap_start, settings=settings
            )
            children = resources.enter_context(Children())
            served = ServedFunction(function, children, tmp_path, max_workers=max_workers, listener=listen(0))
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
