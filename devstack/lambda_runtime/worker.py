"""One worker (Lambda's execution environment): its processes and their state.

On demand a worker is one process that takes one invocation at a time. On Lambda Managed Instances the runtime client
forks as many processes as invocations may run at once, and all of them use the same Runtime API.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from devstack.lambda_runtime.invocation import Invocation, Outcome
from devstack.processes.children import Child

Work = tuple[Invocation, float]
"""An invocation and its deadline (epoch seconds)."""


@dataclass(frozen=True)
class ColdStart:
    """Duration of a worker's start, in milliseconds since its process was spawned or its restore began."""

    worker: int
    ready_ms: float
    """Until it requested its first invocation: interpreter, imports, init code."""
    answer_ms: float
    """Until it had answered its first invocation."""


class Worker:
    """A spawned worker; not thread-safe, lives in the event loop.

    Args:
        number: of the worker.
        child: its process.
        spawned_at: when the process was started, by `time.perf_counter`.
        processes: how many processes will request invocations; more than one on Managed Instances.
    """

    def __init__(self, number: int, child: Child, spawned_at: float, processes: int = 1) -> None:
        self.number = number
        self.child = child
        self.cold_start: ColdStart | None = None
        self.init_error: Outcome | None = None
        self.is_tried_again = False
        """True if its init was overdue and another worker takes its place."""
        self.starting = processes
        """Number of processes that have not requested an invocation yet, and still may."""
        self._processes = processes
        self._spawned_at = spawned_at
        self._ready_ms: float | None = None
        self._running: dict[str, tuple[Invocation, asyncio.TimerHandle]] = {}
        self._begun: dict[str, float] = {}
        self._hold: asyncio.Future[bool] | None = None
        self._was_held = False
        self._requests: list[asyncio.Future[Work | None]] = []

    @property
    def is_ready(self) -> bool:
        """True if it has requested its first invocation."""
        return self._ready_ms is not None

    @property
    def is_held(self) -> bool:
        """True if it waits where SnapStart takes a snapshot."""
        return self._hold is not None

    @property
    def is_past_init(self) -> bool:
        """True if its init is over; it may be held or being restored."""
        return self.is_ready or self.is_held or self._was_held

    @property
    def is_busy(self) -> bool:
        """True if it has an invocation that it has not answered."""
        return bool(self._running)

    @property
    def is_idle(self) -> bool:
        """True if all of its processes wait for an invocation; shortly after a response they do not yet."""
        return len(self._requests) == self._processes

    @property
    def is_full(self) -> bool:
        """True if each of its processes has an invocation or waits for one."""
        return len(self._running) + len(self._requests) >= self._processes

    def hold(self) -> asyncio.Future[bool]:
        """Hold it where a snapshot could be taken; the future says whether it goes on."""
        self._hold = asyncio.get_running_loop().create_future()
        return self._hold

    def restore(self) -> None:
        """Let a held worker go on."""
        if self._hold is None:
            raise AssertionError("only a held worker is restored")
        self._spawned_at, self._was_held = time.perf_counter(), True
        self._hold.set_result(True)
        self._hold = None

    def request_work(self) -> asyncio.Future[Work | None]:
        """Return a future of the next invocation of one of its processes; None when the worker ends."""
        if self._ready_ms is None:
            self._ready_ms = self._age_ms()
        self.starting = max(0, self.starting - 1)
        future: asyncio.Future[Work | None] = asyncio.get_running_loop().create_future()
        self._requests.append(future)
        return future

    def assign(self, invocation: Invocation, timeout_seconds: float, on_timeout: Callable[[], None]) -> None:
        """Give an invocation to a waiting process; after the timeout, call `on_timeout` and fail the invocation."""
        if not self._requests:
            raise AssertionError("only a worker that waits gets an invocation")

        def time_out() -> None:
            self._running.pop(invocation.request_id)
            self._begun.pop(invocation.request_id)
            on_timeout()
            invocation.fail("Sandbox.Timedout", f"Task timed out after {timeout_seconds:.2f} seconds")

        timer = asyncio.get_running_loop().call_later(timeout_seconds, time_out)
        self._running[invocation.request_id] = invocation, timer
        self._begun[invocation.request_id] = time.perf_counter()
        self._requests.pop(0).set_result((invocation, time.time() + timeout_seconds))

    def unassign(self, request_id: str) -> Invocation | None:
        """Take an invocation away from it, and return it; None if it has no such invocation."""
        invocation, timer = self._running.pop(request_id, (None, None))
        self._begun.pop(request_id, None)
        if timer is not None:
            timer.cancel()
        return invocation

    def complete(self, request_id: str, outcome: Outcome) -> bool:
        """Pass on the outcome of an invocation; return False if the worker has no such invocation."""
        begun = self._begun.get(request_id)
        invocation = self.unassign(request_id)
        if invocation is None or begun is None:
            return False
        is_first = self.cold_start is None
        if is_first and self._ready_ms is not None:
            self.cold_start = ColdStart(self.number, self._ready_ms, self._age_ms())
        milliseconds = (time.perf_counter() - begun) * 1000
        invocation.complete(replace(outcome, milliseconds=milliseconds, cold_start=is_first))
        return True

    def end(self) -> None:
        """Fail the invocations that it has, once its process has ended."""
        for request_id in list(self._running):
            if (invocation := self.unassign(request_id)) is not None:
                invocation.fail("Runtime.ExitError", self.exit_message())
        for request in self._requests:
            request.set_result(None)
        if self._hold is not None and not self._hold.done():
            self._hold.set_result(False)
        self._requests, self._hold = [], None

    def exit_message(self) -> str:
        """Say in Lambda's words how the process ended."""
        code = self.child.exit_code or 0
        if code < 0:
            return f"Runtime exited with error: signal: {signal.Signals(-code).name}"
        return f"Runtime exited with error: exit status {code}" if code else "Runtime exited without providing a reason"

    def _age_ms(self) -> float:
        return (time.perf_counter() - self._spawned_at) * 1000
