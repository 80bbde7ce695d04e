"""Command `prepare`: events of any size into training and test events, on DuckDB or Spark."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from model_export.cli.console import OUT, print_json, progress, say, say_figures, waiting
from model_export.cli.extras import extra
from model_export.cli.options import WITH_TYPES, EventFiles, Json, LayoutOptions, TestDays
from model_export.cli.outcome import all_or_nothing
from model_export.cli.tables import column, table
from model_export.data.ingestion.config import EngineName, FormatName, PrepareConfig
from model_export.data.ingestion.sources import is_remote
from model_export.interruption import describe_if_stopped
from nextitem.errors import InputError

if TYPE_CHECKING:
    from model_export.data.ingestion.engine import Engine
    from model_export.data.ingestion.prepare import Preparation


def prepare(
    events: EventFiles,
    out: Annotated[str, typer.Option(help="A new folder, or s3:// prefix.", show_default=False)],
    layout: LayoutOptions,
    engine: Annotated[EngineName, typer.Option(help="duckdb for one machine, spark for many.")] = "duckdb",
    min_support: Annotated[
        int, typer.Option(help="Minimum training events of an item; 0 keeps all items.")
    ] = PrepareConfig.min_support,
    min_session: Annotated[int, typer.Option(help="Minimum events of a session.")] = PrepareConfig.min_session,
    max_session: Annotated[
        int, typer.Option(help="Maximum events of a session; longer ones are dropped.")
    ] = PrepareConfig.max_session,
    test_days: TestDays = PrepareConfig.test_days,
    output_format: Annotated[FormatName, typer.Option("--format", help="Format to write.")] = PrepareConfig.format,
    spark_conf: Annotated[
        list[str] | None, typer.Option(help="A setting of Spark, as name=value; may be repeated.", show_default=False)
    ] = None,
    scratch: Annotated[
        str | None, typer.Option(help="On a Spark cluster: a folder or s3:// prefix that all machines reach.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Cut events into sessions, split them by time, and filter them.

    Writes train, test and catalogue, and preparation.json with the counts and settings. Both engines write the same
    bytes.
    """
    config = PrepareConfig(layout.layout, min_support, min_session, max_session, test_days, output_format)
    settings = dict(_setting(text) for text in spark_conf or ())
    if engine == "duckdb" and (settings or scratch):
        raise InputError("--spark-conf and --scratch are for --engine spark")
    if is_remote(out):
        describe_if_stopped(lambda: f"files may be under {out}, but only preparation.json makes them a preparation")
    else:
        all_or_nothing(Path(out))
    with progress() as bars, _engine(engine, settings, scratch) as running:
        from model_export.data.ingestion.pipeline import IngestionProgress
        from model_export.data.ingestion.prepare import prepare as prepare_events

        preparation = prepare_events(running, events, out, config, IngestionProgress(bars))
    if as_json:
        print_json(preparation)
        return
    say_figures(", ".join(events), preparation.summary.figures, preparation.summary.warnings)
    OUT.print(_filtered(preparation))
    if config.layout.has_types:
        say(WITH_TYPES)
    for side in (preparation.train, preparation.test):
        say(f"{out}/{side.file}: {side.sessions} sessions, {side.events} events")
    say(f"{out}/catalogue.{output_format}: {preparation.items} items")


def _filtered(preparation: "Preparation") -> Table:
    """Return the table of what came in, what each filter removed, and what remains."""
    shown = table("", *(column(name, number=True) for name in ("sessions", "events", "items")))
    items = preparation.summary.figures.items
    shown.add_row("came in", f"{preparation.sessions:,}", f"{preparation.events:,}", f"{items:,}", end_section=True)
    for removed in preparation.removed:
        counts = (removed.sessions, removed.events, removed.items)
        what = f"{removed.side}: {removed.what}" if removed.side else removed.what
        shown.add_row(what, *("" if count is None else f"{-count:,}" for count in counts))
    shown.add_section()
    train, test = preparation.train, preparation.test
    shown.add_row("train", f"{train.sessions:,}", f"{train.events:,}", f"{preparation.items:,}")
    shown.add_row("test", f"{test.sessions:,}", f"{test.events:,}", "")
    return shown


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.strip() and equals):
        raise InputError(f"--spark-conf must be name=value, not {text!r}")
    return name.strip(), value


def _engine(name: EngineName, settings: dict[str, str], scratch: str | None) -> "AbstractContextManager[Engine]":
    if name == "spark":
        with waiting("starting Spark"), extra("spark"):
            from model_export.data.ingestion.spark_engine import spark_engine
        return spark_engine(settings, scratch)
    from model_export.data.ingestion.duckdb_engine import duckdb_engine

    return duckdb_engine()
