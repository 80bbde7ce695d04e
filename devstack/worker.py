"""One worker: a real runtime client process, and what it is doing at the moment.

It takes one invocation at a time, as on Lambda. It knows neither the other workers nor HTTP; who
gets which invocation is the pool's business.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from devstack.invocation import Invocation, Outcome
from devstack.processes import Child


@dataclass(frozen=True)
class ColdStart:
    """How long a worker took, in milliseconds since its process was spawned."""

    worker: int
    ready_ms: float
    """Until it asked for its first invocation: interpreter, imports, init code."""
    answer_ms: float
    """Until it had answered its first invocation."""


class Worker:
    """A worker process that was just spawned; not thread-safe, lives in the event loop."""

    def __init__(self, number: int, child: Child, spawned_at: float) -> None:
        self.number = number
        self.child = child
        self.cold_start: ColdStart | None = None
        self.init_error: Outcome | None = None
        self._spawned_at = spawned_at
        self._ready_ms: float | None = None
        self._invocation: Invocation | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next: asyncio.Future[tuple[Invocation, float] | None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether its init is over."""
        return self._ready_ms is not None

    @property
    def is_busy(self) -> bool:
        """Whether it has an invocation that it has not answered."""
        return self._invocation is not None

    def become_idle(self) -> asyncio.Future[tuple[Invocation, float] | None]:
        """It asks for its next one: a future of that and its deadline (epoch s); None at its end."""
        if self._ready_ms is None:
            self._ready_ms = self._age_ms()
        self._next = asyncio.get_running_loop().create_future()
        return self._next

    def take(self, invocation: Invocation, timeout_seconds: float, abandon: Callable[[], None]) -> None:
        """Give it an invocation; when the time is over, that is answered and `abandon` called."""
        if self._next is None:
            raise AssertionError("only an idle worker is given an invocation")

        def out_of_time() -> None:
            self._invocation = None
            abandon()
            invocation.fail("Sandbox.Timedout", f"Task timed out after {timeout_seconds:.2f} seconds")

        self._invocation = invocation
        self._timer = asyncio.get_running_loop().call_later(timeout_seconds, out_of_time)
        self._next.set_result((invocation, time.time() + timeout_seconds))
        self._next = None

    def answer(self, request_id: str, outcome: Outcome) -> bool:
        """Pass on its answer; False if it has no such invocation."""
        if self._invocation is None or self._invocation.request_id != request_id:
            return False
        if self.cold_start is None and self._ready_ms is not None:
            self.cold_start = ColdStart(self.number, self._ready_ms, self._age_ms())
        self._invocation.answer(outcome)
        self._forget_invocation()
        return True

    def buried(self) -> None:
        """Its process has ended: an invocation that it had is answered with that."""
        if self._invocation is not None:
            self._invocation.fail("Runtime.ExitError", self.last_words())
        self._forget_invocation()
        if self._next is not None and not self._next.done():
            self._next.set_result(None)
        self._next = None

    def last_words(self) -> str:
        """How the process ended, as Lambda says it."""
        code = self.child.exit_code or 0
        if code < 0:
            return f"Runtime exited with error: signal: {signal.Signals(-code).name}"
        return f"Runtime exited with error: exit status {code}" if code else "Runtime exited without providing a reason"

    def _forget_invocation(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._invocation = None

    def _age_ms(self) -> float:
        return (time.perf_counter() - self._spawned_at) * 1000
