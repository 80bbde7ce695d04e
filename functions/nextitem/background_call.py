"""Calls functions that take no deadline in threads, so that their callers wait no longer than they may."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from nextitem.deadline import Deadline

_Result = TypeVar("_Result")


class BackgroundCall(Generic[_Result]):
    """Calls a function in a daemon thread that starts now.

    Args:
        function: the call.
        name: the thread's name, and what the error text of a timeout calls the result.
    """

    def __init__(self, function: Callable[[], _Result], name: str) -> None:
        self._function, self._name = function, name
        self._done = threading.Event()
        self._error: Exception | None = None
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def done(self) -> bool:
        """Return whether the call has ended."""
        return self._done.is_set()

    def result(self, limit: Deadline) -> _Result:
        """Wait for the call and return its result.

        Raises:
            TimeoutError: the call did not end before the deadline; it goes on.
            Exception: whatever the call raises.
        """
        if not self._done.wait(limit.remaining()):
            raise TimeoutError(f"{self._name} did not come in time")
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._function()
        except Exception as error:  # noqa: BLE001 - raised again where the result is wanted
            self._error = error
        self._done.set()


class SharedCall(Generic[_Result]):
    """Makes one background call at a time: callers that come while it runs wait for the same result.

    Args:
        function: the call. It must keep its result itself, for its callers may have left when it ends.
        name: see `BackgroundCall`.
    """

    def __init__(self, function: Callable[[], _Result], name: str) -> None:
        self._function, self._name = function, name
        self._lock = threading.Lock()
        self._call: BackgroundCall[_Result] | None = None

    def result(self, limit: Deadline) -> _Result:
        """Return the result of the call under way, or of a new one; see `BackgroundCall.result`."""
        with self._lock:
            if self._call is None or self._call.done():
                self._call = BackgroundCall(self._function, self._name)
            call = self._call
        return call.result(limit)
