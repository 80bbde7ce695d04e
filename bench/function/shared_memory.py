"""What sixteen processes of one environment keep in memory: the model's weights are mapped, so they share them.

As on Lambda Managed Instances, one environment downloads a version and each of its processes maps it. The proportional
set size (PSS) counts a page that n processes share as a nth in each: its sum is what the environment really holds.
`python -m bench.function.shared_memory [--items 1000000 --json PATH]`
"""

import argparse
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from bench.common.results import write_json
from bench.function.random_model import random_artifact
from devstack.stack import Stack
from nextitem.deadline import Deadline

SMALL = 10_000
"""Items of the model that the large one is held against: what is not the model costs the same in both."""
SCHEME = "truncated-64"
PROCESSES = (1, 4, 16)
REQUESTS = 40
"""Sent to each process, so that its kernels and its connection are there."""
PATIENCE_SECONDS = 60.0
"""For all processes of an environment to have opened the model."""
KB = 1024


@dataclass(frozen=True)
class Row:
    """One environment. Sizes are megabytes."""

    items: int
    artifact_mb: float
    processes: int
    pss_mb: float
    rss_mb: float


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    for items in (SMALL, arguments.items):
        with TemporaryDirectory() as folder:
            artifact = random_artifact(items, Path(folder), SCHEME)
            rows += [_row(artifact, items, processes) for processes in PROCESSES]
    table = Table("items", "artifact MB", "processes", "sum of PSS MB", "sum of RSS MB", "PSS for one more MB")
    before: Row | None = None
    for row in rows:
        grown = before and (row.pss_mb - before.pss_mb) / (row.processes - before.processes or 1)
        more = f"{grown:.1f}" if before and before.items == row.items else ""
        numbers = (f"{row.artifact_mb:,.0f}", str(row.processes), f"{row.pss_mb:,.0f}", f"{row.rss_mb:,.0f}", more)
        table.add_row(f"{row.items:,}", *numbers)
        before = row
    Console().print(table)
    if arguments.json:
        write_json({"scheme": SCHEME, "rows": [asdict(row) for row in rows]}, arguments.json)


def _row(artifact: Path, items: int, processes: int) -> Row:
    others = _descendants(os.getpid())
    with Stack(artifact=artifact, max_workers=1, concurrency=processes) as stack:
        event = {"operation": "recommend", "item_ids": ["item-000001"], "deadline_ms": 10_000}
        payload = json.dumps(event).encode()
        together = threading.Barrier(processes)
        limit = Deadline.after(PATIENCE_SECONDS)

        def ask(_number: int) -> None:
            together.wait()  # all processes are asked at once, so that none is left out
            stack.invoke(payload)

        with ThreadPoolExecutor(processes) as pool:
            for _ in range(REQUESTS):
                list(pool.map(ask, range(processes)))
            workers = [pid for pid in _descendants(os.getpid()) - others if _serves(pid)]
            while len(workers) < processes and limit.remaining():
                list(pool.map(ask, range(processes)))  # some are still opening the model
                workers = [pid for pid in _descendants(os.getpid()) - others if _serves(pid)]
        if len(workers) != processes:
            raise SystemExit(f"{len(workers)} of {processes} processes have the model: their sum would say nothing")
        pss, rss = (sum(_megabytes(pid, field) for pid in workers) for field in ("Pss", "Rss"))
    size = sum(path.stat().st_size for path in artifact.iterdir()) / 1e6
    return Row(items, round(size, 1), processes, round(pss, 1), round(rss, 1))


def _serves(pid: int) -> bool:
    """Whether a process has the model's weights mapped."""
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
            continue  # it has ended meanwhile
        parents[int(entry.parent.name)] = int(after.split()[1])
    found = {pid}
    while new := {child for child, parent in parents.items() if parent in found} - found:
        found |= new
    return found - {pid}


if __name__ == "__main__":
    main()
