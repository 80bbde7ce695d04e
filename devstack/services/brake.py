"""Make a server slow: stop its process again and again, so that each command waits."""

import signal
import threading
from collections.abc import Callable

from devstack.processes.children import Child

RUN_SECONDS = 0.005
"""Time between two stops, in which the server works."""


class Brake:
    """Slows a server down while its pause is not zero.

    Args:
        server: returns the server's process, which may change: a killed one may have been started again.

    Attributes:
        pause_ms: the duration of each stop, in milliseconds; 0 while the server is not slowed down.
    """

    def __init__(self, server: Callable[[], Child]) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._thread: threading.Thread | None = None
        self.pause_ms = 0

    def press(self, pause_ms: int) -> None:
        """Stop the server for `pause_ms` milliseconds again and again; 0 lets it run."""
        with self._lock:
            if self._thread is not None:
                self._released.set()
                self._thread.join()
                self._thread = None
            self.pause_ms = pause_ms
            if pause_ms:
                self._released.clear()
                arguments = (pause_ms / 1000,)
                self._thread = threading.Thread(target=self._stop_and_go, args=arguments, name="brake", daemon=True)
                self._thread.start()

    def _stop_and_go(self, pause: float) -> None:
        while not self._released.wait(RUN_SECONDS):
            server = self._server()
            server.signal(signal.SIGSTOP)
            self._released.wait(pause)
            server.signal(signal.SIGCONT)
