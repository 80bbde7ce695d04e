"""One worker: a real runtime client process, or several of one environment, and what they are doing at the moment.

On demand a worker is one process that takes one invocation at a time. On Lambda Managed Instances the runtime client
forks so many processes as may run at once, and all ask the same Runtime API. It knows neither the other workers nor
HTTP; who gets which invocation is the pool's business.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from devstack.lambda_runtime.invocation import Invocation, Outcome
from devstack.processes.children import Child

Work = tuple[Invocation, float]
"""An invocation and its deadline (epoch seconds)."""


@dataclass(frozen=True)
class ColdStart:
    """How long a worker took, in milliseconds since its process was spawned, or since its restore began."""

    worker: int
    ready_ms: float
    """Until it asked for its first invocation: interpreter, imports, init code."""
    answer_ms: float
    """Until it had answered its first invocation."""


class Worker:
    """A worker that was just spawned; not thread-safe, lives in the event loop.

    Args:
        number: its own.
        child: its process.
        spawned_at: when that was started, by `time.perf_counter`.
        processes: how many of them will ask for work: more than one on Managed Instances.
    """

    def __init__(self, number: int, child: Child, spawned_at: float, processes: int = 1) -> None:
        self.number = number
        self.child = child
        self.cold_start: ColdStart | None = None
        self.init_error: Outcome | None = None
        self.coming = processes
        """How many of its processes have not asked for work yet, and still may."""
        self._processes = processes
        self._spawned_at = spawned_at
        self._ready_ms: float | None = None
        self._running: dict[str, tuple[Invocation, asyncio.TimerHandle]] = {}
        self._hold: asyncio.Future[bool] | None = None
        self._was_held = False
        self._asking: list[asyncio.Future[Work | None]] = []

    @property
    def is_ready(self) -> bool:
        """Whether it has asked for its first invocation."""
        return self._ready_ms is not None

    @property
    def is_held(self) -> bool:
        """Whether it stands where SnapStart takes a snapshot."""
        return self._hold is not None

    @property
    def is_past_init(self) -> bool:
        """Whether its init is over, though it may be held, or be restored at the moment."""
        return self.is_ready or self.is_held or self._was_held

    @property
    def is_busy(self) -> bool:
        """Whether it has an invocation that it has not answered."""
        return bool(self._running)

    @property
    def is_idle(self) -> bool:
        """Whether all of its processes ask for an invocation: one that has just answered does so a moment later."""
        return len(self._asking) == self._processes

    @property
    def is_full(self) -> bool:
        """Whether each of its processes has an invocation, or has asked for one."""
        return len(self._running) + len(self._asking) >= self._processes

    def hold(self) -> asyncio.Future[bool]:
        """Its init is over and a snapshot could be taken: a future of whether it is to go on."""
        self._hold = asyncio.get_running_loop().create_future()
        return self._hold

    def restore(self) -> None:
        """Let it go on from there."""
        if self._hold is None:
            raise AssertionError("only a held worker is restored")
        self._spawned_at, self._was_held = time.perf_counter(), True
        self._hold.set_result(True)
        self._hold = None

    def become_idle(self) -> asyncio.Future[Work | None]:
        """One of its processes asks for its next one: a future of that; None at its end."""
        if self._ready_ms is None:
            self._ready_ms = self._age_ms()
        self.coming = max(0, self.coming - 1)
        future: asyncio.Future[Work | None] = asyncio.get_running_loop().create_future()
        self._asking.append(future)
        return future

    def take(self, invocation: Invocation, timeout_seconds: float, abandon: Callable[[], None]) -> None:
        """Give it an invocation; when the time is over, that is answered and `abandon` called."""
        if not self._asking:
            raise AssertionError("only an idle worker is given an invocation")

        def out_of_time() -> None:
            self._running.pop(invocation.request_id)
            abandon()
            invocation.fail("Sandbox.Timedout", f"Task timed out after {timeout_seconds:.2f} seconds")

        timer = asyncio.get_running_loop().call_later(timeout_seconds, out_of_time)
        self._running[invocation.request_id] = invocation, timer
        self._asking.pop().set_result((invocation, time.time() + timeout_seconds))

    def give_back(self, request_id: str) -> Invocation | None:
        """Take away an invocation that none of its processes has seen."""
        return self._forgotten(request_id)

    def answer(self, request_id: str, outcome: Outcome) -> bool:
        """Pass on its answer; False if it has no such invocation."""
        invocation = self._forgotten(request_id)
        if invocation is None:
            return False
        if self.cold_start is None and self._ready_ms is not None:
            self.cold_start = ColdStart(self.number, self._ready_ms, self._age_ms())
        invocation.answer(outcome)
        return True

    def buried(self) -> None:
        """Its process has ended: the invocations that it had are answered with that."""
        for request_id in list(self._running):
            if (invocation := self._forgotten(request_id)) is not None:
                invocation.fail("Runtime.ExitError", self.last_words())
        for asking in self._asking:
            asking.set_result(None)
        if self._hold is not None and not self._hold.done():
            self._hold.set_result(False)
        self._asking, self._hold = [], None

    def last_words(self) -> str:
        """How the process ended, as Lambda says it."""
        code = self.child.exit_code or 0
        if code < 0:
            return f"Runtime exited with error: signal: {signal.Signals(-code).name}"
        return f"Runtime exited with error: exit status {code}" if code else "Runtime exited without providing a reason"

    def _forgotten(self, request_id: str) -> Invocation | None:
        invocation, timer = self._running.pop(request_id, (None, None))
        if timer is not None:
            timer.cancel()
        return invocation

    def _age_ms(self) -> float:
        return (time.perf_counter() - self._spawned_at) * 1000
