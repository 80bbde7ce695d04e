"""`make drill`: the story of the learning loop on one machine, with simulated visitors as live traffic.

A steady shop; a shop that changes, until a retrained model has taken over; a bad model that is forced through, and
takes itself back; a model that is no better, which is not decided for. It takes some ten minutes on two cores.

The exit code is 1 if an act ended otherwise. A small drill has too few sessions to say that of two equal versions.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench.drill import report
from bench.drill.acts import EQUAL, Act, Stage, bad_challenger, changed_shop, equal_challenger, steady_shop
from bench.drill.operations import FetchedLake, Operations
from bench.drill.settings import COLLECT_SECONDS, FULL, ROUTE, ROUTE_SECONDS, SMALL, Size
from bench.drill.traffic import Visitors
from bench.drill.versions import DAYS_AGO, outcome, retraining, train_on_shuffled, write_history
from devstack.publish import object_store
from devstack.services.bucket import Bucket
from devstack.stack import Stack
from model_export.simulator import Shop
from nextitem.registry.publisher import Publisher

RESULTS, POSTMORTEM = Path("bench/results/drill.json"), Path("bench/results/postmortem.md")
VISITORS_SEED = 1
CHANGED_TASTES = 8
"""Seed of the changed shop: other products are popular, and others go together."""
SETTINGS = {
    "NEXTITEM_ROUTE_TTL_SECONDS": str(ROUTE_SECONDS),
    # A busy machine is no reason to go without the store: the drill is about models
    "NEXTITEM_STORE_TIMEOUT_MS": "5000",
    "NEXTITEM_DEADLINE_MS": "20000",
}
WORKERS = 2
EXIT_TERMINATED = 143


def main() -> int:
    """Play the drill and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.drill", description=__doc__.partition("\n")[0])
    parser.add_argument("--small", action="store_true", help="the whole story in a minute; its figures mean little")
    parser.add_argument("--json", type=Path, default=RESULTS, help=f"write the figures here ({RESULTS})")
    parser.add_argument("--postmortem", type=Path, default=POSTMORTEM, help=f"write the page here ({POSTMORTEM})")
    options = parser.parse_args()
    size, console, begun = SMALL if options.small else FULL, Console(), time.monotonic()
    signal.signal(signal.SIGTERM, _terminate)
    log: list[str] = []
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("")

        def say(line: str) -> None:
            log.append(f"{time.monotonic() - begun:.0f} s: {line}")
            console.print(log[-1], markup=False, highlight=False, soft_wrap=True)

        acts = play(size, say, lambda state: progress.update(task, description=state))
    seconds = time.monotonic() - begun
    report.show(acts, seconds, Console(width=max(console.width, report.WIDTH)))
    report.write(acts, size, seconds, options.json)
    report.write_postmortem(acts, log, options.postmortem)
    console.print(f"{options.json}, {options.postmortem}", markup=False)
    return 0 if all(report.is_expected(act) or (options.small and act.row.act == EQUAL) for act in acts) else 1


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(EXIT_TERMINATED)  # so that every process and file of the stack is removed


def play(size: Size, say: Callable[[str], None], show: Callable[[str], None]) -> list[Act]:
    """Prepare the versions, then play the four acts.

    Args:
        size: of the drill.
        say: tells what happens.
        show: shows the state of an act.

    Raises:
        TooSlow: an act did not come to its end.
        CommandFailed: a training failed.
        NextItemError: a part of the stack or of the learning loop failed.
    """
    shop = Shop(products=size.products)
    changed = Shop(seed=CHANGED_TASTES, products=size.products + size.new_products)
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as lake,
        Stack(max_workers=WORKERS, settings=SETTINGS, lake_buckets=1, lake_seconds=COLLECT_SECONDS) as stack,
        object_store(Bucket(stack.bucket, stack.s3_endpoint)) as bucket,
    ):
        operations = Operations(stack, bucket, FetchedLake(bucket, Path(lake)), size, say)
        bad = _prepare(operations, shop, changed, Path(folder))
        with Visitors(stack.url, shop, VISITORS_SEED) as visitors:
            stage = Stage(visitors, operations, size, Path(folder), show)
            try:
                acts = [
                    steady_shop(stage),
                    changed_shop(stage, changed),
                    bad_challenger(stage, bad),
                    equal_challenger(stage),
                ]
            finally:
                operations.close()
    return acts


def _prepare(operations: Operations, shop: Shop, changed: Shop, folder: Path) -> str:
    """Train the first champion on a history in the lake, and the bad model; return the bad model's version."""
    stack, bucket, size = operations.stack, operations.bucket, operations.size
    write_history(bucket, shop, size.history, datetime.now(UTC))
    operations.say(f"the lake has {size.history} past sessions; the first champion learns from them")
    publisher = Publisher(bucket, ROUTE)
    with ThreadPoolExecutor(1) as threads:
        shuffled = threads.submit(train_on_shuffled, stack, changed, size, folder)
        first = outcome(retraining(stack, size, days=DAYS_AGO + 1, max_gap_hours=24 * DAYS_AGO))
        publisher.promote(first["version"], folder / "fetched", exclude_seen=True)
        operations.say(f"{first['version']} is live: {first['verdict']['reason']}")
        bad = publisher.publish(shuffled.result())
    operations.say(f"{bad} is ready: it learned from sessions whose items were shuffled")
    return bad


if __name__ == "__main__":
    sys.exit(main())
