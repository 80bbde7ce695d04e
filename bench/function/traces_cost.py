"""Measure the cost of spans: of a request, and of a worker's start.

    python -m bench.function.traces_cost [--rounds 200] [--json PATH]

A request is a record, its four phases and its spans, which a thread sends to a receiver in another process. The
processor time of this process includes that thread's, for encoding and sending; the kinds take turns. Starts are
imports of what a worker imports, in processes of their own.
"""

import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing.connection import Connection
from typing import get_args

from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from container.http_request import Scope
from container.otlp_traces import OtlpTraces
from container.traces import ENDPOINTS, NoTraces, Traces
from nextitem.telemetry.record import Phase

REQUESTS = 50
BLOCKS = 5
"""Measurements of each kind, in turn."""
US_PER_S = 1e6
PATH = "/v1/sessions/visitor-7/events"
PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"
SAMPLED, UNSAMPLED = PARENT + b"01", PARENT + b"00"
KINDS = {"no traces": None, "not sampled": UNSAMPLED, "sampled": SAMPLED}
FLUSH_SECONDS = 30.0
STARTS = ("not installed", "off", "on")
START = """
import sys, time
if sys.argv[1] == "not installed":
    sys.modules["opentelemetry"] = None
import application, container.api
import nextitem.redis_client.redis_py  # it imports a part of OpenTelemetry where that is installed
from container.traces import start_traces
start_traces({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"} if sys.argv[1] == "on" else {})
[resident] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")]
print(time.process_time() * 1000, int(resident) / 1000)
"""
"""Prints processor milliseconds and resident megabytes."""


def main() -> None:
    """Print a table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="runs of each kind (default: %(default)s)")
    arguments = parser.parse_args()
    costs: dict[str, list[float]] = {name: [] for name in KINDS}
    with _receiver() as address:
        os.environ[ENDPOINTS[1]] = address
        for _ in range(BLOCKS):
            for name, traceparent in KINDS.items():
                traces = OtlpTraces() if traceparent else NoTraces()
                costs[name].append(_processor_time(traces, traceparent or SAMPLED, max(1, arguments.rounds // BLOCKS)))
    microseconds = {name: statistics.median(each) for name, each in costs.items()}
    table = Table("request", "processor us", title="a record, four phases, the spans")
    for name, median in microseconds.items():
        table.add_row(name, f"{median:.0f}")
    starts = _starts(max(1, arguments.rounds // 10))
    started = Table("OpenTelemetry", "processor ms", "MB", title="a worker's imports")
    for name, (milliseconds, megabytes) in starts.items():
        started.add_row(name, f"{milliseconds:.0f}", f"{megabytes:.1f}")
    Console().print(table, started)
    write_json({"processor_us": microseconds, "starts": starts}, arguments.json)


def _starts(rounds: int) -> dict[str, tuple[float, float]]:
    """Return the median processor milliseconds and megabytes of each kind of start."""
    figures: dict[str, list[list[float]]] = {name: [] for name in STARTS}
    for _ in range(rounds):
        for name in STARTS:
            output = subprocess.check_output([sys.executable, "-c", START, name], text=True)
            figures[name].append([float(text) for text in output.split()])
    return {name: (statistics.median(each[0] for each in rows), rows[0][1]) for name, rows in figures.items()}


def _run(traces: Traces, traceparent: bytes) -> None:
    scope: Scope = {"method": "POST", "headers": [(b"host", b"shop.example"), (b"traceparent", traceparent)]}
    for _ in range(REQUESTS):
        record = traces.new_record()
        for name in get_args(Phase):
            with record.phase(name):
                pass
        record.set_served_by("session", "v0123456789abcdef", "main")
        traces.write(scope, PATH, record, 200)


def _processor_time(traces: Traces, traceparent: bytes, rounds: int) -> float:
    """Return the processor microseconds of a request, until its spans are sent."""
    begun = time.process_time()
    for _ in range(rounds):
        _run(traces, traceparent)
    traces.close(FLUSH_SECONDS)
    return (time.process_time() - begun) * US_PER_S / (rounds * REQUESTS)


class _Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def _receive(to_parent: Connection) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Receiver)
    to_parent.send(server.server_port)
    server.serve_forever()


@contextmanager
def _receiver() -> Iterator[str]:
    """Give the address of a receiver in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_receive, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()


if __name__ == "__main__":
    main()
