"""The cut in a network namespace: silence, then everything goes on; and nothing is left behind. Needs root."""

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.chaos.namespace import Namespace, refusal
from devstack.processes.children import Children

PORT = 6000
IP = shutil.which("ip") or "no ip here"
SILENCE_SECONDS = 0.3
PATIENCE_SECONDS = 10.0
ECHO = f"""
import socket, sys
listener = socket.create_server((sys.argv[1], {PORT}))
print("listening", flush=True)
connection, _ = listener.accept()
while data := connection.recv(1):
    connection.sendall(data)
"""


@pytest.fixture(scope="module", autouse=True)
def _namespaces_allowed() -> None:
    if (reason := refusal()) is not None:
        pytest.skip(f"no network namespace here: {reason}")


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    with Namespace() as namespace:
        yield namespace


def left() -> str:
    """What is there of namespaces and of lines into them."""
    listed = subprocess.run([IP, "netns", "list"], capture_output=True, text=True, check=True).stdout
    return listed + "".join(sorted(path.name for path in Path("/sys/class/net").iterdir()))


def test_a_cut_line_is_silent_and_a_mended_one_goes_on(namespace: Namespace, tmp_path: Path) -> None:
    # GIVEN a connection to a server in the namespace
    with Children() as children:
        command = namespace.command(sys.executable, "-c", ECHO, namespace.address)
        server = children.start("echo", command, env={}, cwd=tmp_path, log=tmp_path / "log")
        server.wait_until(lambda: True if "listening" in server.log_text() else None)
        with socket.create_connection((namespace.address, PORT), PATIENCE_SECONDS) as connection:
            connection.sendall(b"a")
            assert connection.recv(1) == b"a"

            # WHEN the line is cut THEN what is sent vanishes: no answer and no error, nor on a new connection
            namespace.cut()
            connection.sendall(b"b")
            connection.settimeout(SILENCE_SECONDS)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            with pytest.raises(TimeoutError):
                socket.create_connection((namespace.address, PORT), SILENCE_SECONDS)

            # WHEN it is mended THEN the answer comes after all
            namespace.heal()
            connection.settimeout(PATIENCE_SECONDS)
            assert connection.recv(1) == b"b"


def test_nothing_is_left_behind() -> None:
    # GIVEN what is there WHEN a block that has a namespace ends in an exception
    before = left()

    def interrupted() -> None:
        with Namespace():
            assert left() != before
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()

    # THEN only that is there again
    assert left() == before


def test_what_a_killed_run_left_is_removed_by_the_next() -> None:
    # GIVEN the namespace of a process that is no more
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    before = left()
    subprocess.run([IP, "netns", "add", f"chaos-{process.pid}"], check=True)

    # WHEN the next one begins and ends THEN it is gone
    with Namespace():
        pass
    assert left() == before


def test_names_are_this_process_s_own(namespace: Namespace) -> None:
    # GIVEN a namespace WHEN another thread of this process wants one of the same name THEN it is refused, not shared
    refused: list[str | None] = []
    thread = threading.Thread(target=lambda: refused.append(refusal()))
    thread.start()
    thread.join()
    assert refused[0] is not None
    assert namespace.name in refused[0]
