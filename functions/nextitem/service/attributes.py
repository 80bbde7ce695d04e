"""Load the attributes of a route's items after a cold start: its first answer needs the joins of the catalogue only."""

import gc
from collections.abc import Callable

from nextitem.background_call import SharedCall
from nextitem.deadline import Deadline
from nextitem.errors import RegistryUnavailable

RETRY_SECONDS = 1.0
"""Minimum time between two attempts to load a first model, or attributes, so that 503s stay cheap."""
SILENT_SECONDS = 0.05
"""A request's wait for a bucket that did not answer before. It also gives the attempt time to go on: Lambda freezes the
process after the answer."""


class Attributes:
    """Loads the attributes in a thread; requests that need them wait for it.

    Args:
        load: loads and keeps them.
        on_fault: called with each error.
        clock: the wall clock, in seconds.
    """

    def __init__(
        self, load: Callable[[], None], on_fault: Callable[[BaseException], None], clock: Callable[[], float]
    ) -> None:
        self._load, self._on_fault, self._clock = load, on_fault, clock
        self._failed_at, self._is_late = -float("inf"), False
        self._attempt = SharedCall(self._try_to_load, "attributes")

    def start(self) -> None:
        """Begin to load them, unless a thread does already, or has failed right now."""
        if not self._has_just_failed():
            self._attempt.start()

    def wait(self, limit: Deadline) -> None:
        """Wait for the attempt under way, or for a new one, which goes on after that time.

        After one wait in vain, requests no longer wait until an attempt has ended.
        """
        if self._has_just_failed():
            return
        try:
            self._attempt.result(limit.within(SILENT_SECONDS) if self._is_late else limit)
        except TimeoutError:
            if not self._is_late:
                self._on_fault(RegistryUnavailable("the attributes of the catalogue were not loaded in time"))
            self._is_late = True

    def _has_just_failed(self) -> bool:
        return 0 <= self._clock() - self._failed_at < RETRY_SECONDS

    def _try_to_load(self) -> None:
        try:
            self._load()
        except BaseException as error:  # noqa: BLE001 - panics of obstore are no Exceptions
            self._failed_at = self._clock()
            self._on_fault(error)
        else:
            return
        finally:
            self._is_late = False
        gc.collect()  # an error, its traceback and a variable with the error form a cycle, which may keep a model
