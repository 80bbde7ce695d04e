"""Requests per second of one core at p99 <= 50 ms, for each way to serve the same model, and what a request is made of.

    python -m bench.serve [--items 40000 1000000] [--only container] [--profile] [--json PATH]

An event is appended to a session and answered with 20 items, in an open loop: requests are sent when they are due, and
latency counts from then, so that a slow answer does not hide the ones behind it. The rate grows until p99 is over
50 ms, a request fails, or answers fall behind; then the knee is searched between the last two rates.

The server has one core (`--workers` processes on it), and Valkey, the generator and what else a request needs share
the other. Without a second core they share one. Processor times are those of /proc over the knee's step. `--profile`
samples the server with py-spy below the knee.

Models have random weights, hidden size 128 and the scheme that `--scheme` names. Entries: the container
(`functions/container`), the Lambda function in devstack (whose HTTP front is a Python process beside it, which AWS does
not have), and a plain PyTorch server (`bench.serve.torch_server`).
"""

import os
from argparse import Namespace
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.random_model import HIDDEN, random_artifact
from bench.common.results import write_json
from bench.load.figures import StepFigures, figures_of
from bench.serve.entries import ENTRIES, Entry, Served
from bench.serve.knee import P99_MS, find_knee, knee_of
from bench.serve.processes import cpu_ms, pin
from bench.serve.profile import profile
from bench.serve.sender import pin as pin_generator
from bench.serve.sender import send_step
from bench.serve.visits import Visits

SCHEME = "truncated-96"
FIRST_RATE = 40.0
SECONDS = 8.0
MOST_STEPS = 16
WARM_SECONDS = 2.0
SEED = 11
BELOW_KNEE = 0.8
"""Share of the knee's rate at which the server is profiled."""


@dataclass(frozen=True)
class Row:
    """The knee of one entry.

    Attributes:
        entry: its name.
        items: of the catalogue.
        workers: worker processes on the server's core.
        rps: requests per second that were answered; 0 if no rate held.
        p50_ms: median from the time at which a request was due.
        p99_ms: 99th percentile of that.
        errors: requests without an answer, or with another status than 200.
        cpu_us: processor time of a request by process, microseconds.
        late_ms: 99th percentile of the generator's own delay, which is a part of the latency.
        shares: of the server's processor time, by part of a request; empty without `--profile`.
        steps: the figures of all rates.
    """

    entry: str
    items: int
    workers: int
    rps: float
    p50_ms: float
    p99_ms: float
    errors: int
    cpu_us: dict[str, float]
    late_ms: float
    shares: dict[str, float]
    steps: list[StepFigures] = field(repr=False)


class _Load:
    """Sends steps to one server from a process on the generator's core."""

    def __init__(self, served: Served, items: int, generator: ProcessPoolExecutor) -> None:
        self._served, self._generator = served, generator
        self._visits = Visits(items, SEED)
        self.cpu_us: dict[float, dict[str, float]] = {}

    def send(self, rate: float, seconds: float) -> StepFigures:
        """Send one step and remember the processor times of a request at its rate."""
        before = self._cpu()
        result = self._generator.submit(send_step, self._served.url, self._visits.step(rate, seconds)).result()
        requests = max(1, len(result.samples))
        after = self._cpu()
        self.cpu_us[rate] = {name: round((after[name] - before[name]) * 1000 / requests, 1) for name in after}
        return figures_of(result)

    def _cpu(self) -> dict[str, float]:
        processes = {"server": self._served.server, **self._served.beside}
        return {name: cpu_ms(pids) for name, pids in processes.items()}


def main() -> None:
    """Print a table and write JSON if asked."""
    names = [entry.name.partition(" ")[0].rstrip(",") for entry in ENTRIES]
    parser = benchmark_parser(__doc__)
    parser.add_argument("--items", type=int, nargs="+", default=[40_000, 1_000_000], help="sizes of the catalogue")
    parser.add_argument("--only", choices=names, nargs="+", default=names, help="entries to measure")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the server (default: 1)")
    parser.add_argument("--scheme", default=SCHEME, help="scoring scheme of the model (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of a step (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=MOST_STEPS, help="maximum number of rates (default: %(default)s)")
    parser.add_argument("--profile", action="store_true", help="sample the server below the knee (needs py-spy)")
    arguments = parser.parse_args()
    chosen = [entry for name, entry in zip(names, ENTRIES, strict=True) if name in arguments.only]
    rows = []
    for items in arguments.items:
        with TemporaryDirectory() as folder:
            artifact = random_artifact(items, Path(folder), arguments.scheme)
            rows += [_measure(entry, artifact, items, arguments) for entry in chosen]
    _print(rows)
    document = {"hidden": HIDDEN, "scheme": arguments.scheme, "p99_ms": P99_MS, "rows": [asdict(row) for row in rows]}
    write_json(document, arguments.json)


def _measure(entry: Entry, artifact: Path, items: int, arguments: Namespace) -> Row:
    *others, last = sorted(os.sched_getaffinity(0))
    server, beside = ({last}, set(others) or {last})
    spawn = get_context("spawn")
    with (
        ProcessPoolExecutor(1, spawn, initializer=pin_generator, initargs=(beside,)) as generator,
        entry.serve(artifact, items, arguments.workers) as served,
    ):
        pin(served.server, server)
        for pids in served.beside.values():
            pin(pids, beside)
        load = _Load(served, items, generator)
        load.send(FIRST_RATE, min(WARM_SECONDS, arguments.seconds))
        steps = find_knee(lambda rate: load.send(rate, arguments.seconds), FIRST_RATE, arguments.steps)
        knee = knee_of(steps)
        shares = {}
        if arguments.profile and knee is not None:
            with profile(served.server, arguments.seconds) as shares:
                load.send(knee.rate * BELOW_KNEE, arguments.seconds)
    pin([os.getpid()], {*server, *beside})
    figures = knee or min(steps, key=lambda step: step.rate)
    return Row(
        entry.name,
        items,
        arguments.workers,
        round(knee.achieved, 1) if knee else 0.0,
        round(figures.p50_ms, 2),
        round(figures.p99_ms, 2),
        figures.errors,
        load.cpu_us[figures.rate],
        round(figures.sent_late_ms, 2),
        shares,
        steps,
    )


def _print(rows: list[Row]) -> None:
    title = f"One core, open loop, p99 <= {P99_MS:.0f} ms"
    table = Table(
        "", "items", "workers", "requests/s", "p50 ms", "p99 ms", "errors", "CPU of a request, µs", title=title
    )
    for row in rows:
        cpu = ", ".join(f"{name} {microseconds:.0f}" for name, microseconds in row.cpu_us.items())
        times = f"{row.p50_ms:.1f}", f"{row.p99_ms:.1f}"
        table.add_row(row.entry, f"{row.items:,}", str(row.workers), f"{row.rps:.0f}", *times, str(row.errors), cpu)
    console = Console(width=130)
    console.print(table)
    for row in rows:
        if row.shares:
            parts = ", ".join(f"{part} {share:.0%}" for part, share in row.shares.items())
            console.print(f"{row.entry}, {row.items:,} items: {parts}")


if __name__ == "__main__":
    main()
