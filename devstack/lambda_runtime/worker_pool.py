"""Assign invocations to workers: to a waiting one, to a new one, or else to a queue.

As on Lambda, an invocation that finds no waiting worker has one spawned for it, up to a limit, and takes whichever
worker is free first. Four things differ: at the limit Lambda throttles (429) and here the invocation waits; an init
that fails (not one that is overdue) is not tried again, its error answers the invocation; an overdue restore answers as
a function's error; workers with several processes (Managed Instances) are spawned on demand, too.
"""

import asyncio
import itertools
import math
import os
import time
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Protocol

from devstack.lambda_runtime.function import INIT_SECONDS, Function
from devstack.lambda_runtime.invocation import Invocation, Outcome, failure
from devstack.lambda_runtime.worker import ColdStart, Worker
from devstack.processes.children import Children
from devstack.processes.errors import StackError

RESTORE_SECONDS = 10.0
"""Lambda's limit for a restore from SnapStart's snapshot, the function's hooks included."""


class Ports(Protocol):
    """Opens a Runtime API for every worker, whose port tells which worker calls."""

    async def open(self, number: int) -> str:
        """Open the API of worker `number` and return its ``host:port``."""

    async def close(self, number: int) -> None:
        """Close the API of worker `number`."""


class WorkerPool:
    """The workers of one function; lives in one event loop.

    Attributes:
        logs: the log file of every worker, in the order of their start.
        cold_starts: of every worker that has answered, in the order of their first answers.
    """

    def __init__(self, function: Function, children: Children, ports: Ports, directory: Path, limit: int) -> None:
        self.logs: list[Path] = []
        self.cold_starts: list[ColdStart] = []
        self._function = function
        self._children = children
        self._ports = ports
        self._directory = directory
        self._limit = limit
        self._numbers = itertools.count(1)
        self._workers: dict[int, Worker] = {}
        self._spawning = 0
        self._waiting: list[Worker] = []
        self._queue: deque[Invocation] = deque()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[object]] = set()
        self._stopping = False

    async def invoke(self, payload: bytes, arn: str = "") -> Outcome:
        """Run the function on one event and return its outcome.

        Args:
            payload: JSON.
            arn: as the caller named the function; empty: the function's own.
        """
        if self._stopping:
            return failure("ServiceException", "The stack is stopping.")
        invocation = Invocation(arn or self._function.arn, payload, asyncio.get_running_loop().create_future())
        self._queue.append(invocation)
        self._dispatch()
        return await invocation.outcome

    async def next_invocation(self, number: int) -> tuple[Invocation, float] | None:
        """Wait for the next invocation of worker `number`; return it with its deadline (epoch seconds).

        None: the worker ends, or already has as many invocations as processes.
        """
        worker = self._workers.get(number)
        if worker is None or worker.is_full or worker.child.exit_code is not None:
            return None
        if not worker.is_ready:  # processes that have not come some time later never will
            asyncio.get_running_loop().call_later(INIT_SECONDS, self._forget_missing, worker)
        work = worker.request_work()
        self._changed.set()
        self._waiting.append(worker)
        self._dispatch()
        return await work

    def requeue(self, number: int, request_id: str) -> None:
        """Assign an invocation again, since the process of worker `number` died before it had read it."""
        worker = self._workers.get(number)
        if worker is not None and (invocation := worker.unassign(request_id)) is not None:
            self._queue.appendleft(invocation)
            self._dispatch()

    def complete(self, number: int, request_id: str, outcome: Outcome) -> bool:
        """Pass on an outcome from worker `number`; return False if it does not have that invocation."""
        worker = self._workers.get(number)
        if worker is None:
            return False
        is_first = worker.cold_start is None
        accepted = worker.complete(request_id, outcome)
        if is_first and worker.cold_start is not None:
            self.cold_starts.append(worker.cold_start)
        return accepted

    def init_failed(self, number: int, error: Outcome) -> None:
        """Keep the error of a failed init or restore of worker `number`, whose process is about to end."""
        if (worker := self._workers.get(number)) is not None:
            worker.init_error = error
            if worker.is_ready:  # other processes of the worker go on
                worker.starting = max(0, worker.starting - 1)
                self._dispatch()

    async def prepare(self) -> Outcome | None:
        """Spawn a worker and wait until its init is over; under SnapStart it is then held at its snapshot.

        Returns:
            The error of its init, or None.
        """
        self._spawning += 1
        worker = self._workers.get(await self._spawn(is_prepared=True))
        if worker is None:
            return failure("Runtime.InvalidEntrypoint", "the worker could not be started")
        await self._wait_until(lambda: worker.is_past_init or worker.number not in self._workers)
        if worker.is_past_init:
            return None
        return worker.init_error or failure("Runtime.ExitError", worker.exit_message())

    async def wait_for_restore(self, number: int) -> bool:
        """Hold worker `number` until an invocation needs it; False if it cannot be held, or ends."""
        worker = self._workers.get(number)
        if worker is None or worker.is_past_init:
            return False
        restored = worker.hold()
        self._changed.set()
        self._dispatch()
        return await restored

    async def signal(self, number: int) -> None:
        """Send a signal to the process group of each worker."""
        for worker in self._workers.values():
            os.killpg(worker.child.pid, number)

    async def wait_until_idle(self) -> None:
        """Wait until every worker waits for an invocation."""
        await self._wait_until(lambda: all(worker.is_idle for worker in self._workers.values()))

    async def retire(self) -> None:
        """End the workers without an invocation, so that the next invocation is a cold start.

        Workers that start end too, once they have come up: a request can have spawned one that it did not need.
        """
        await self._wait_until(
            lambda: self._spawning == 0 and all(worker.is_ready or worker.is_held for worker in self._workers.values())
        )
        retired = [worker for worker in self._workers.values() if not worker.is_busy]
        self._waiting.clear()
        for worker in retired:
            worker.child.kill()
        await self._wait_until(lambda: not any(worker.number in self._workers for worker in retired))

    async def stop(self) -> None:
        """End all workers, and fail all invocations without an outcome."""
        self._stopping = True
        for invocation in self._queue:
            invocation.fail("ServiceException", "The stack is stopping.")
        self._queue.clear()
        await self._wait_until(lambda: self._spawning == 0)
        for worker in list(self._workers.values()):
            worker.child.kill()
        await self._wait_until(lambda: not self._workers)
        await asyncio.gather(*self._tasks)

    def _dispatch(self) -> None:
        while self._queue and self._waiting:
            if (invocation := self._queue.popleft()).outcome.done():
                continue  # its caller has given up
            worker = self._waiting.pop()
            worker.assign(invocation, self._function.timeout_seconds, partial(self._end_overdue, worker))
        held = [worker for worker in self._workers.values() if worker.is_held]
        processes = self._function.processes
        starting = self._spawning * processes + sum(worker.starting for worker in self._workers.values()) - len(held)
        missing = max(0, len(self._queue) - starting)
        for worker in held[:missing]:
            worker.restore()
            message = f"Restore timed out after {RESTORE_SECONDS:g} seconds"
            asyncio.get_running_loop().call_later(RESTORE_SECONDS, self._end_if_not_ready, worker, message)
        spare = self._limit - self._spawning - len(self._workers)
        for _ in range(min(math.ceil((missing - len(held)) / processes), spare)):
            self._spawning += 1
            self._in_background(self._spawn())

    def _end_overdue(self, worker: Worker) -> None:
        """End a worker whose invocation timed out; on Managed Instances, where it has others, let it go on.

        https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html
        """
        if self._function.concurrency is None:
            worker.child.kill()

    async def _spawn(self, *, is_prepared: bool = False, is_second_try: bool = False) -> int:
        number = next(self._numbers)
        scratch = self._directory / f"worker-{number:04}"
        log = self._directory / f"worker-{number:04}.log"
        try:
            scratch.mkdir()
            address = await self._ports.open(number)
            spawned_at = time.perf_counter()
            child = self._children.start(
                f"worker {number}",
                self._function.command(scratch),
                env=self._function.environment(address, scratch, is_prepared=is_prepared),
                cwd=self._function.directory,
                log=log,
            )
        except (OSError, StackError) as error:
            await self._ports.close(number)
            self._fail_oldest(failure("Runtime.InvalidEntrypoint", str(error)))
            return number
        finally:
            self._spawning -= 1
            self._changed.set()
        self.logs.append(log)
        self._workers[number] = worker = Worker(number, child, spawned_at, self._function.processes)
        loop = asyncio.get_running_loop()

        def on_exit() -> None:  # called from another thread
            loop.call_soon_threadsafe(self._remove, worker)

        child.on_exit(on_exit)
        limit = self._function.init_seconds(is_prepared=is_prepared, is_second_try=is_second_try)
        is_first_try = self._function.is_on_demand(is_prepared=is_prepared) and not is_second_try
        loop.call_later(limit, self._check_init, worker, limit, is_first_try)
        return number

    def _check_init(self, worker: Worker, limit: float, is_first_try: bool) -> None:
        if not worker.is_past_init:
            worker.is_tried_again = is_first_try
            self._end_if_not_ready(worker, f"Init timed out after {limit:g} seconds")

    def _forget_missing(self, worker: Worker) -> None:
        worker.starting = 0
        self._dispatch()

    def _end_if_not_ready(self, worker: Worker, message: str) -> None:
        if worker.number in self._workers and not worker.is_ready:
            worker.init_error = failure("Sandbox.Timedout", message)
            worker.child.kill()

    def _remove(self, worker: Worker) -> None:
        worker.child.kill()  # the process has ended, its group may not have
        del self._workers[worker.number]
        self._waiting = [other for other in self._waiting if other is not worker]
        was_starting = not worker.is_ready and not worker.is_held
        worker.end()
        if was_starting and worker.is_tried_again and not self._stopping:
            self._spawning += 1
            self._in_background(self._spawn(is_second_try=True))
        elif was_starting and not self._stopping:
            self._fail_oldest(worker.init_error or failure("Runtime.ExitError", worker.exit_message()))
        self._in_background(self._ports.close(worker.number))
        self._changed.set()
        self._dispatch()

    def _fail_oldest(self, outcome: Outcome) -> None:
        """Fail one invocation for one failed init, so that a broken function does not spawn workers for ever."""
        while self._queue:
            if not (invocation := self._queue.popleft()).outcome.done():
                invocation.complete(outcome)
                return

    def _in_background(self, work: Coroutine[None, None, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()
