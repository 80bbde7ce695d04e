"""The results as a table and as a JSON file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.chaos.experiment import FaultResult
from bench.common.results import write_json
from nextitem.sessions.session import WINDOW

LIMIT_MS = 150.0
"""The intended maximum time inside the function during a fault."""
FINDINGS_SHOWN = 5
BEYOND = f"> {WINDOW}"
WIDTH = 176
"""Columns that the table needs; a pipe reports fewer."""


def document(row: FaultResult) -> dict[str, object]:
    """Return a row of the JSON file; times without `client` in their name are those inside the function."""
    verdict = row.verdict
    return {
        "fault": row.fault,
        "requests": row.requests,
        "sessions": row.sessions,
        "http_5xx": row.http_5xx,
        "acknowledged": verdict.acknowledged,
        "lost": verdict.lost,
        "lost_unexplained": verdict.unexplained,
        "doubled": verdict.doubled,
        "corrupted": verdict.corrupted,
        "p99_ms": row.function.p99 or None,
        "max_ms": row.function.max or None,
        "during_p99_ms": row.function_during.p99 or None,
        "during_max_ms": row.function_during.max or None,
        "client_p99_ms": row.client.p99,
        "client_max_ms": row.client.max,
        "client_during_max_ms": row.client_during.max,
        "recovery_s": row.recovery_s,
        "stateless_share": row.stateless_share,
        "destroys_data": row.destroys,
        "sessions_beyond_window": verdict.beyond_window,
        "answers_beyond_window": verdict.answers_beyond,
        "snapshots_checked": verdict.snapshots_checked,
        "answers_checked": verdict.answers_checked,
        "worst_hidden_error": round(verdict.worst_hidden, 6),
        "worst_score_gap": round(verdict.worst_score, 4),
        "lake": asdict(row.lake),
        "passed": row.passed,
        "findings": verdict.findings,
    }


def write(rows: Sequence[FaultResult], left_out: Mapping[str, str], entry: str, path: Path) -> None:
    """Write the rows, and the reasons for missing ones, as JSON."""
    write_json({"entry": entry, "rows": [document(row) for row in rows], "left_out": dict(left_out)}, path)


def show(rows: Sequence[FaultResult], left_out: Mapping[str, str], console: Console) -> None:
    """Print the table, the faults that were left out, and the oracle's findings."""
    table = Table(title="Faults under traffic (ms: inside the function / as the client sees it)")
    for name in ("fault", "requests", "5xx", "acked", "lost", "doubled", "corrupt", "checked", BEYOND, "not session"):
        table.add_column(name, justify="left" if name == "fault" else "right", no_wrap=name == "fault")
    for name in ("p99 ms", "max ms", "recovery s", ""):
        table.add_column(name, justify="right")
    for row in rows:
        verdict = row.verdict
        table.add_row(
            row.fault,
            str(row.requests),
            str(row.http_5xx),
            str(verdict.acknowledged),
            f"{verdict.lost}" + (f" ({verdict.unexplained} unexplained)" if verdict.unexplained else ""),
            str(verdict.doubled),
            str(verdict.corrupted),
            str(verdict.answers_checked),
            str(verdict.answers_beyond),
            f"{row.stateless_share:.1%}",
            f"{_ms(row.function.p99)} / {row.client.p99:.1f}",
            f"{_ms(row.function.max)} / {row.client.max:.1f}",
            "never" if row.recovery_s is None else f"{row.recovery_s:.2f}",
            "ok" if row.passed else "FAILED",
        )
    console.print(table)
    console.print(
        f"checked: answers compared with a replay; {BEYOND}: those of sessions longer than the window of {WINDOW}."
    )
    console.print(_lake_table(rows))
    for fault, reason in left_out.items():
        console.print(f"Left out: {fault}. {reason}", markup=False)
    for row in rows:
        for finding in (*row.verdict.findings[:FINDINGS_SHOWN], *row.lake.findings[:FINDINGS_SHOWN]):
            console.print(f"{row.fault}: {finding}", markup=False)
    if any(row.function.max for row in rows):
        slow = [row.fault for row in rows if row.function.max > LIMIT_MS]
        console.print(f"Answers over {LIMIT_MS:g} ms inside the function: {', '.join(slow) or 'none'}.", markup=False)


def _ms(milliseconds: float) -> str:
    """Return a time inside the function; the container writes no records of single requests."""
    return f"{milliseconds:.1f}" if milliseconds else "-"


def _lake_table(rows: Sequence[FaultResult]) -> Table:
    names = ("events", "uncertain", "missing", "counted as lost", "deletions")
    wrong = ("unexplained", "doubled", "unsent", "spoiled")
    table = Table(
        title="The event lake (missing: acknowledged events; unexplained: neither counted as lost nor destroyed)"
    )
    for name in ("fault", *names, *wrong):
        table.add_column(name, justify="left" if name == "fault" else "right", no_wrap=name == "fault")
    for row in rows:
        lake = row.lake
        counts = (lake.events, lake.uncertain, lake.missing, lake.lost, lake.deletions)
        faults = (lake.unexplained, lake.doubled, lake.unsent, lake.spoiled)
        table.add_row(row.fault, *(str(count) for count in (*counts, *faults)))
    return table
