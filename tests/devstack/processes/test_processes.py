"""Child processes leave nothing behind."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.processes.children import Children
from devstack.processes.errors import StackError
from tests.devstack.lambda_runtime.gate import PATIENCE_SECONDS

ENVIRONMENT = {"PATH": os.defpath}
FAMILY = 'exec 3>"$0"; sleep 1000 & echo started; wait'
"""A shell and its child, which both keep the FIFO $0 open while they live."""
ORPHAN_MAKER = """
import sys
from pathlib import Path
from devstack.processes.children import Children
with Children() as children:
    log = Path(sys.argv[2] + ".log")
    child = children.start("family", ["/bin/sh", "-c", sys.argv[1], sys.argv[2]], env={}, cwd=log.parent, log=log)
    child.wait_until(lambda: "started" in child.log_text() or None)
    print("started", flush=True)
    sys.stdin.read()
"""


@contextmanager
def fifo(path: Path) -> Iterator[int]:
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_closed_for_writing(descriptor: int) -> bool:
    """Wait until no process has the FIFO open for writing."""
    waiting = select.poll()
    waiting.register(descriptor, 0)  # a hang-up is always reported
    return bool(waiting.poll(PATIENCE_SECONDS * 1000))


def test_killing_a_child_kills_its_children_too(tmp_path: Path) -> None:
    with fifo(tmp_path / "held") as held, Children() as children:
        argv = ["/bin/sh", "-c", FAMILY, str(tmp_path / "held")]
        child = children.start("family", argv, env=ENVIRONMENT, cwd=tmp_path, log=tmp_path / "log")
        child.wait_until(lambda: "started" in child.log_text() or None)

        child.kill()

        assert is_closed_for_writing(held)
        assert child.exit_code == -signal.SIGKILL


def test_leaving_the_block_ends_every_child(tmp_path: Path) -> None:
    with Children() as children:
        started = [
            children.start(name, ["sleep", "1000"], env=ENVIRONMENT, cwd=tmp_path, log=tmp_path / name)
            for name in ("first", "second")
        ]
        assert [child.exit_code for child in started] == [None, None]

    assert [child.exit_code for child in started] == [-signal.SIGKILL] * 2


def test_children_end_with_their_block_even_without_a_reaper(tmp_path: Path) -> None:
    with Children() as children:
        reaper = children._reaper
        assert reaper is not None
        reaper.kill()
        reaper.wait()
        child = children.start("child", ["sleep", "1000"], env=ENVIRONMENT, cwd=tmp_path, log=tmp_path / "log")

    assert child.exit_code == -signal.SIGKILL


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_children_do_not_survive_the_death_of_their_owner(tmp_path: Path, death: signal.Signals) -> None:
    with fifo(tmp_path / "held") as held:
        command = [sys.executable, "-c", ORPHAN_MAKER, FAMILY, str(tmp_path / "held")]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ) as owner:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "started\n"

            owner.send_signal(death)

        assert is_closed_for_writing(held)


def test_a_child_that_ends_before_it_is_ready_is_an_error_with_its_last_line(tmp_path: Path) -> None:
    with Children() as children:
        argv = ["/bin/sh", "-c", "echo no disk left; exit 4"]
        child = children.start("store", argv, env=ENVIRONMENT, cwd=tmp_path, log=tmp_path / "log")

        with pytest.raises(StackError, match="store ended with 4: no disk left"):
            child.wait_until(lambda: None)


def test_a_child_that_never_becomes_ready_is_an_error(tmp_path: Path) -> None:
    with Children() as children:
        child = children.start("idler", ["sleep", "1000"], env=ENVIRONMENT, cwd=tmp_path, log=tmp_path / "log")
        with pytest.raises(StackError, match=r"idler was not ready in 0\.05 s: its log is empty"):
            child.wait_until(lambda: None, seconds=0.05)


def test_a_missing_program_is_an_error(tmp_path: Path) -> None:
    with Children() as children, pytest.raises(StackError, match="ghost cannot be started"):
        children.start("ghost", [tmp_path / "ghost"], env=ENVIRONMENT, cwd=tmp_path, log=tmp_path / "log")


def test_the_end_of_a_child_is_noticed(tmp_path: Path) -> None:
    with Children() as children:
        child = children.start("brief", ["true"], env=ENVIRONMENT, cwd=tmp_path, log=tmp_path / "log")
        noticed = threading.Event()
        child.on_exit(noticed.set)

        assert noticed.wait(PATIENCE_SECONDS)
        assert child.exit_code == 0
