"""`python -m bench.chaos`: break the session store in every way there is, under traffic, and count what that costs.

Ends with 1 if any answer was a 5xx, any event doubled, any state corrupted, any event lost that the fault did not
destroy by its nature, or if the function did not come back.
"""

import argparse
import itertools
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from bench.chaos import report
from bench.chaos.faults import FAULTS
from bench.chaos.run import Row, run, warmed
from bench.chaos.scenes import scene
from bench.chaos.traffic import THREADS
from devstack.publish import demo_artifact
from devstack.stack import Stack
from nextitem.artifact import open_artifact
from nextitem.engine import Model

SESSIONS = 200
RESULTS = Path("bench/results/chaos.json")


def main() -> int:
    """Run the faults and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description="Faults of the session store.")
    parser.add_argument("--json", type=Path, default=RESULTS, help=f"where the rows go ({RESULTS})")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="faults whose name has one of these in it")
    parser.add_argument("--sessions", type=int, default=SESSIONS, help=f"open at any time ({SESSIONS})")
    options = parser.parse_args()
    chosen = [one for one in FAULTS if not options.only or any(part in one.name for part in options.only)]
    if not chosen or options.sessions < 1:
        parser.error(f"nothing to do; the faults are: {', '.join(one.name for one in FAULTS)}")

    console = Console(width=max(Console().width, report.WIDTH))
    model = Model(open_artifact(demo_artifact()))
    rows: list[Row] = []
    for (shape, _), faults in itertools.groupby(chosen, key=lambda one: (one.shape, one.alone and one.name)):
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder, scene(shape, Path(folder)) as stage:
            settings = {"NEXTITEM_STORE_URL": stage.url}
            with Stack(artifact=demo_artifact(), max_workers=THREADS, settings=settings) as stack:
                warmed(stack, THREADS)
                for fault in faults:
                    console.print(f"{fault.name} ...", highlight=False)
                    rows.append(run(fault, stage, stack, model, options.sessions))
    report.show(rows, console)
    report.write(rows, options.json)
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
