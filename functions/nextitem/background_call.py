"""A call that knows no deadline, made in a thread, so that who wants its result waits no longer than they may.

Knows nobody who is asked.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from nextitem.deadline import Deadline

_Result = TypeVar("_Result")


class _Call(Generic[_Result]):
    def __init__(self, ask: Callable[[], _Result]) -> None:
        self.done = threading.Event()
        self.error: Exception | None = None
        self._ask = ask

    def run(self) -> None:
        try:
            self.result = self._ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where the result is wanted
            self.error = error
        self.done.set()


class Waiting(Generic[_Result]):
    """Makes one call at a time; who comes while one is under way waits for that one.

    Args:
        ask: the call. It keeps its result itself, for the next to ask may come after all who waited have left.
        name: the thread's.
    """

    def __init__(self, ask: Callable[[], _Result], name: str) -> None:
        self._ask, self._name = ask, name
        self._lock = threading.Lock()
        self._call: _Call[_Result] | None = None

    def result(self, limit: Deadline) -> _Result:
        """Return what the call returns.

        Raises:
            TimeoutError: it did not before the deadline; it goes on.
            Exception: whatever the call raises.
        """
        with self._lock:
            call = self._call
            if call is None or call.done.is_set():
                call = self._call = _Call(self._ask)
                threading.Thread(target=call.run, name=self._name, daemon=True).start()
        if not call.done.wait(limit.remaining()):
            raise TimeoutError(f"no word of {self._name} in time")
        if call.error is not None:
            raise call.error
        return call.result
