"""Start the worker processes, replace those that die or hang, restart them (SIGHUP), and stop them (SIGTERM).

uvicorn's own supervisor starts uvicorn's server, not one that drains (decision 46).
"""

import contextlib
import json
import math
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from container.heartbeat import NEEDS_MODEL, Watch
from container.settings import ContainerSettings

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
"""Blocked, and taken one by one: none is lost, and none comes in the middle of something."""
STOPS = {signal.SIGTERM, signal.SIGINT}
POLL_SECONDS = 0.1
START_SECONDS = 60.0
"""Maximum time until a worker serves: a first model may have to be downloaded."""
PAUSE_SECONDS = 1.0
"""After a worker that did not start, so that such a fault does not take all the time."""
EXIT_SECONDS = 8.0
"""After delay and drain, a worker lets idle connections linger and saves snapshots. Then it is killed."""
SILENCE_SECONDS = 30.0
"""A worker whose event loop has not run for so long is stuck. It is killed, and replaced like any that dies."""
BACKLOG = 1024
"""Connections that wait to be accepted, of all workers together."""

SERVES = "workers serve on "
"""In the line of the log that says the address; `devstack.container` reads it."""

Report = Callable[[str], None]


def report_line(message: str) -> None:
    """Write a line of JSON to stderr."""
    sys.stderr.write(json.dumps({"level": "INFO", "service": "nextitem", "message": message}) + "\n")
    sys.stderr.flush()


class Worker:
    """A worker process.

    Args:
        listening: the socket that it shares with the others.
        needs_model: whether it ends at its start if no model can be loaded, because others have one.

    Raises:
        OSError: the system has no place for another process.
    """

    def __init__(self, listening: socket.socket, *, needs_model: bool = False) -> None:
        self._control, theirs = socket.socketpair()
        descriptors = listening.fileno(), theirs.fileno()
        command = [sys.executable, "-m", "container.worker", *map(str, descriptors), *[NEEDS_MODEL] * needs_model]
        with contextlib.ExitStack() as undo, theirs:
            undo.callback(self._control.close)
            self._process = subprocess.Popen(command, pass_fds=descriptors)  # noqa: S603 - our own program
            undo.pop_all()
        self._watch = Watch(self._control)
        self.serves = False
        self.kill_at = math.inf
        """Monotonic seconds at which a worker that got SIGTERM is killed."""

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    @property
    def has_to_be_gone(self) -> bool:
        """Whether it has ended, or was given the time to."""
        return self.exit_code is not None or time.monotonic() > self.kill_at

    def wait_until_it_serves(self, seconds: float) -> bool:
        """Return whether it serves before it ends, before a signal to stop comes, and within some seconds."""
        until = time.monotonic() + seconds
        while not self.serves and time.monotonic() < until and not signal.sigpending() & STOPS:
            if select.select([self._control], [], [], POLL_SECONDS)[0]:
                self._watch = Watch(self._control)
                self.serves = self._watch.has_beaten()
                break
        return self.serves

    @property
    def has_model(self) -> bool:
        """Whether it said so last."""
        return self._watch.has_model

    def is_stuck(self) -> bool:
        """Return whether it runs, and has not said for a long time that it serves."""
        return self.exit_code is None and self._watch.silence() > SILENCE_SECONDS

    def send(self, number: int) -> None:
        """Send a signal, if it still runs."""
        self._process.send_signal(number)

    def end(self, seconds: float) -> int:
        """Wait for its end, kill it after some seconds, and return the exit code."""
        try:
            code = self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._control.close()
        return code


class Supervisor:
    """The parent of all worker processes.

    Args:
        settings: their number, and how long they may take to stop.
        listening: the socket that they share.
        report: takes lines for the log.
    """

    def __init__(self, settings: ContainerSettings, listening: socket.socket, report: Report = report_line) -> None:
        self._settings, self._listening, self._report = settings, listening, report
        self._stop_seconds = settings.drain_delay_seconds + settings.drain_seconds + EXIT_SECONDS
        self._workers: list[Worker] = []
        self._outdated: list[Worker] = []
        """Those of the workers that a restart has not replaced yet."""
        self._leaving: list[Worker] = []
        """Workers that were replaced and have not ended yet."""

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT and return the exit code: 1 if a worker cannot start."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        code = 0 if self._start_all() and self._all_serve() and self._supervise() else 1
        return self._stop(code)

    def _start_all(self) -> bool:
        try:
            for _ in range(self._settings.workers):
                self._workers.append(Worker(self._listening))
        except OSError as error:
            self._report(f"worker {len(self._workers) + 1} of {self._settings.workers} could not be started: {error}")
            return False
        return True

    def _all_serve(self) -> bool:
        if signal.sigpending() & STOPS:
            return True
        for worker in self._workers:
            if not worker.wait_until_it_serves(START_SECONDS):
                stops = bool(signal.sigpending() & STOPS)
                if not stops:
                    self._report(f"worker {worker.pid} did not start; its own lines say why")
                return stops
        host, port = self._listening.getsockname()[:2]
        self._report(f"{len(self._workers)} {SERVES}{host}:{port}")
        return True

    def _supervise(self) -> bool:
        """Keep the workers running until a signal to stop; return False if none runs and none can be started."""
        while True:
            received = signal.sigtimedwait(SIGNALS, PAUSE_SECONDS)
            if received is not None and received.si_signo in STOPS:
                return True
            if received is not None and received.si_signo == signal.SIGHUP:
                self._outdated = list(self._workers)
            self._forget_ended()
            while len(self._workers) < self._settings.workers and self._add():
                pass
            if not self._workers:
                return bool(signal.sigpending() & STOPS)
            if self._outdated and not self._leaving:
                self._replace(self._outdated.pop(0))

    def _forget_ended(self) -> None:
        """Forget the workers that have ended, and kill those that will not."""
        for worker in self._workers:
            if worker.is_stuck():
                worker.send(signal.SIGKILL)
                self._report(f"worker {worker.pid} was stuck for {SILENCE_SECONDS:g} s and is killed")
        for dead in [worker for worker in self._workers if worker.exit_code is not None]:
            self._workers.remove(dead)
            self._report(f"worker {dead.pid} ended with {dead.end(0)}; another one takes its place")
        self._outdated = [worker for worker in self._outdated if worker in self._workers]
        for old in [worker for worker in self._leaving if worker.has_to_be_gone]:
            self._leaving.remove(old)
            self._report(f"worker {old.pid} was replaced and ended with {old.end(0)}")

    def _replace(self, old: Worker) -> None:
        """Start another worker and tell this one to stop; if none starts, the restart is over."""
        if not self._add():
            self._outdated = []
            return
        self._workers.remove(old)
        self._leaving.append(old)
        old.kill_at = time.monotonic() + self._stop_seconds
        old.send(signal.SIGTERM)

    def _add(self) -> bool:
        """Start one more worker and wait until it serves; return False if it does not.

        It needs a model if another worker has one: it would refuse the requests that it takes from that one.
        """
        try:
            new = Worker(self._listening, needs_model=any(worker.has_model for worker in self._workers))
        except OSError as error:  # no process or file is free
            self._report(f"no worker could be started: {error}; {len(self._workers)} go on")
            time.sleep(PAUSE_SECONDS)
            return False
        if new.wait_until_it_serves(START_SECONDS):
            self._workers.append(new)
            return True
        is_stopped = bool(signal.sigpending() & STOPS)
        code = new.end(0 if is_stopped else PAUSE_SECONDS)  # one that gave up is about to end by itself
        self._report(f"worker {new.pid} did not start and ended with {code}")
        if not is_stopped:
            time.sleep(PAUSE_SECONDS)
        return False

    def _stop(self, code: int) -> int:
        """Stop all workers at the same time; another signal makes them skip the delay.

        From here on only the workers have the listening socket: when the last one closes it, connections are refused.
        """
        self._listening.close()
        while signal.sigtimedwait(SIGNALS, 0) is not None:  # those that led here
            pass
        for worker in self._workers:
            worker.send(signal.SIGTERM)
        workers = self._workers + self._leaving
        until = time.monotonic() + self._stop_seconds
        while any(worker.exit_code is None for worker in workers) and time.monotonic() < until:
            received = signal.sigtimedwait(SIGNALS, POLL_SECONDS)
            if received is not None and received.si_signo in STOPS:
                for worker in workers:
                    worker.send(received.si_signo)
        codes = [worker.end(0) for worker in workers]
        return code or (1 if any(codes) else 0)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound and listens.

    Raises:
        OSError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as undo:
        listening = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        undo.pop_all()
    return listening
