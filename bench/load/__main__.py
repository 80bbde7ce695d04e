"""Open-loop load on the whole stack, in steps up to the machine's knee: simulated shoppers over HTTP, workers warm.

The generator is a process of its own; latency counts from the time at which a request was due. The stack's HTTP front
and Runtime API are one Python process, which Lambda has not: the knee is this machine's, not the service's.
`python -m bench.load [--json PATH]`, at most `BUDGET_SECONDS`.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.common.results import write_json
from bench.load.plan import steps
from bench.load.rows import Row, row_of
from bench.load.sending import run
from devstack.publish import demo_artifact
from devstack.stack import MAX_WORKERS, Stack

FIRST_RATE = 50.0
FACTOR = 1.5
MAX_STEPS = 12
STEP_SECONDS = 5.0
WARM_RATE, WARM_SECONDS = 100.0, 1.5
BUDGET_SECONDS = 90.0
ENOUGH_SECONDS = 15.0
"""No step is begun when less than this is left: its arrivals, its late answers and the stack's end."""
SEED = 5


def main() -> None:
    """Step up until the knee; print a table and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the rows here")
    parser.add_argument("--workers", type=int, default=MAX_WORKERS)
    arguments = parser.parse_args()
    rows = _measure(arguments.workers)
    _print(rows, arguments.workers)
    if arguments.json:
        document = {"workers": arguments.workers, "seed": SEED, "rows": [asdict(row) for row in rows]}
        write_json(document, arguments.json)


def _measure(workers: int) -> list[Row]:
    rows: list[Row] = []
    until = time.monotonic() + BUDGET_SECONDS - ENOUGH_SECONDS
    spawn = get_context("spawn")
    with Stack(artifact=demo_artifact(), max_workers=workers) as stack, ProcessPoolExecutor(1, spawn) as elsewhere:
        for warming in steps(WARM_RATE, 1, 2, WARM_SECONDS, SEED + 1):
            elsewhere.submit(run, stack.url, warming).result()
        for step in steps(FIRST_RATE, FACTOR, MAX_STEPS, STEP_SECONDS, SEED):
            rows.append(row_of(elsewhere.submit(run, stack.url, step).result()))
            if rows[-1].beyond or time.monotonic() > until:
                break
    return rows


def _print(rows: list[Row], workers: int) -> None:
    columns = "offered/s", "achieved/s", "p50", "p95", "p99", "p99.9", "errors", "served by"
    table = Table(*columns, title=f"Open loop, {workers} workers, milliseconds from the due time")
    for row in rows:
        rates = f"{row.offered:.0f}", f"{row.achieved:.0f}"
        times = (f"{each:.1f}" for each in (row.p50_ms, row.p95_ms, row.p99_ms, row.p999_ms))
        served = ", ".join(f"{name} {share:.0%}" for name, share in row.served_by.items())
        table.add_row(*rates, *times, str(row.errors), served)
    console = Console()
    console.print(table)
    last = rows[-1]
    console.print(f"The knee, at {last.offered:.0f}/s: {last.beyond}" if last.beyond else "No knee was met.")
    console.print(f"The generator itself sent its latest 1 % by {last.behind_ms:.0f} ms late or more there.")


if __name__ == "__main__":
    main()
