"""Write a drill: its figures as JSON, and the postmortem of its second and third act as a page."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.common.results import write_json
from bench.drill.acts import BAD, CHANGED, EQUAL, EXPECTED, STEADY, Act
from bench.drill.settings import Size

WIDTH = 100
"""Of the table, where the terminal has no width of its own."""
TEMPLATE = Path(__file__).with_name("postmortem.template")


def show(acts: Sequence[Act], seconds: float, console: Console) -> None:
    """Print the table of the acts."""
    table = Table(title=f"The drill took {seconds:.0f} s")
    for name in ("act", "noticed s", "decided s", "decision", "before", "until then", "after", "sessions", ""):
        table.add_column(name, justify="left" if name in {"act", "decision"} else "right")
    for act in acts:
        row = act.row
        rates = (row.hit_rate_before, row.hit_rate_during, row.hit_rate_after)
        table.add_row(
            row.act,
            *(_seconds(value) for value in (row.noticed_s, row.decided_s)),
            row.decision,
            *map(_rate, rates),
            str(row.sessions),
            "ok" if is_expected(act) else f"expected: {EXPECTED[row.act]}",
        )
    console.print(table)
    failed = sum(act.details["failed_requests"] for act in acts)
    console.print("Hit rates are the visitors': next items new to their session among the 20 recommended.")
    console.print(f"Requests that failed: {failed}.")


def is_expected(act: Act) -> bool:
    """Return whether an act ended as it should. A steady shop must not page either."""
    return act.row.decision == EXPECTED[act.row.act] and (act.row.act != STEADY or act.row.noticed_s is None)


def write(acts: Sequence[Act], size: Size, seconds: float, path: Path) -> None:
    """Write rows and details as JSON.

    Raises:
        OSError: it cannot be written.
    """
    document = {
        "rows": [asdict(act.row) for act in acts],
        "details": {act.row.act: msgspec.to_builtins(act.details) for act in acts},
        "size": asdict(size),
        "seconds": round(seconds, 1),
    }
    write_json(document, path)


def write_postmortem(acts: Sequence[Act], log: Sequence[str], path: Path) -> None:
    """Fill the template of the postmortem with the figures of a drill.

    Raises:
        OSError: it cannot be written.
    """
    by_name = {act.row.act: act for act in acts}
    values: dict[str, Any] = {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
    values["log"] = "\n".join(f"- {line}" for line in log)
    for key, name in (("steady", STEADY), ("changed", CHANGED), ("bad", BAD), ("equal", EQUAL)):
        act = by_name[name]
        row = asdict(act.row)
        values |= {f"{key}_{field}": _text(field, value) for field, value in row.items()}
        values |= {f"{key}_{field}": _text(field, value) for field, value in act.details.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values), encoding="utf-8")


def _text(field: str, value: object) -> str:
    if field.startswith("hit_rate") or field in {"promised", "online"}:
        return _rate(value if isinstance(value, float) else None)
    if field == "largest_share":
        return f"{value:.0%}"
    if field.endswith("_s"):
        return _seconds(value if isinstance(value, float) else None)
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
