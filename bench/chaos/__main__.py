"""`python -m bench.chaos`: break the session store in every way there is, under traffic, and count what that costs.

Ends with 1 if any answer was a 5xx, any event doubled, any state corrupted, any event lost that the fault did not
destroy by its nature, or if the function did not come back.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.chaos import report
from bench.chaos.faults import FAULTS, Fault
from bench.chaos.run import Row
from bench.chaos.suite import SESSIONS, possible, rows

RESULTS = Path("bench/results/chaos.json")


def main() -> int:
    """Run the faults and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description="Faults of the session store.")
    parser.add_argument("--json", type=Path, default=RESULTS, help=f"where the rows go ({RESULTS})")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="faults whose name has one of these in it")
    parser.add_argument("--list", action="store_true", help="name the faults and do nothing")
    parser.add_argument("--sessions", type=int, default=SESSIONS, help=f"open at any time ({SESSIONS})")
    options = parser.parse_args()
    chosen = [one for one in FAULTS if not options.only or any(part in one.name for part in options.only)]
    if not chosen or options.sessions < 1:
        parser.error("nothing to do; --list names the faults")
    console = Console()
    if options.list:
        for fault in chosen:
            console.print(fault.name, markup=False, highlight=False)
        return 0

    faults, left_out = possible(chosen)
    found = _watched(faults, options.sessions, console)
    report.show(found, left_out, Console(width=max(console.width, report.WIDTH)))
    report.write(found, left_out, options.json)
    return 0 if all(row.passed for row in found) else 1


def _watched(faults: list[Fault], sessions: int, console: Console) -> list[Row]:
    """Run faults under a progress bar, where somebody watches."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    found: list[Row] = []
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(faults))
        for row in rows(faults, lambda fault: progress.update(task, description=fault.name), sessions=sessions):
            found.append(row)
            progress.advance(task)
    return found


if __name__ == "__main__":
    sys.exit(main())
