"""What becomes of workers whose supervisor has gone, that hang, or that die while others are restarted."""

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from container.heartbeat import MAX_STEP_SECONDS
from devstack.container import READY_SECONDS, Container
from devstack.deployments import eventually
from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.functions.client import PATIENT

HURRIED = (
    "import sys; from container import __main__, supervisor;"
    f"supervisor.SILENCE_SECONDS = {1.5 * MAX_STEP_SECONDS}; sys.exit(__main__.main())"
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
