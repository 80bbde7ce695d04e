"""Command `prepare`: events of any size into training and test events, on DuckDB or Spark."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from model_export.cli.console import (
    GapMinutes,
    ItemColumn,
    Json,
    SessionColumn,
    TimeColumn,
    UserColumn,
    columns_of,
    print_json,
    progress,
    say,
    waiting,
)
from model_export.cli.extras import extra
from model_export.data.preparation.config import EngineName, FormatName, PrepareConfig
from nextitem.errors import InputError

if TYPE_CHECKING:
    from model_export.data.preparation.engine import Engine


def prepare(
    events: Annotated[
        list[str],
        typer.Argument(help="Files, folders or s3:// prefixes: .csv, .csv.gz or .parquet.", show_default=False),
    ],
    out: Annotated[str, typer.Option(help="A new folder, or s3:// prefix.", show_default=False)],
    engine: Annotated[EngineName, typer.Option(help="duckdb for one machine, spark for many.")] = "duckdb",
    min_support: Annotated[int, typer.Option(help="Least training events of an item.")] = PrepareConfig.min_support,
    min_session: Annotated[int, typer.Option(help="Least events of a session.")] = PrepareConfig.min_session,
    max_session: Annotated[
        int, typer.Option(help="Most events of a session; longer ones are dropped.")
    ] = PrepareConfig.max_session,
    test_days: Annotated[
        int, typer.Option(help="Test = the sessions that start on the last days (UTC).")
    ] = PrepareConfig.test_days,
    output_format: Annotated[FormatName, typer.Option("--format", help="What is written.")] = PrepareConfig.format,
    session_column: SessionColumn = "session_id",
    item_column: ItemColumn = "item_id",
    time_column: TimeColumn = "timestamp",
    user_column: UserColumn = None,
    gap_minutes: GapMinutes = 30,
    spark_conf: Annotated[
        list[str] | None, typer.Option(help="A setting of Spark, as name=value; may be repeated.", show_default=False)
    ] = None,
    scratch: Annotated[
        str | None, typer.Option(help="On a Spark cluster: a folder or s3:// prefix that all machines reach.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Cut events into sessions, filter them, and split them by time.

    Writes train, test and catalogue, and preparation.json, which says what was done. Both engines write
    the same bytes. Events of equal times in one session come in order of their item ids.
    """
    config = PrepareConfig(
        columns=columns_of(session_column, item_column, time_column, user_column, gap_minutes),
        min_support=min_support,
        min_session=min_session,
        max_session=max_session,
        test_days=test_days,
        format=output_format,
    )
    settings = dict(_setting(text) for text in spark_conf or ())
    if engine == "duckdb" and (settings or scratch):
        raise InputError("--spark-conf and --scratch are for --engine spark")
    with progress() as bars, _engine(engine, settings, scratch) as running:
        with extra("prepare"):
            from model_export.data.preparation.prepare import prepare as prepare_events
        prepared = prepare_events(running, events, out, config, _Bars(bars))
    if as_json:
        print_json(prepared)
        return
    say(f"{prepared.events} events, {prepared.sessions} sessions" + _dropped(prepared.too_long, max_session))
    for side in (prepared.train, prepared.test):
        say(f"{out}/{side.file}: {side.sessions} sessions, {side.events} events")
    say(f"{out}/catalogue.{output_format}: {prepared.items} items")


def _dropped(too_long: int, limit: int) -> str:
    return f", {too_long} of them dropped for more than {limit} events" if too_long else ""


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.strip() and equals):
        raise InputError(f"--spark-conf must be name=value, not {text!r}")
    return name.strip(), value


def _engine(name: EngineName, settings: dict[str, str], scratch: str | None) -> "AbstractContextManager[Engine]":
    if name == "spark":
        with waiting("starting Spark"), extra("spark"):
            from model_export.data.preparation.spark_engine import spark_engine
        return spark_engine(settings, scratch)
    with extra("prepare"):
        from model_export.data.preparation.duckdb_engine import duckdb_engine
    return duckdb_engine()


class _Bars:
    """Shows a preparation: what it is at, and the rows that are written."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task = bars.add_task("starting", total=None)

    def stage(self, name: str) -> None:
        self._bars.update(self._task, description=name, completed=0, total=None)

    def rows(self, name: str, done: int) -> None:
        self._bars.update(self._task, description=f"writing {name}", completed=done)
