"""Bound the work of a worker process: so many requests at once, so many that wait, and none that waits too long."""

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")


class Admission:
    """Runs the work of requests in threads; lives in one event loop.

    Args:
        concurrency: requests at once.
        queue: requests that may wait.
        max_wait: seconds after which a request that had to wait is refused: its client has given up, or soon will.
    """

    def __init__(self, concurrency: int, queue: int, max_wait: float) -> None:
        self._concurrency, self._room, self._max_wait = concurrency, concurrency + queue, max_wait
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="request")
        self._admitted = 0

    @property
    def in_flight(self) -> int:
        """Requests that are worked on now."""
        return min(self._admitted, self._concurrency)

    @property
    def waiting(self) -> int:
        """Requests that wait now."""
        return self._admitted - self.in_flight

    async def run(self, work: Callable[[], _Result]) -> _Result | None:
        """Do the work of a request in a thread and return its result; None if the request is refused.

        Args:
            work: does it, and returns no None.
        """
        if self._admitted >= self._room:
            return None
        self._admitted += 1
        # One that found a free thread is late only where the machine is: refusing it would help none.
        latest = time.monotonic() + (self._max_wait if self.waiting else math.inf)

        def begin() -> _Result | None:
            return None if time.monotonic() > latest else work()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, begin)
        finally:
            self._admitted -= 1

    def close(self) -> None:
        """Wait for the work under way, and begin no other."""
        self._threads.shutdown(cancel_futures=True)
