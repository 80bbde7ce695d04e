"""Load the whole stack in growing steps until it saturates: simulated shoppers over HTTP, warm workers, open loop.

The load generator is a process of its own. Latency counts from the time at which a request was due. Unlike Lambda, one
Python process is both HTTP front and Runtime API: the saturation point is this machine's, not the service's.

    python -m bench.load [--workers N --steps 12 --json PATH]
"""

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context

from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.load.figures import StepFigures, figures_of
from bench.load.plan import steps
from bench.load.sender import send_step
from devstack.publish import demo_artifact
from devstack.stack import MAX_WORKERS, Stack

FIRST_RATE = 50.0
FACTOR = 1.5
MAX_STEPS = 12
STEP_SECONDS = 5.0
WARM_RATE, WARM_SECONDS = 100.0, 1.5
BUDGET_SECONDS = 90.0
STEP_RESERVE_SECONDS = 15.0
"""A step starts only if this much of the budget is left: for its arrivals, late answers and the stack's end."""
SEED = 5


def main() -> None:
    """Raise the rate until the stack saturates; print a table and write JSON if asked."""
    parser = benchmark_parser(__doc__)
    parser.add_argument(
        "--workers", type=int, default=MAX_WORKERS, help="maximum of the stack's workers (default: %(default)s)"
    )
    parser.add_argument("--steps", type=int, default=MAX_STEPS, help="maximum number of rates")
    arguments = parser.parse_args()
    rows = _measure(arguments.workers, arguments.steps)
    _print(rows, arguments.workers)
    document = {"workers": arguments.workers, "seed": SEED, "rows": [asdict(row) for row in rows]}
    write_json(document, arguments.json)


def _measure(workers: int, most_steps: int) -> list[StepFigures]:
    rows: list[StepFigures] = []
    until = time.monotonic() + BUDGET_SECONDS - STEP_RESERVE_SECONDS
    spawn = get_context("spawn")
    with Stack(artifact=demo_artifact(), max_workers=workers) as stack, ProcessPoolExecutor(1, spawn) as generator:
        for warm_up in steps(WARM_RATE, 1, 2, WARM_SECONDS, SEED + 1):
            generator.submit(send_step, stack.url, warm_up).result()
        for step in steps(FIRST_RATE, FACTOR, most_steps, STEP_SECONDS, SEED):
            rows.append(figures_of(generator.submit(send_step, stack.url, step).result()))
            if rows[-1].saturation or time.monotonic() > until:
                break
    return rows


def _print(rows: list[StepFigures], workers: int) -> None:
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
    saturated = f"Saturated at {last.offered:.0f}/s: {last.saturation}."
    console.print(saturated if last.saturation else "Not saturated within the time budget.")
    console.print(f"The generator sent the latest 1 % of that step's requests {last.sent_late_ms:.0f} ms late or more.")


if __name__ == "__main__":
    main()
