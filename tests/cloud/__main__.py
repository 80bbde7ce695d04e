"""Play every story and every mutant in the local cloud: `make cloud`, half an hour.

Writes bench/results/cloud.json: `rows` of strategy, store, ok and seconds; `mutants` of name, kind and caught_by (null
if nothing caught it). Exits with 1 if a story failed or a mutant was not caught.
"""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from devstack.cloud.network.place import available
from tests.cloud.matrix import ROWS
from tests.cloud.mutants import MUTANTS, caught_by
from tests.cloud.playing import StepFailed, run

RESULTS = Path("bench/results/cloud.json")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.cloud", description=__doc__)
    parser.add_argument("--json", type=Path, default=RESULTS, help=f"where the results go ({RESULTS})")
    parser.add_argument("--only", default="", help="only mutants whose names contain this text, and no story")
    arguments = parser.parse_args()
    if reason := available():
        raise SystemExit(reason)
    mutants = {name: mutant for name, mutant in MUTANTS.items() if arguments.only in name}
    rows, caught = _played({} if arguments.only else ROWS, mutants)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps({"rows": rows, "mutants": caught}, indent=1) + "\n", encoding="utf-8")
    _print(rows, caught)
    if not all(row["ok"] for row in rows) or not all(mutant["caught_by"] for mutant in caught):
        sys.exit(1)


def _played(stories: dict[Any, Any], mutants: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows, caught = [], []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(stories) + len(mutants))
        for (strategy, store), values in stories.items():
            progress.update(task, description=f"{strategy}, {store}")
            rows.append({"strategy": strategy, "store": store, **_row(values)})
            _advance(progress, task, f"{strategy}, {store}: {rows[-1]['seconds']} s")
        for name, mutant in mutants.items():
            progress.update(task, description=name)
            with TemporaryDirectory() as folder:
                caught.append({"name": name, "kind": mutant.kind, "caught_by": caught_by(mutant, Path(folder))})
            _advance(progress, task, f"{name}: caught by {caught[-1]['caught_by'] or 'nothing'}")
    return rows, caught


def _advance(progress: Progress, task: TaskID, outcome: str) -> None:
    """Advance the bar; without a terminal, which shows no bar, print a line."""
    progress.advance(task)
    if not progress.console.is_terminal:
        done = progress.tasks[task]
        progress.console.print(f"{done.completed:.0f} of {done.total:.0f}, {done.elapsed:.0f} s: {outcome}")


def _row(values: Any) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        try:
            return {"ok": True, "seconds": round(run(values, Path(folder)), 1)}
        except StepFailed as error:
            return {"ok": False, "seconds": None, "error": str(error)}


def _print(rows: list[dict[str, Any]], caught: list[dict[str, Any]]) -> None:
    console = Console()
    table = Table("strategy", "store", "ok", "seconds")
    for row in rows:
        table.add_row(row["strategy"], row["store"], "yes" if row["ok"] else row["error"], str(row["seconds"]))
    if rows:
        console.print(table)
    table = Table("mutant", "kind", "caught by")
    for mutant in caught:
        table.add_row(mutant["name"], mutant["kind"], mutant["caught_by"] or "[red]nothing[/]")
    console.print(table)


if __name__ == "__main__":
    main()
