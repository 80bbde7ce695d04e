"""Call functions that take no deadline in threads, so that the caller can stop waiting at its own deadline."""

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
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def done(self) -> bool:
        """Return whether the call has ended."""
        return self._done.is_set()

    def result(self, limit: Deadline | None = None) -> _Result:
        """Wait for the call, until the deadline if there is one, and return its result.

        Raises:
            TimeoutError: the call did not end before the deadline; it goes on.
            BaseException: any error of the call.
        """
        if not self._done.wait(None if limit is None else limit.remaining()):
            raise TimeoutError(f"{self._name} did not come in time")
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:  # noqa: BLE001 - `result` raises it again; obstore's panics are no Exceptions
            self._error = error
        self._done.set()


class SharedCall(Generic[_Result]):
    """Makes one background call at a time: callers that come while it runs share its result.

    Args:
        function: the call. It must keep its result itself, for its callers may have left when it ends.
        name: see `BackgroundCall`.
    """

    def __init__(self, function: Callable[[], _Result], name: str) -> None:
        self._function, self._name = function, name
        self._lock = threading.Lock()
        self._call: BackgroundCall[_Result] | None = None

    def start(self) -> BackgroundCall[_Result]:
        """Return the call under way, or begin a new one."""
        with self._lock:
            if self._call is None or self._call.done():
                self._call = BackgroundCall(self._function, self._name)
            return self._call

    def result(self, limit: Deadline) -> _Result:
        """Return the result of the call under way, or of a new one; see `BackgroundCall.result`."""
        return self.start().result(limit)

    def fresh_result(self, limit: Deadline) -> _Result:
        """Return the result of a call that begins after the one under way."""
        with self._lock:
            call = self._call
        if call is not None:
            call.result(limit)
        return self.result(limit)
