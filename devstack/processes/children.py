"""Child processes: each in a process group of its own, none left behind.

A child is always ended by SIGKILL to its group: nothing in it must outlive it. Should this process die first, the
reaper kills the children.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Self, TypeVar

from devstack.processes.errors import StackError

LOOPBACK = "127.0.0.1"
READY_SECONDS = 20.0
"""Maximum time until a child is ready."""
POLL_SECONDS = 0.005
"""Seconds between two checks of whether a child is ready; its end is noticed at once."""

T = TypeVar("T")


class Child:
    """A running child process with its log file; made by `Children.start`."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, forget: Callable[[], None]) -> None:
        self.name = name
        self.log = log
        self._process = process
        self._forget = forget
        self._watcher: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code, negative for a signal, None while it runs."""
        return self._process.poll()

    def log_text(self) -> str:
        """Read its standard output and standard error up to now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_until(self, probe: Callable[[], T | None], seconds: float = READY_SECONDS) -> T:
        """Call `probe` until it returns something, and return that.

        Raises:
            StackError: the child ended first, or `seconds` went by.

        Example:
            ``child.wait_until(lambda: "listening" in child.log_text() or None)``
        """
        for _ in range(int(seconds / POLL_SECONDS)):
            if (result := probe()) is not None:
                return result
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(POLL_SECONDS)
                raise StackError(f"{self.name} ended with {self.exit_code}: {self._last_log_line()}")
        raise StackError(f"{self.name} was not ready in {seconds:g} s: {self._last_log_line()}")

    def on_exit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, from a thread of its own, when the process has ended."""

        def watch() -> None:
            self._process.wait()
            callback()

        self._watcher = threading.Thread(target=watch, name=f"watch-{self.name}", daemon=True)
        self._watcher.start()

    def signal(self, number: int) -> None:
        """Send a signal to the process itself; does nothing if it has ended."""
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Wait for its end and return its exit code; it then needs no `kill`, if its group has ended with it.

        Raises:
            StackError: it did not end in time.
        """
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise StackError(f"{self.name} did not end in {seconds:g} s: {self._last_log_line()}") from None

    def kill(self) -> None:
        """Kill its process group and wait for its end and for the callback of `on_exit`."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        if self._watcher is not None:
            self._watcher.join()
        self._forget()

    def _last_log_line(self) -> str:
        lines = self.log_text().split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "its log is empty")


class Children:
    """Owner of child processes; leaving its ``with`` block kills them all.

    Example:
        ``with Children() as children: children.start("store", ["valkey-server"], env={}, cwd=folder, log=log)``
    """

    def __init__(self) -> None:
        self._children: dict[int, Child] = {}
        self._lock = threading.Lock()
        self._reaper: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        program = Path(__file__).with_name("reaper.py")
        self._reaper = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", "-S", program],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C at the terminal must not reach it
        )
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(list(self._children.values())):
            child.kill()
        if self._reaper is not None:
            with contextlib.suppress(BrokenPipeError):
                self._reaper_input().close()
            self._reaper.wait()

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        log: Path,
        pass_fds: Sequence[int] = (),
    ) -> Child:
        """Start a child with exactly this environment; both its outputs are appended to `log`.

        Args:
            name: for messages.
            argv: its command line.
            env: its environment variables.
            cwd: its working directory.
            log: its log file.
            pass_fds: further file descriptors that it inherits under the same numbers.

        Raises:
            StackError: the program cannot be run.
        """
        with log.open("ab") as output:
            try:
                process = subprocess.Popen(  # noqa: S603 - our own programs
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    env=env,
                    start_new_session=True,
                    pass_fds=pass_fds,
                )
            except OSError as error:
                raise StackError(f"{name} cannot be started: {error}.") from error
        child = Child(name, process, log, forget=lambda: self._forget(process.pid))
        with self._lock:
            self._children[process.pid] = child
            self._order(f"+{process.pid}")
        return child

    def _forget(self, pid: int) -> None:
        with self._lock:
            if self._children.pop(pid, None) is not None:
                self._order(f"-{pid}")

    def _order(self, order: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # without a reaper, only the death of this process leaves orphans
            self._reaper_input().write(order + "\n")
            self._reaper_input().flush()

    def _reaper_input(self) -> IO[str]:
        if self._reaper is None or self._reaper.stdin is None:
            raise StackError("Children are started inside the `with` block of their owner.")
        return self._reaper.stdin


def free_port() -> int:
    """Return a port of loopback that is free now; another process may take it first."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
