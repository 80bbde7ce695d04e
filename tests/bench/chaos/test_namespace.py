"""A cut link is silent, connections survive it, and nothing is left behind. These tests need root."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.chaos.namespace import Namespace, namespace_refusal
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
    if (reason := namespace_refusal()) is not None:
        pytest.skip(f"this machine allows no network namespace: {reason}")


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    with Namespace() as namespace:
        yield namespace


def left_by(pid: int) -> list[str]:
    """Return the namespaces and links of a process; other runs on this machine may have their own."""
    listed = subprocess.run([IP, "netns", "list"], capture_output=True, text=True, check=True).stdout
    names = [line.split()[0] for line in listed.splitlines() if line]
    links = [path.name for path in Path("/sys/class/net").iterdir()]
    return [name for name in (*names, *links) if name in {f"chaos-{pid}", f"ch{pid}o", f"ch{pid}i"}]


@pytest.mark.slow
def test_a_cut_link_is_silent_and_connections_survive_it(namespace: Namespace, tmp_path: Path) -> None:
    # GIVEN a connection to a server in the namespace
    with Children() as children:
        command = namespace.command(sys.executable, "-c", ECHO, namespace.address)
        server = children.start("echo", command, env={}, cwd=tmp_path, log=tmp_path / "log")
        server.wait_until(lambda: True if "listening" in server.log_text() else None)
        with socket.create_connection((namespace.address, PORT), PATIENCE_SECONDS) as connection:
            connection.sendall(b"a")
            assert connection.recv(1) == b"a"

            # WHEN the link is cut THEN there is no answer and no error, on a new connection either
            namespace.cut()
            connection.sendall(b"b")
            connection.settimeout(SILENCE_SECONDS)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            with pytest.raises(TimeoutError):
                socket.create_connection((namespace.address, PORT), SILENCE_SECONDS)

            # WHEN it is healed THEN the answer arrives
            namespace.heal()
            connection.settimeout(PATIENCE_SECONDS)
            assert connection.recv(1) == b"b"


def test_nothing_is_left_behind() -> None:
    def interrupted() -> None:
        with Namespace():
            assert left_by(os.getpid()) != []
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert left_by(os.getpid()) == []


def test_a_run_removes_the_namespaces_of_killed_runs() -> None:
    # GIVEN the namespace of a process that has ended
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    subprocess.run([IP, "netns", "add", f"chaos-{process.pid}"], check=True)

    # WHEN the next run begins and ends THEN the namespace is removed
    with Namespace():
        pass
    assert left_by(process.pid) == []


def test_a_second_namespace_of_a_process_is_refused(namespace: Namespace) -> None:
    refused: list[str | None] = []
    thread = threading.Thread(target=lambda: refused.append(namespace_refusal()))
    thread.start()
    thread.join()
    assert refused[0] is not None
    assert namespace.name in refused[0]
