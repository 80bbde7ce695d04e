"""Command `split`: an event file into train and test by time."""

from pathlib import Path
from typing import Annotated

import typer

from model_export.cli.console import print_json, progress, say, say_figures
from model_export.cli.options import WITH_TYPES, EventFiles, Json, LayoutOptions, TestDays
from model_export.cli.outcome import all_or_nothing
from model_export.data.ingestion.config import PrepareConfig


def split(
    events: EventFiles,
    train_out: Annotated[Path, typer.Option(help="Training events to write.", show_default=False)],
    test_out: Annotated[Path, typer.Option(help="Test events to write.", show_default=False)],
    layout: LayoutOptions,
    test_days: TestDays = PrepareConfig.test_days,
    as_json: Json = False,
) -> None:
    """Split events into train and test by time.

    Sessions that start on the last days are test. If times are only a running index, the last tenth of the sessions is
    test.
    """
    config = PrepareConfig(layout.layout, min_support=0, min_session=1, test_days=test_days)
    all_or_nothing(train_out, test_out)
    outputs = {"train": train_out, "test": test_out}
    with progress() as bars:
        from model_export.data.ingestion.duckdb_engine import duckdb_engine
        from model_export.data.ingestion.pipeline import IngestionProgress
        from model_export.data.ingestion.split_file import split_file

        with duckdb_engine() as engine:
            prepared = split_file(engine, events, outputs, config, IngestionProgress(bars))
    sides = {name: {"file": str(outputs[name]), **counts._asdict()} for name, counts in prepared.counts.items()}
    if as_json:
        summary = prepared.summary()
        print_json({**sides, "cutoff": prepared.parts.cutoff, "by": prepared.parts.by, "summary": summary})
        return
    say_figures(", ".join(events), prepared.figures, prepared.warnings())
    say(f"test = {prepared.parts.by}")
    if config.layout.has_types:
        say(WITH_TYPES)
    for name, side in sides.items():
        say(f"{name}: {side['file']}: {side['sessions']} sessions, {side['events']} events, {side['items']} items")
