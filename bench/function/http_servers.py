"""HTTP servers for Python, one worker each: processor time of a trivial request, memory, and how each one stops.

    python -m bench.function.http_servers [--requests 5000] [--rounds 5] [--json PATH]

The application answers a short POST with 2 kB. Processor time is the server's own (user and system, ``/proc``), so
that neither the client nor other work on the machine is in it. A server that is not installed is left out.

The stop: a client with an open connection sends a request after SIGTERM, and another one connects.
"""

import http.client
import importlib.util
import os
import signal
import sys
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from devstack.processes.children import LOOPBACK, Child, Children, free_port

BODY = b'{"events":[{"item_id":"item-000001","event_id":"e1"}]}'
ANSWER = b"x" * 2048
HTTP_SECONDS = 20.0
STATUS_OK = 200
PAUSE_SECONDS = 0.2
"""After SIGTERM: long enough for each server to have noticed it."""
_TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")
_HERE = "bench.function.http_servers"

SERVERS = {
    "uvicorn, httptools, asyncio": ("uvicorn", "--http", "httptools", "--loop", "asyncio"),
    "uvicorn, httptools, uvloop": ("uvicorn", "--http", "httptools", "--loop", "uvloop"),
    "uvicorn, h11, asyncio": ("uvicorn", "--http", "h11", "--loop", "asyncio"),
    "granian, ASGI": ("granian", "--interface", "asgi"),
    "granian, RSGI": ("granian", "--interface", "rsgi"),
    "hypercorn": ("hypercorn",),
}
_NEEDS = {"httptools": "httptools", "uvloop": "uvloop"}


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Answer each request with `ANSWER`, after its body."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
    await send({"type": "http.response.start", "status": STATUS_OK, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


async def rsgi(_scope: Any, protocol: Any) -> None:
    """Answer each request with `ANSWER`, after its body."""
    await protocol()
    protocol.response_bytes(STATUS_OK, [("content-type", "application/json")], ANSWER)


@dataclass(frozen=True)
class Figures:
    """The figures of a server.

    Attributes:
        cpu_us: processor time of a request, microseconds; the median of the rounds.
        memory_mb: resident memory after the requests, all its processes.
        open_connection: the status of a request on an open connection after SIGTERM, or the error.
        new_connection: the same of a new one.
    """

    cpu_us: float
    memory_mb: float
    open_connection: str
    new_connection: str


def main() -> None:
    """Print one line for each server."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--requests", type=int, default=5000, help="requests of a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, servers in turn (default: %(default)s)")
    arguments = parser.parse_args()
    figures = _measure(arguments.requests, arguments.rounds)
    print(f"{'server':30} {'CPU us':>8} {'MB':>7}  open connection / new one after SIGTERM")
    for name, figure in figures.items():
        stops = f"{figure.open_connection} / {figure.new_connection}"
        print(f"{name:30} {figure.cpu_us:8.0f} {figure.memory_mb:7.1f}  {stops}")
    write_json({name: asdict(figure) for name, figure in figures.items()}, arguments.json)


def _measure(requests: int, rounds: int) -> dict[str, Figures]:
    names = [name for name, command in SERVERS.items() if _is_installed(command)]
    with TemporaryDirectory() as folder, ExitStack() as running:
        children = running.enter_context(Children())
        servers = {name: _start(children, name, Path(folder)) for name in names}
        times: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(rounds):
            for name, (child, port) in servers.items():
                began = _cpu_us(child.pid)
                _send(port, requests)
                times[name].append((_cpu_us(child.pid) - began) / requests)
        return {
            name: Figures(round(median(times[name]), 1), _memory_mb(child.pid), *_stop(child, port))
            for name, (child, port) in servers.items()
        }


def _is_installed(command: tuple[str, ...]) -> bool:
    wanted = [command[0], *(_NEEDS[part] for part in command if part in _NEEDS)]
    return all(importlib.util.find_spec(name) is not None for name in wanted)


def _start(children: Children, name: str, folder: Path) -> tuple[Child, int]:
    command, port = SERVERS[name], free_port()
    application = f"{_HERE}:{'rsgi' if 'rsgi' in command else 'asgi'}"
    bind = ("--bind", f"{LOOPBACK}:{port}") if command[0] == "hypercorn" else ("--host", LOOPBACK, "--port", str(port))
    quiet = () if command[0] == "hypercorn" else ("--log-level", "warning")
    child = children.start(
        name,
        [sys.executable, "-m", *command, *bind, *quiet, application],
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        cwd=Path.cwd(),
        log=folder / f"{port}.log",
    )
    child.wait_until(lambda: _answers(port) or None)
    return child, port


def _answers(port: int) -> bool:
    try:
        _send(port, 1)
    except OSError:
        return False
    return True


def _send(port: int, requests: int) -> None:
    with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=HTTP_SECONDS)) as connection:
        for _ in range(requests):
            if (text := _ask(connection)) != str(STATUS_OK):
                raise OSError(text)


def _ask(connection: http.client.HTTPConnection) -> str:
    connection.request("POST", "/v1/recommendations", BODY, {"content-type": "application/json"})
    response = connection.getresponse()
    response.read()
    return str(response.status)


def _stop(child: Child, port: int) -> tuple[str, str]:
    """Send SIGTERM and return what happens to a request on an open connection, and on a new one."""
    kept, new = (http.client.HTTPConnection(LOOPBACK, port, timeout=HTTP_SECONDS) for _ in range(2))
    with closing(kept), closing(new):
        _ask(kept)
        child.signal(signal.SIGTERM)
        signal.sigtimedwait([], PAUSE_SECONDS)
        kept.auto_open = 0  # a client that connects again would hide the loss
        return _outcome(kept), _outcome(new)


def _outcome(connection: http.client.HTTPConnection) -> str:
    try:
        return _ask(connection)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [pid, *(other for child in children for other in _family(int(child)))]


def _cpu_us(pid: int) -> float:
    fields = [Path(f"/proc/{one}/stat").read_text("ascii").rpartition(")")[2].split() for one in _family(pid)]
    return sum(int(field[11]) + int(field[12]) for field in fields) * _TICK_US


def _memory_mb(pid: int) -> float:
    page = os.sysconf("SC_PAGE_SIZE") / 1e6
    pages = [int(Path(f"/proc/{one}/statm").read_text("ascii").split()[1]) for one in _family(pid)]
    return round(sum(pages) * page, 1)


if __name__ == "__main__":
    main()
