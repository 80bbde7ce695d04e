"""`python -m bench.chaos`: inject faults into the session store under traffic, and count their effects.

The exit code is 1 if an answer was a 5xx, an event was doubled, a state was corrupted, an event was lost although the
fault does not destroy data, or the function did not recover.
"""

import argparse
import sys
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.chaos import report
from bench.chaos.catalogue import FAULTS, Fault
from bench.chaos.entries import EntryName
from bench.chaos.experiment import FaultResult
from bench.chaos.suite import SESSIONS, possible, run_faults

RESULTS = Path("bench/results/chaos.json")


def main() -> int:
    """Run the faults and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.chaos", description="Inject faults into the session store under traffic."
    )
    parser.add_argument("--json", type=Path, default=RESULTS, help=f"write the results here ({RESULTS})")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run only faults whose name contains one of these")
    parser.add_argument("--list", action="store_true", help="only list the faults")
    parser.add_argument("--sessions", type=int, default=SESSIONS, help=f"sessions open at any time ({SESSIONS})")
    parser.add_argument(
        "--entry", choices=get_args(EntryName), default="lambda", help="the entry point that answers (lambda)"
    )
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if not options.only or any(part in fault.name for part in options.only)]
    if not chosen or options.sessions < 1:
        parser.error("no fault to run; --list shows their names")
    console = Console()
    if options.list:
        for fault in chosen:
            console.print(fault.name, markup=False, highlight=False)
        return 0

    faults, left_out = possible(chosen)
    results = _run(faults, options.sessions, options.entry, console)
    report.show(results, left_out, Console(width=max(console.width, report.WIDTH)))
    report.write(results, left_out, options.entry, options.json)
    return 0 if all(result.passed for result in results) else 1


def _run(faults: list[Fault], sessions: int, entry: EntryName, console: Console) -> list[FaultResult]:
    """Run faults, with a progress bar on a terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    results: list[FaultResult] = []
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(faults))
        for result in run_faults(
            faults, lambda fault: progress.update(task, description=fault.name), sessions=sessions, entry=entry
        ):
            results.append(result)
            progress.advance(task)
    return results


if __name__ == "__main__":
    sys.exit(main())
