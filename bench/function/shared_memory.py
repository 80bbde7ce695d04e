"""The memory of up to sixteen processes of one environment, which share the mapped weights of the model.

    python -m bench.function.shared_memory [--items 1000000] [--processes 1 4 16] [--json PATH]

As on Lambda Managed Instances, one environment downloads a version and each of its processes maps it. The proportional
set size (PSS) counts a page that n processes share as 1/n in each, so its sum is the memory of the environment.
"""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.random_model import random_artifact
from bench.common.results import write_json
from devstack.stack import Stack
from nextitem.deadline import Deadline

SMALL = 10_000
"""Items of a small model to compare with: memory besides the model is the same in both."""
SCHEME = "truncated-64"
REQUESTS = 40
"""Requests to each process before the measurement: they create its kernels and its connection."""
PATIENCE_SECONDS = 60.0
"""Maximum time until all processes of an environment have opened the model."""
KB = 1024


@dataclass(frozen=True)
class EnvironmentMemory:
    """The memory of one environment in megabytes."""

    items: int
    artifact_mb: float
    processes: int
    pss_mb: float
    rss_mb: float


def main() -> None:
    """Print a table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--items", type=int, default=1_000_000, help="items of the catalogue (default: %(default)s)")
    parser.add_argument(
        "--processes",
        type=int,
        nargs="+",
        default=[1, 4, 16],
        help="processes that share the memory (default: %(default)s)",
    )
    arguments = parser.parse_args()
    rows = []
    for items in (SMALL, arguments.items):
        with TemporaryDirectory() as folder:
            artifact = random_artifact(items, Path(folder), SCHEME)
            rows += [_measure(artifact, items, processes) for processes in arguments.processes]
    table = Table("items", "artifact MB", "processes", "sum of PSS MB", "sum of RSS MB", "PSS per further process")
    before: EnvironmentMemory | None = None
    for row in rows:
        grown = before and (row.pss_mb - before.pss_mb) / (row.processes - before.processes or 1)
        more = f"{grown:.1f}" if before and before.items == row.items else ""
        numbers = (f"{row.artifact_mb:,.0f}", str(row.processes), f"{row.pss_mb:,.0f}", f"{row.rss_mb:,.0f}", more)
        table.add_row(f"{row.items:,}", *numbers)
        before = row
    Console().print(table)
    write_json({"scheme": SCHEME, "rows": [asdict(row) for row in rows]}, arguments.json)


def _measure(artifact: Path, items: int, processes: int) -> EnvironmentMemory:
    others = _descendants(os.getpid())
    with Stack(artifact=artifact, max_workers=1, concurrency=processes) as stack:
        event = {"operation": "recommend", "item_ids": ["item-000001"], "deadline_ms": 10_000}
        payload = json.dumps(event).encode()
        together = threading.Barrier(processes)
        limit = Deadline.after(PATIENCE_SECONDS)

        def invoke(_number: int) -> None:
            together.wait()  # all processes are busy at once, so that each gets a request
            stack.invoke(payload)

        with ThreadPoolExecutor(processes) as pool:
            for _ in range(REQUESTS):
                list(pool.map(invoke, range(processes)))
            workers = [pid for pid in _descendants(os.getpid()) - others if _maps_model(pid)]
            while len(workers) < processes and limit.remaining():
                list(pool.map(invoke, range(processes)))  # some processes are still opening the model
                workers = [pid for pid in _descendants(os.getpid()) - others if _maps_model(pid)]
        if len(workers) != processes:
            raise SystemExit(f"only {len(workers)} of {processes} processes opened the model in time; run it again")
        pss, rss = (sum(_megabytes(pid, field) for pid in workers) for field in ("Pss", "Rss"))
    size = sum(path.stat().st_size for path in artifact.iterdir()) / 1e6
    return EnvironmentMemory(items, round(size, 1), processes, round(pss, 1), round(rss, 1))


def _maps_model(pid: int) -> bool:
    """Return whether a process has mapped the model's weights."""
    try:
        return "weights.bin" in Path(f"/proc/{pid}/maps").read_text("ascii", errors="replace")
    except OSError:
        return False


def _megabytes(pid: int, field: str) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * KB / 1e6


def _descendants(pid: int) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = entry.read_text("ascii", errors="replace").rpartition(")")[2]
        except OSError:
            continue  # the process has ended
        parents[int(entry.parent.name)] = int(after.split()[1])
    family = {pid}
    while new := {child for child, parent in parents.items() if parent in family} - family:
        family |= new
    return family - {pid}


if __name__ == "__main__":
    main()
