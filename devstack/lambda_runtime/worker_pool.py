"""Who gets which invocation: idle workers first, new ones on demand, else a queue.

The rule is Lambda's: an invocation that finds no idle worker has one spawned for it, up to a limit,
and takes whichever worker is free first. At the limit Lambda would throttle (429); here the
invocation waits, since a laptop's limit is no statement about traffic. Two further differences: a
failed init is not tried a second time, the invocation is answered with its error at once; and
workers with several processes (Managed Instances) come on demand, too.
This module knows no HTTP: `Doors` gives each worker the address at which it finds its own API.
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

from devstack.lambda_runtime.function import Function
from devstack.lambda_runtime.invocation import Invocation, Outcome, failure
from devstack.lambda_runtime.worker import ColdStart, Worker
from devstack.processes.children import Children
from devstack.processes.errors import StackError

INIT_SECONDS = 10.0
"""Lambda's limit for the init phase."""
RESTORE_SECONDS = 10.0
"""Lambda's limit for a restore from SnapStart's snapshot, the function's hooks included."""


class Doors(Protocol):
    """Gives every worker a Runtime API of its own, so that it is known who calls."""

    async def open(self, number: int) -> str:
        """Open the API of worker `number`; returns its ``host:port``."""

    async def close(self, number: int) -> None:
        """Close the API of worker `number`."""


class WorkerPool:
    """The workers of one function; everything here runs in one event loop."""

    def __init__(self, function: Function, children: Children, doors: Doors, directory: Path, limit: int) -> None:
        self.logs: list[Path] = []
        self.cold_starts: list[ColdStart] = []
        self._function = function
        self._children = children
        self._doors = doors
        self._directory = directory
        self._limit = limit
        self._numbers = itertools.count(1)
        self._workers: dict[int, Worker] = {}
        self._opening = 0
        self._idle: list[Worker] = []
        self._queue: deque[Invocation] = deque()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[object]] = set()
        self._stopping = False

    async def invoke(self, payload: bytes) -> Outcome:
        """Run the function on one event (JSON) and return how that came out."""
        if self._stopping:
            return failure("ServiceException", "The stack is stopping.")
        invocation = Invocation(payload, asyncio.get_running_loop().create_future())
        self._queue.append(invocation)
        self._dispatch()
        return await invocation.outcome

    async def next_invocation(self, number: int) -> tuple[Invocation, float] | None:
        """Worker `number` asks for work: an invocation and its deadline (epoch seconds).

        None says that there will be none. Waits as long as it takes.
        """
        worker = self._workers.get(number)
        if worker is None or worker.is_full or worker.child.exit_code is not None:
            return None  # out of turn, or the last words of a process that is gone
        future = worker.become_idle()
        self._changed.set()
        self._idle.append(worker)
        self._dispatch()
        return await future

    def give_back(self, number: int, request_id: str) -> None:
        """The process of worker `number` that asked for an invocation died before it read it: another one gets it."""
        worker = self._workers.get(number)
        if worker is not None and (invocation := worker.give_back(request_id)) is not None:
            self._queue.appendleft(invocation)
            self._dispatch()

    def answer(self, number: int, request_id: str, outcome: Outcome) -> bool:
        """Worker `number` answers; False if it was not given that invocation."""
        worker = self._workers.get(number)
        if worker is None:
            return False
        was_new = worker.cold_start is None
        accepted = worker.answer(request_id, outcome)
        if was_new and worker.cold_start is not None:
            self.cold_starts.append(worker.cold_start)
        return accepted

    def init_failed(self, number: int, error: Outcome) -> None:
        """Worker `number` says why its init, or its restore, failed; the process that says so is about to exit."""
        if (worker := self._workers.get(number)) is not None:
            worker.init_error = error
            if worker.is_ready:  # other processes of it go on
                worker.coming = max(0, worker.coming - 1)
                self._dispatch()

    async def prepare(self) -> Outcome | None:
        """Spawn a worker and wait until its init is over; under SnapStart it then stands where a snapshot is taken.

        Returns:
            Why its init failed, or None.
        """
        self._opening += 1
        worker = self._workers.get(await self._spawn())
        if worker is None:
            return failure("Runtime.InvalidEntrypoint", "the worker could not be started")
        await self._settle(lambda: worker.is_past_init or worker.number not in self._workers)
        if worker.is_past_init:
            return None
        return worker.init_error or failure("Runtime.ExitError", worker.last_words())

    async def restored(self, number: int) -> bool:
        """Worker `number` waits to be restored, as long as it takes; False if it never will be."""
        worker = self._workers.get(number)
        if worker is None or worker.is_past_init:
            return False
        future = worker.hold()
        self._changed.set()
        self._dispatch()
        return await future

    async def signal(self, number: int) -> None:
        """Send a signal to the process group of each worker."""
        for worker in self._workers.values():
            os.killpg(worker.child.pid, number)

    async def rest(self) -> None:
        """Wait until every worker asks for an invocation."""
        await self._settle(lambda: all(worker.is_idle for worker in self._workers.values()))

    async def retire(self) -> None:
        """End the workers that have nothing to do, so that the next invocation is a cold start."""
        doomed = [each for each in self._workers.values() if (each.is_ready and not each.is_busy) or each.is_held]
        self._idle.clear()
        for worker in doomed:
            worker.child.kill()
        await self._settle(lambda: not any(worker.number in self._workers for worker in doomed))

    async def stop(self) -> None:
        """End all workers and answer what is still open with an error."""
        self._stopping = True
        for invocation in self._queue:
            invocation.fail("ServiceException", "The stack is stopping.")
        self._queue.clear()
        await self._settle(lambda: self._opening == 0)
        for worker in list(self._workers.values()):
            worker.child.kill()
        await self._settle(lambda: not self._workers)
        await asyncio.gather(*self._tasks)

    def _dispatch(self) -> None:
        while self._queue and self._idle:
            if (invocation := self._queue.popleft()).outcome.done():
                continue  # nobody waits for it any more
            worker = self._idle.pop()
            worker.take(invocation, self._function.timeout_seconds, partial(self._abandon, worker))
        held = [worker for worker in self._workers.values() if worker.is_held]
        processes = self._function.processes
        coming = self._opening * processes + sum(worker.coming for worker in self._workers.values()) - len(held)
        wanted = max(0, len(self._queue) - coming)
        for worker in held[:wanted]:
            worker.restore()
            late = partial(self._end_if_not_ready, worker, f"Restore timed out after {RESTORE_SECONDS:g} seconds")
            asyncio.get_running_loop().call_later(RESTORE_SECONDS, late)
        room = self._limit - self._opening - len(self._workers)
        for _ in range(min(math.ceil((wanted - len(held)) / processes), room)):
            self._opening += 1
            self._in_background(self._spawn())

    def _abandon(self, worker: Worker) -> None:
        """End a worker that took too long; on Managed Instances, where it has other work, even what is late goes on.

        https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html
        """
        if self._function.concurrency is None:
            worker.child.kill()

    async def _spawn(self) -> int:
        number = next(self._numbers)
        scratch = self._directory / f"worker-{number:04}"
        log = self._directory / f"worker-{number:04}.log"
        try:
            scratch.mkdir()
            address = await self._doors.open(number)
            spawned_at = time.perf_counter()
            child = self._children.start(
                f"worker {number}",
                self._function.command(),
                env=self._function.environment(address, scratch),
                cwd=self._function.directory,
                log=log,
            )
        except (OSError, StackError) as error:
            await self._doors.close(number)
            self._fail_oldest(failure("Runtime.InvalidEntrypoint", str(error)))
            return number
        finally:
            self._opening -= 1
            self._changed.set()
        self.logs.append(log)
        self._workers[number] = worker = Worker(number, child, spawned_at, self._function.processes)
        loop = asyncio.get_running_loop()

        def ended() -> None:  # called from another thread
            loop.call_soon_threadsafe(self._bury, worker)

        child.on_exit(ended)
        loop.call_later(INIT_SECONDS, self._check_init, worker)
        return number

    def _check_init(self, worker: Worker) -> None:
        if not worker.is_past_init:
            self._end_if_not_ready(worker, f"Init timed out after {INIT_SECONDS:g} seconds")
        elif worker.is_ready:
            worker.coming = 0  # a process that is not here by now never will be
            self._dispatch()

    def _end_if_not_ready(self, worker: Worker, message: str) -> None:
        if worker.number in self._workers and not worker.is_ready:
            worker.init_error = failure("Sandbox.Timedout", message)
            worker.child.kill()

    def _bury(self, worker: Worker) -> None:
        worker.child.kill()  # the process is gone, its group may not be
        del self._workers[worker.number]
        self._idle = [each for each in self._idle if each is not worker]
        was_wanted = not worker.is_ready and not worker.is_held
        worker.buried()
        if was_wanted and not self._stopping:
            self._fail_oldest(worker.init_error or failure("Runtime.ExitError", worker.last_words()))
        self._in_background(self._doors.close(worker.number))
        self._changed.set()
        self._dispatch()

    def _fail_oldest(self, outcome: Outcome) -> None:
        """One failed init costs one invocation, so that a broken function cannot spawn for ever."""
        while self._queue:
            if not (invocation := self._queue.popleft()).outcome.done():
                invocation.answer(outcome)
                return

    def _in_background(self, work: Coroutine[None, None, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self, done: Callable[[], bool]) -> None:
        while not done():
            self._changed.clear()
            await self._changed.wait()
