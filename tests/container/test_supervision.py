"""What becomes of workers whose supervisor has gone, that hang, or that die while others are restarted."""

import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from container.heartbeat import MAX_STEP_SECONDS
from devstack.container import READY_SECONDS, Container
from devstack.deployments import eventually
from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.functions.client import PATIENT

HURRIED = (
    "import sys; from container import worker_process;"
    f"worker_process.SILENCE_SECONDS = {1.5 * MAX_STEP_SECONDS};"
    "from container import __main__; sys.exit(__main__.main())"
)
"""The server, which soon notices that a worker hangs."""
LONG = {"NEXTITEM_DRAIN_DELAY_SECONDS": "3600"}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack:
        yield stack


def has_ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state in "ZX"


@pytest.mark.slow
def test_workers_stop_once_their_supervisor_has_gone(stack: Stack) -> None:
    with Container(stack, workers=2) as container:
        workers = container.worker_pids()
        container.child.signal(signal.SIGKILL)
        for pid in workers:
            eventually(partial(has_ended, pid), "the worker stops")


@pytest.mark.slow
def test_a_worker_that_hangs_is_replaced(stack: Stack) -> None:
    with Container(stack, workers=2, program=("-c", HURRIED)) as container:
        stuck, other = container.worker_pids()
        os.kill(stuck, signal.SIGSTOP)
        container.child.wait_until(lambda: _has_replaced(container, stuck) or None, READY_SECONDS)
        assert f"worker {stuck} was stuck for " in container.child.log_text()
        assert other in container.worker_pids()
        assert container.stop() == 0


def _has_replaced(container: Container, pid: int) -> bool:
    pids = container.worker_pids()
    return pid not in pids and len(pids) == 2


@pytest.mark.slow
def test_a_restart_that_takes_long_is_no_reason_to_wait(stack: Stack) -> None:
    # GIVEN a worker that goes on for an hour after its successor has begun
    with Container(stack, settings=LONG) as container:
        (old,) = container.worker_pids()
        container.child.signal(signal.SIGHUP)
        new = container.child.wait_until(lambda: _beside(container, old), READY_SECONDS)
        eventually(lambda: not container.is_ready, "the old one is on its way out")
        # WHEN the successor dies THEN it is replaced at once
        os.kill(new, signal.SIGKILL)
        container.child.wait_until(lambda: _beside(container, old, new), READY_SECONDS)
        # AND the signals to stop skip the hour
        end = time.monotonic() + READY_SECONDS
        while container.child.exit_code is None and time.monotonic() < end:
            container.begin_stop()
            time.sleep(0.2)
        assert container.child.exit_code == 0, container.child.log_text()


def _beside(container: Container, *known: int) -> int | None:
    """Return the worker that is none of these, while the first of them still runs."""
    pids = set(container.worker_pids())
    return next(iter(pids - set(known)), None) if known[0] in pids else None


@pytest.mark.slow
def test_a_worker_without_a_model_replaces_none_that_has_one() -> None:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack, Container(stack) as container:
        # GIVEN a worker with a model, and a bucket that has gone
        (old,) = container.worker_pids()
        stack.kill_bucket()
        # WHEN the workers are restarted
        container.child.signal(signal.SIGHUP)
        container.child.wait_until(
            lambda: "did not start and ended with 1" in container.child.log_text() or None, READY_SECONDS
        )
        # THEN it goes on, and the log says why
        assert "no model could be loaded" in container.child.log_text()
        assert container.worker_pids() == [old]
        assert container.is_ready
        # WHEN it dies THEN one without a model is better than none
        os.kill(old, signal.SIGKILL)
        container.child.wait_until(lambda: container.worker_pids() not in ([], [old]) or None, READY_SECONDS)
        assert container.stop() == 0


@pytest.mark.slow
def test_a_worker_that_hangs_in_its_start_keeps_no_other_from_starting(stack: Stack) -> None:
    with Container(stack, workers=2) as container:
        # GIVEN a worker that does not go on with its start
        first, second = container.worker_pids()
        os.kill(first, signal.SIGKILL)
        hangs = container.child.wait_until(lambda: _beside(container, second, first), READY_SECONDS)
        os.kill(hangs, signal.SIGSTOP)
        # WHEN the other one dies THEN it is replaced, and the new one serves
        os.kill(second, signal.SIGKILL)
        container.child.wait_until(lambda: container.is_ready or None, READY_SECONDS)
        assert hangs in container.worker_pids()
        assert len(container.worker_pids()) == 2
        # AND a stop waits for none that has not started
        assert container.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGCONT, signal.SIGKILL], ids=["goes on", "fails"])
@pytest.mark.slow
def test_a_restart_replaces_those_that_still_start_too(stack: Stack, number: signal.Signals) -> None:
    with Container(stack, workers=2) as container:
        # GIVEN a worker that still starts
        dead, other = container.worker_pids()
        os.kill(dead, signal.SIGKILL)
        starts = container.child.wait_until(lambda: _beside(container, other, dead), READY_SECONDS)
        os.kill(starts, signal.SIGSTOP)
        # WHEN the workers are restarted, and it serves or fails afterwards
        container.child.signal(signal.SIGHUP)
        container.child.wait_until(lambda: len(container.worker_pids()) == 3 or None, READY_SECONDS)
        os.kill(starts, number)
        # THEN none is left of those from before
        container.child.wait_until(lambda: {starts, other}.isdisjoint(container.worker_pids()) or None, READY_SECONDS)
        container.child.wait_until(lambda: len(container.worker_pids()) == 2 or None, READY_SECONDS)
        assert container.stop() == 0


@pytest.mark.slow
def test_a_stop_lets_a_worker_that_has_just_started_answer(stack: Stack) -> None:
    with Container(stack) as container:
        # GIVEN a restart whose new worker has taken a request; the old one takes none
        (old,) = container.worker_pids()
        os.kill(old, signal.SIGSTOP)
        container.child.signal(signal.SIGHUP)
        address = urlsplit(container.url)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=READY_SECONDS) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
            _read_until(connection, b"\r\n\r\nok\n")
            connection.sendall(b"POST /v1/recommendations HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{")
            # WHEN the container stops before the request is complete THEN it is answered
            container.begin_stop()
            os.kill(old, signal.SIGCONT)
            time.sleep(0.2)  # in which a supervisor that takes the new worker for none would kill it
            connection.sendall(b"}")
            _read_until(connection, b"HTTP/1.1 ")
        assert container.stop() == 0


def _read_until(connection: socket.socket, end: bytes) -> None:
    text = b""
    while end not in text:
        part = connection.recv(1 << 16)
        assert part, text
        text += part


@pytest.mark.slow
def test_a_system_without_room_for_a_worker_is_asked_again(stack: Stack) -> None:
    with Container(stack, workers=2) as container:
        # GIVEN a supervisor that may open no more files
        dead, other = container.worker_pids()
        supervisor = container.child.pid
        limits = resource.prlimit(supervisor, resource.RLIMIT_NOFILE)
        open_files = sum(1 for _ in Path(f"/proc/{supervisor}/fd").iterdir())
        resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (open_files, limits[1]))
        # WHEN a worker dies THEN the other one serves
        os.kill(dead, signal.SIGKILL)
        container.child.wait_until(
            lambda: "no worker could be started" in container.child.log_text() or None, READY_SECONDS
        )
        assert container.worker_pids() == [other]
        assert container.is_ready
        # WHEN there is room again THEN there are two
        resource.prlimit(supervisor, resource.RLIMIT_NOFILE, limits)
        container.child.wait_until(lambda: len(container.worker_pids()) == 2 or None, READY_SECONDS)
        assert container.stop() == 0


@pytest.mark.slow
def test_a_request_that_never_becomes_whole_ends_with_the_server(stack: Stack) -> None:
    # GIVEN a request without its end
    with Container(stack, settings={"NEXTITEM_DRAIN_DELAY_SECONDS": "0", "NEXTITEM_DRAIN_SECONDS": "1"}) as container:
        address = urlsplit(container.url)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as connection:
            connection.sendall(b"POST /v1/recommendations HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{")
            time.sleep(0.3)  # the server has nothing to say of what it has read: no event to wait for
            # WHEN the server stops THEN the client gets to know it
            container.begin_stop()
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 408 ")
        assert container.stop() == 0
        assert "Traceback" not in container.child.log_text()
