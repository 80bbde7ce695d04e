"""Child processes: each in a process group of its own, none left behind.

A child is ended by SIGKILL to its group, always: nothing that a child of the stack holds is meant
to outlive it. Should this process die first, the guardian ends the children. This module knows
nothing of what the children are.
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
from types import TracebackType
from typing import IO, Self, TypeVar

from devstack.processes.errors import StackError

LOOPBACK = "127.0.0.1"
READY_SECONDS = 20.0
"""A child that is not ready by then never will be."""
POLL_SECONDS = 0.005
"""Between two looks at whether a child is ready; its end is noticed at once."""

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
        """Process id, and id of its process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code, negative for a signal, None while it runs."""
        return self._process.poll()

    def log_text(self) -> str:
        """Everything it has written to standard output and standard error so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_until(self, probe: Callable[[], T | None], seconds: float = READY_SECONDS) -> T:
        """Ask `probe` again and again until it answers something.

        Raises:
            StackError: the child ended before that, or `seconds` went by.
        """
        for _ in range(int(seconds / POLL_SECONDS)):
            if (answer := probe()) is not None:
                return answer
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(POLL_SECONDS)
                raise StackError(f"{self.name} ended with {self.exit_code}: {self._last_words()}")
        raise StackError(f"{self.name} was not ready in {seconds:g} s: {self._last_words()}")

    def on_exit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, from a thread of its own, when the process has ended."""

        def watch() -> None:
            self._process.wait()
            callback()

        self._watcher = threading.Thread(target=watch, name=f"watch-{self.name}", daemon=True)
        self._watcher.start()

    def kill(self) -> None:
        """End it and its whole group, and wait for that; when this returns, on_exit's call is over."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        if self._watcher is not None:
            self._watcher.join()
        self._forget()

    def _last_words(self) -> str:
        lines = self.log_text().split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")


class Children:
    """Owner of child processes; leaving its ``with`` block ends them all."""

    def __init__(self) -> None:
        self._children: dict[int, Child] = {}
        self._lock = threading.Lock()
        self._guardian: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        program = Path(__file__).with_name("reaper.py")
        self._guardian = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", "-S", program],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C at the terminal must not reach it
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in reversed(list(self._children.values())):
            child.kill()
        if self._guardian is not None:
            with contextlib.suppress(BrokenPipeError):
                self._orders().close()
            self._guardian.wait()

    def start(self, name: str, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, log: Path) -> Child:
        """Start a child with exactly this environment; both its outputs are appended to `log`.

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
                )
            except OSError as error:
                raise StackError(f"{name} cannot be started: {error}.") from error
        child = Child(name, process, log, forget=lambda: self._forget(process.pid))
        with self._lock:
            self._children[process.pid] = child
            self._tell(f"+{process.pid}")
        return child

    def _forget(self, pid: int) -> None:
        with self._lock:
            if self._children.pop(pid, None) is not None:
                self._tell(f"-{pid}")

    def _tell(self, order: str) -> None:
        # Without its guardian the stack still ends its own children; it only loses the second net.
        with contextlib.suppress(BrokenPipeError):
            self._orders().write(order + "\n")
            self._orders().flush()

    def _orders(self) -> IO[str]:
        if self._guardian is None or self._guardian.stdin is None:
            raise StackError("Children are started inside the `with` block of their owner.")
        return self._guardian.stdin


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
