"""A Valkey server that a test may stop, kill and start again; and a proxy to it that breaks its connections."""

import contextlib
import os
import select
import signal
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from redis import Redis

from devstack.processes.children import LOOPBACK, Children
from devstack.services.valkey import start_valkey, valkey_binary, wait_until_ready


class OwnValkey:
    """A server with its process in the test's hands."""

    def __init__(self, children: Children, folder: Path) -> None:
        self._children, self._folder = children, folder
        started = start_valkey(children, folder)
        self.url, self._child = started.url, started.child
        self.port = urlsplit(self.url).port or 0

    def client(self) -> Redis:
        return Redis.from_url(self.url)

    def stop(self) -> None:
        """Let it stand still: connections stay open, nothing is answered."""
        os.kill(self._child.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self._child.pid, signal.SIGCONT)

    def kill(self) -> None:
        self._child.kill()

    def start_again(self) -> None:
        """Start another, empty server on the port of the killed one."""
        log = self._folder / f"after-{self._child.pid}.log"
        arguments = ["--bind", LOOPBACK, "--port", str(self.port), "--save", "", "--appendonly", "no"]
        env = {"PATH": os.defpath}
        self._child = self._children.start(
            "valkey-server", [valkey_binary(), *arguments], env=env, cwd=self._folder, log=log
        )
        wait_until_ready(self._child)


class BreakingLine:
    """A port that leads to a server; its first connection breaks when the answer to its first command is due."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server((LOOPBACK, 0))
        self._clients: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self.broke = threading.Event()
        self.url = f"redis://{LOOPBACK}:{self._listener.getsockname()[1]}/0"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in (self._listener, *self._clients):
            with contextlib.suppress(OSError):  # it is closed already
                each.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        try:
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                with client, socket.create_connection((LOOPBACK, self._port)) as server:
                    self._forward(client, server)
        except OSError:
            return  # the listener was shut down

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        while True:
            for ready in select.select([client, server], [], [])[0]:
                data = ready.recv(1 << 16)
                if ready is server and not self.broke.is_set():
                    self.broke.set()
                    return
                if not data:
                    return
                (server if ready is client else client).sendall(data)
