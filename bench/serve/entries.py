"""The ways to serve a model that are compared, each as processes of its own on loopback."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from bench.common.random_model import HIDDEN
from bench.serve.processes import children_of, command_of
from devstack.container import Container
from devstack.processes.children import LOOPBACK, Children, free_port
from devstack.stack import Stack

START_SECONDS = 120.0
"""A million items of torch take some seconds to draw."""


@dataclass(frozen=True)
class Served:
    """A running server.

    Attributes:
        url: of its HTTP API.
        server: process ids of what answers: they get a core of their own.
        beside: process ids by name of what else a request needs: they share the other core with the generator.
    """

    url: str
    server: tuple[int, ...]
    beside: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Entry:
    """A way to serve.

    Attributes:
        name: in tables.
        serve: serves the artifact in a folder, with so many items, by so many worker processes.
    """

    name: str
    serve: Callable[[Path, int, int], AbstractContextManager[Served]]


@contextmanager
def _container(artifact: Path, _items: int, workers: int) -> Iterator[Served]:
    with Stack(artifact=artifact) as stack, Container(stack, workers=workers) as container:
        yield Served(container.url, (container.child.pid, *container.worker_pids()), {"Valkey": _stores()})


@contextmanager
def _function(artifact: Path, _items: int, workers: int) -> Iterator[Served]:
    with Stack(artifact=artifact, max_workers=workers) as stack:
        connection = HTTPConnection(urlsplit(stack.url).netloc)
        connection.request("GET", "/v1/health")  # starts a worker
        if connection.getresponse().status != 200:  # noqa: PLR2004 - OK
            raise SystemExit("the function does not answer")
        connection.close()
        runtimes = tuple(pid for pid in children_of(os.getpid()) if "awslambdaric" in command_of(pid))
        yield Served(stack.url, runtimes, {"Valkey": _stores(), "HTTP front": (os.getpid(),)})


@contextmanager
def _torch(_artifact: Path, items: int, _workers: int) -> Iterator[Served]:
    port = free_port()
    options = ["--items", f"{items}", "--hidden", f"{HIDDEN}", "--port", f"{port}"]
    with TemporaryDirectory() as folder, Children() as children:
        child = children.start(
            "torch",
            [sys.executable, "-m", "bench.serve.torch_server", *options],
            env=os.environ,
            cwd=Path.cwd(),
            log=Path(folder) / "torch.log",
        )
        child.wait_until(lambda: _listens(port) or None, START_SECONDS)
        yield Served(f"http://{LOOPBACK}:{port}", (child.pid,), {})


ENTRIES = (Entry("container", _container), Entry("Lambda in devstack", _function), Entry("torch, aiohttp", _torch))


def _stores() -> tuple[int, ...]:
    return tuple(pid for pid in children_of(os.getpid()) if "valkey-server" in command_of(pid))


def _listens(port: int) -> bool:
    connection = HTTPConnection(LOOPBACK, port)
    try:
        connection.connect()
    except OSError:
        return False
    finally:
        connection.close()
    return True
