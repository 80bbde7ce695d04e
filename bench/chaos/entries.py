"""The two entry points under the same faults: the Lambda function in devstack, and the container's server."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, Protocol

from bench.chaos.client import open_client
from devstack.container import READY_SECONDS, Container
from devstack.stack import Stack

EntryName = Literal["lambda", "container"]
WORKERS = 2
"""Processes of the container, each with some threads."""
SERVER_ERROR = 500
MS = 1000.0


class Entry(Protocol):
    """An entry point that runs, and the handles that faults need."""

    @property
    def url(self) -> str:
        """Of the HTTP API."""

    def frozen(self) -> contextlib.AbstractContextManager[None]:
        """Stop its worker processes inside the ``with`` block."""

    def retire_workers(self) -> None:
        """Replace its worker processes; no request may be under way."""

    def append_times(self, since: float, until: float) -> list[tuple[float, float]]:
        """Return time (epoch seconds) and duration (ms) of each append as the entry point itself measured it.

        The container has none: it exposes histograms, no single records.
        """


class FunctionEntry:
    """The Lambda function.

    Args:
        stack: where it runs.
        workers: that start before anything is measured.
    """

    def __init__(self, stack: Stack, workers: int) -> None:
        self._stack, self.url = stack, stack.url
        self.frozen, self.retire_workers = stack.frozen, stack.retire_workers
        _warm_up(stack, workers)

    def append_times(self, since: float, until: float) -> list[tuple[float, float]]:
        """See `Entry`; from the metrics records."""
        times: list[tuple[float, float]] = []
        for line in self._stack.log_lines():
            if '"_aws"' not in line:
                continue
            record = json.loads(line)
            at = record["_aws"]["Timestamp"] / MS
            if record.get("operation") == "append_events" and since <= at <= until:
                times.append((at, record["total_ms"]))
        return times


class ContainerEntry:
    """The container's server.

    Args:
        container: where it runs.
    """

    def __init__(self, container: Container) -> None:
        self._container, self.url = container, container.url

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """See `Entry`."""
        pids = self._container.worker_pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def retire_workers(self) -> None:
        """See `Entry`."""
        before = set(self._container.worker_pids())
        self._container.child.signal(signal.SIGHUP)
        self._container.child.wait_until(
            lambda: (not before & set(self._container.worker_pids())) or None, READY_SECONDS
        )

    def append_times(self, since: float, until: float) -> list[tuple[float, float]]:  # noqa: ARG002 - see `Entry`
        """See `Entry`."""
        return []


@contextlib.contextmanager
def entry_of(name: EntryName, stack: Stack, workers: int) -> Iterator[Entry]:
    """Start an entry point on a stack's bucket and on the store of its settings.

    Args:
        name: which one.
        stack: the stack.
        workers: of the function.

    Raises:
        AssertionError: the function fails without a fault.
    """
    if name == "lambda":
        yield FunctionEntry(stack, workers)
        return
    with Container(stack, workers=WORKERS) as container:
        yield ContainerEntry(container)


def _warm_up(stack: Stack, workers: int) -> None:
    """Send requests until every worker has answered, so that no cold start is measured."""

    def ask(number: int) -> set[int]:
        with open_client(stack.url) as client:
            return {client.recommendations(f"warm-{number}").status for _ in range(10)}

    with ThreadPoolExecutor(workers * 3) as threads:
        while len(stack.cold_starts) < workers:
            statuses = set[int]().union(*threads.map(ask, range(workers * 3)))
            if max(statuses) >= SERVER_ERROR:
                raise AssertionError(
                    "the function fails without a fault; its last log lines: " + "\n".join(stack.log_lines()[-20:])
                )
