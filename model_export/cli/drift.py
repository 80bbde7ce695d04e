"""Command `drift`: live events against the training of the live model, and against last week."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model_export.cli.console import OUT, print_json, say, waiting
from model_export.cli.lake_options import IDLE_SECONDS, IdleSeconds, LakeCopy, lake_files
from model_export.cli.options import Json
from model_export.cli.registry_options import BucketOptions, DeploymentExcludeSeen, RouteName
from model_export.cli.tables import column, table
from model_export.data.atomic_file import temporary_folder
from model_export.drift.report import Change, DriftReport
from nextitem.errors import InputError

if TYPE_CHECKING:
    from model_export.drift.scores import Scorer
    from nextitem.aws.boto_object_store import BotoObjectStore

_HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0}
_LENGTH = re.compile(r"([0-9]{1,6}(?:\.[0-9]+)?)([mhd])")


def parse_hours(text: str) -> float:
    """Return the hours in a length such as 24h, 7d or 30m.

    Raises:
        InputError: it is none, or not positive.
    """
    found = _LENGTH.fullmatch(text.strip())
    hours = float(found[1]) * _HOURS[found[2]] if found else 0.0
    if hours <= 0:
        raise InputError(f"{text!r} is no length of time: write a number and m, h or d, such as 24h")
    return hours


def drift(
    registry: BucketOptions,
    route: RouteName = "live",
    lake_folder: LakeCopy = None,
    window: Annotated[
        str, typer.Option(help="Length of the window, such as 24h, 7d or 30m; only whole days have all hours.")
    ] = "24h",
    idle_seconds: IdleSeconds = IDLE_SECONDS,
    until: Annotated[
        str | None, typer.Option(help="Measure as at this time, ISO 8601; by default now.", show_default=False)
    ] = None,
    exclude_seen: DeploymentExcludeSeen = False,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores",
            help="Also compare the scores of first recommendations: fetches the version, and replays sessions on this "
            "machine.",
        ),
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Also write a page with plots: one HTML file.", show_default=False)
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Also write the report into the bucket.")] = False,
    as_json: Json = False,
) -> None:
    """Compare live events with the training of the live model, and with last week.

    It reads the event lake, and smooths with the report before, if the bucket has one.
    """
    # Imported lazily: `--help` must not wait for DuckDB.
    from model_export.drift.route import Window, measure_route, write_report

    if report is not None:
        from model_export.report import check_report

        check_report(report)
    settings = Window(
        hours=parse_hours(window),
        idle_ms=round(idle_seconds * 1000),
        deployment_leaves_out_seen=exclude_seen,
    )
    now = datetime.now(UTC) if until is None else _time(until)
    bucket = registry.store()
    with waiting("reading the lake"), temporary_folder() as folder:
        score = _scorer(bucket, folder / "model") if scores else None
        measured = measure_route(bucket, lake_files(bucket, lake_folder), route, now, folder, settings, score)
    if report is not None:
        from model_export.report import write_drift_report

        with waiting(f"writing {report}"):
            write_drift_report(measured, report)
    if write:
        say(f"written: {write_report(bucket, measured)}")
    if as_json:
        print_json(measured)
    else:
        _print(measured)


def _scorer(bucket: "BotoObjectStore", folder: Path) -> "Scorer":
    """Return what scores sessions with a version of the bucket, imported lazily: it needs the engine."""
    from model_export.drift.scores import scorer

    return scorer(bucket, folder)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"--until {text!r} is no time: write ISO 8601, such as 2026-01-31T09:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _print(report: DriftReport) -> None:
    say(
        f"{report.sessions:,} sessions that began from {report.since} to {report.until}; {report.version} "
        f"({report.variant}) on the route {report.route}"
    )
    figures = (column(name, number=True) for name in ("PSI", "by\nchance", "bound", "smoothed"))
    measures = table("distribution", "against", *figures, "level")
    for each in report.measures:
        values = [f"{value:.3f}" for value in (each.psi, each.expected, each.bound, each.smoothed)]
        level = each.level if each.notifies or each.level == "steady" else f"{each.level}, opens no ticket"
        row = ["", "", "", f"{each.smoothed:.3f}", "not measured"] if each.skipped else [*values, level]
        measures.add_row(each.name, each.against, *row)
    OUT.print(measures)
    for each in report.measures:
        if each.skipped:
            say(f"{each.name} against {each.against}: not measured: {each.skipped}")
        if each.gained or each.lost:
            say(f"{each.name} against {each.against}: gained {_listed(each.gained)}; lost {_listed(each.lost)}")
    figures = (column(name, number=True) for name in ("hit@20", "95 %", "smoothed", "last\nweek", "sessions"))
    rates = table("version, variant", *figures)
    for rate in report.hit_rates:
        last_week = "" if rate.last_week is None else f"{rate.last_week:.1%}"
        value, smoothed = f"{rate.value:.1%}", f"{rate.smoothed:.1%}"
        interval = f"{rate.low:.1%} to\n{rate.high:.1%}"
        rates.add_row(f"{rate.version}\n{rate.variant}", value, interval, smoothed, last_week, f"{rate.sessions:,}")
    OUT.print(rates)
    say(f"validation promised a hit rate of {report.promised:.1%}; at least {report.shortfall:.0%} of it is missing")
    say(f"unknown items: {report.unknown.share:.1%} of the events, {report.unknown.before:.1%} when it was trained")
    OUT.print(f"{report.level}: {'; '.join(report.reasons)}" if report.reasons else report.level)


def _listed(changes: tuple[Change, ...]) -> str:
    return ", ".join(f"{each.name} {each.before:.1%} to {each.now:.1%}" for each in changes) or "none"
