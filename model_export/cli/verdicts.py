"""Show a verdict of the gate, and end with its exit code."""

from datetime import datetime, timedelta

import typer
from rich.table import Table

from model_export.cli.console import OUT, print_json, say
from model_export.cli.tables import column, table
from nextitem.registry.verdicts import VERDICT_DAYS, Figure, Verdict, age_of

REFUSED = 3
"""Exit code of a command whose version did not pass the gate. The command itself did its work."""


def show_verdict(verdict: Verdict) -> None:
    """Print the tables of a verdict, and its reason on standard error."""
    if verdict.figures:
        OUT.print(_figures(verdict))
    OUT.print(_bounds(verdict))
    say(verdict.reason)


def end_with(verdict: Verdict) -> None:
    """End the command if the version did not pass.

    Raises:
        typer.Exit: with `REFUSED`.
    """
    if not verdict.passed:
        raise typer.Exit(REFUSED)


def print_verdict(verdict: Verdict, *, as_json: bool) -> None:
    """Print a verdict in one of both forms, and end with its exit code."""
    if as_json:
        print_json(verdict)
    else:
        show_verdict(verdict)
    end_with(verdict)


def _figures(verdict: Verdict) -> Table:
    reference = verdict.reference or "best sellers"
    figures = table("", *(column(name, number=True) for name in (verdict.version, reference, "difference")))
    for name, figure in verdict.figures.items():
        cells = (figure, verdict.reference_figures.get(name), verdict.differences.get(name))
        figures.add_row(name, *("" if cell is None else _text(cell) for cell in cells))
    return figures


def _bounds(verdict: Verdict) -> Table:
    bounds = table("bound", column("value", number=True), "allowed", "", title=f"{verdict.version}: {outcome(verdict)}")
    for bound in verdict.bounds:
        bounds.add_row(
            bound.name, f"{bound.value:.4g}", f"{bound.rule} {bound.limit:g}", "ok" if bound.passed else "missed"
        )
    return bounds


def outcome(verdict: Verdict) -> str:
    """Return the outcome in words."""
    return "passed" if verdict.passed else "did not pass"


def outcome_today(verdict: Verdict, now: datetime) -> str:
    """Return the outcome in words, and whether a verdict that passed is too old to count."""
    age = age_of(verdict, now)
    if not verdict.passed or (age is not None and age <= timedelta(days=VERDICT_DAYS)):
        return outcome(verdict)
    return "passed, without a time" if age is None else f"passed, older than {VERDICT_DAYS} days"


def _text(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return f"{figure.value:.4g}"
    return f"{figure.value:.4g} ({figure.low:.3g} to {figure.high:.3g})"
