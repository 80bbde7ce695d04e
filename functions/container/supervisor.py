"""Start the worker processes, replace those that die or hang, restart them (SIGHUP), and stop them (SIGTERM).

uvicorn's own supervisor starts uvicorn's server, not one that drains (decision 46).
"""

import contextlib
import json
import select
import signal
import socket
import sys
import time
from collections.abc import Callable

from container.settings import ContainerSettings
from container.worker_process import SILENCE_SECONDS, Worker

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
"""Blocked, and taken one by one: none is lost, and none comes in the middle of something."""
STOPS = {signal.SIGTERM, signal.SIGINT}
POLL_SECONDS = 0.1
PAUSE_SECONDS = 1.0
"""After a worker that did not start, so that such a fault does not take all the time."""
EXIT_SECONDS = 8.0
"""After delay and drain, a worker lets idle connections linger and saves snapshots. Then it is killed."""
BACKLOG = 1024
"""Connections that wait to be accepted, of all workers together."""

SERVES = "workers serve on "
"""In the line of the log that says the address; `devstack.container` reads it."""

Report = Callable[[str], None]


def report_line(message: str) -> None:
    """Write a line of JSON to stderr."""
    sys.stderr.write(json.dumps({"level": "INFO", "service": "nextitem", "message": message}) + "\n")
    sys.stderr.flush()


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
        self._starting: list[Worker] = []
        """Those that do not serve yet. The others are looked after meanwhile: a start may take a minute."""
        self._workers: list[Worker] = []
        """Those that serve."""
        self._outdated: list[Worker] = []
        """Those that a restart has not replaced yet. They began before it, and some may still start."""
        self._leaving: list[Worker] = []
        """Workers that were replaced and have not ended yet."""
        self._next_start = 0.0
        """Monotonic seconds before which no worker is started."""
        self._is_hopeless = False
        """Whether a start failed while no worker served, for other reasons than a model that only others had."""

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT and return the exit code: 1 if a worker cannot start."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        code = 0 if self._start_all() and self._supervise() else 1
        return self._stop(code)

    def _start_all(self) -> bool:
        """Start the workers; return False if one does not serve, for a reason other than a signal to stop."""
        for _ in range(self._settings.workers):
            self._start()
        while self._starting and not signal.sigpending() & STOPS:
            if len(self._workers) + len(self._starting) < self._settings.workers:
                return False
            select.select(self._starting, [], [], POLL_SECONDS)
            self._look_at_starts()
        if len(self._workers) == self._settings.workers:
            host, port = self._listening.getsockname()[:2]
            self._report(f"{len(self._workers)} {SERVES}{host}:{port}")
            return True
        return bool(signal.sigpending() & STOPS)

    def _supervise(self) -> bool:
        """Keep the workers running until a signal to stop; return False if none runs and none can be started."""
        while True:
            received = signal.sigtimedwait(SIGNALS, POLL_SECONDS if self._starting else PAUSE_SECONDS)
            if received is not None and received.si_signo in STOPS:
                return True
            if received is not None and received.si_signo == signal.SIGHUP:
                self._outdated = self._workers + self._starting
            self._forget_ended()
            self._look_at_starts()
            if self._is_hopeless and not self._starting:
                return bool(signal.sigpending() & STOPS)
            self._start_missing()

    def _forget_ended(self) -> None:
        """Forget the workers that have ended, and kill those that will not."""
        for worker in self._workers:
            if worker.is_stuck():
                worker.send(signal.SIGKILL)
                self._report(f"worker {worker.pid} was stuck for {SILENCE_SECONDS:g} s and is killed")
        dead = [worker for worker in self._workers if worker.exit_code is not None]
        for worker in dead:
            self._workers.remove(worker)
            self._report(f"worker {worker.pid} ended with {worker.end(0)}; another one takes its place")
        self._outdated = [worker for worker in self._outdated if worker not in dead]
        for old in [worker for worker in self._leaving if worker.has_to_be_gone]:
            self._leaving.remove(old)
            self._report(f"worker {old.pid} was replaced and ended with {old.end(0)}")

    def _start_missing(self) -> None:
        """Start as many workers as are missing; while none is, one to replace an outdated one."""
        missing = self._settings.workers - len(self._workers) - len(self._starting)
        if missing == 0 and self._outdated and not self._leaving:
            missing = 1
        while missing > 0 and time.monotonic() >= self._next_start:
            self._start()
            missing -= 1

    def _start(self) -> None:
        """Start one more worker.

        It needs a model if another worker has one: it would refuse the requests that it takes from that one.
        """
        try:
            needs_model = any(worker.has_model for worker in self._workers)
            self._starting.append(Worker(self._listening, needs_model=needs_model))
        except OSError as error:  # no process or file is free
            self._report(f"no worker could be started: {error}; {len(self._workers)} go on")
            self._pause_starts(may_be_hopeless=True, ends_restart=True)

    def _look_at_starts(self) -> None:
        """Count the workers that serve by now, and forget those that never will."""
        for worker in list(self._starting):
            worker.look()
            if worker.serves:
                self._take_in(worker)
            elif worker.has_failed_to_start:
                self._starting.remove(worker)
                code = worker.end(PAUSE_SECONDS if worker.has_given_up else 0)
                self._report(f"worker {worker.pid} did not start and ended with {code}; its own lines say why")
                is_outdated = worker in self._outdated
                self._outdated = [other for other in self._outdated if other is not worker]
                self._pause_starts(may_be_hopeless=not worker.needs_model, ends_restart=not is_outdated)

    def _take_in(self, worker: Worker) -> None:
        """Count a worker that serves. If they are too many now, an outdated one has been replaced."""
        self._starting.remove(worker)
        self._workers.append(worker)
        self._is_hopeless = False
        for other in self._starting:
            other.give_time()  # they shared the processor
        if len(self._workers) > self._settings.workers:
            self._let_go(next((old for old in self._outdated if old.serves), self._workers[0]))

    def _pause_starts(self, *, may_be_hopeless: bool, ends_restart: bool) -> None:
        """Pause after a start that failed. One that began with a restart ends it: others would not start, either."""
        self._next_start = time.monotonic() + PAUSE_SECONDS
        self._is_hopeless = may_be_hopeless and not self._workers
        if self._outdated and ends_restart:
            self._report(f"the restart is over: {len(self._workers)} workers go on as they are")
            self._outdated = []

    def _let_go(self, old: Worker) -> None:
        """Tell a worker to stop: another one has its place."""
        self._outdated = [worker for worker in self._outdated if worker is not old]
        self._workers.remove(old)
        self._leaving.append(old)
        old.kill_at = time.monotonic() + self._stop_seconds
        old.send(signal.SIGTERM)

    def _stop(self, code: int) -> int:
        """Stop all workers at the same time; another signal makes them skip the delay.

        From here on only the workers have the listening socket: when the last one closes it, connections are refused.
        """
        self._listening.close()
        while signal.sigtimedwait(SIGNALS, 0) is not None:  # those that led here
            pass
        self._look_at_starts()  # one that serves has requests, and those of a restart are as good as another
        for worker in self._starting:
            worker.end(0)
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
