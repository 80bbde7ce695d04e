"""Command `tune`: a search for settings within a time."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from model_export.cli.console import (
    OUT,
    EventsFile,
    GapMinutes,
    ItemColumn,
    Json,
    SessionColumn,
    TimeColumn,
    UserColumn,
    columns_of,
    print_json,
    progress,
    read_events,
    say,
    waiting,
)
from model_export.cli.extras import extra
from model_export.training.config import FitConfig
from model_export.training.config_file import config_from

if TYPE_CHECKING:
    from model_export.training.tuning.study import Tried

SHOWN = 10
"""Trials in the table."""
SECONDS = 60.0


def tune(
    events: EventsFile,
    out: Annotated[Path, typer.Option(help="The search's folder; one that is there goes on.", show_default=False)],
    minutes: Annotated[float, typer.Option(min=0.01, help="How long to search.")] = 30.0,
    trials: Annotated[int | None, typer.Option(min=1, help="Most trials of this call.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings to begin with, as JSON; those not searched stay.")
    ] = None,
    session_column: SessionColumn = "session_id",
    item_column: ItemColumn = "item_id",
    time_column: TimeColumn = "timestamp",
    user_column: UserColumn = None,
    gap_minutes: GapMinutes = 30,
    as_json: Json = False,
) -> None:
    """Search for better settings by the last days of the training events.

    The first trial is the settings as they are, so that the best stands beside them. best.json in the folder
    is for `nextitem train --config`. Give it training events alone: what is tuned on a test is no test.
    """
    base = config_from(config) if config is not None else FitConfig()
    sessions = read_events(events, columns_of(session_column, item_column, time_column, user_column, gap_minutes))
    with waiting("starting torch"), extra("tune"):
        import optuna

        from model_export.training.tuning.study import BEST
        from model_export.training.tuning.study import tune as search
    optuna.logging.set_verbosity(logging.ERROR)  # what fails is told by `_Bar`
    with progress() as bars:
        found = search(
            sessions, base, out, seconds=minutes * SECONDS, trials=trials, listener=_Bar(bars, minutes * SECONDS)
        )
    if as_json:
        print_json({"best": str(out / BEST), "trials": [_row(one) for one in found]})
        return
    OUT.print(_table(found))
    say(f"{out / BEST}: trial {found[0].number}; nextitem train {events} --config {out / BEST} --out RUN")


class _Bar:
    """Shows the time that has passed, and a line for each trial."""

    def __init__(self, bars: Progress, seconds: float) -> None:
        self._bars = bars
        self._task = bars.add_task("searching", total=round(seconds))

    def tick(self, trial: int, passed: float) -> None:
        self._bars.update(self._task, description=f"trial {trial}, seconds", completed=round(passed))

    def trial(self, tried: "Tried") -> None:
        state = tried.state.name.lower()
        say(f"trial {tried.number}: MRR@20 {tried.mrr:.4f}, HR@20 {tried.hr:.4f} at epoch {tried.epochs}, {state}")

    def failed(self, trial: int, why: str) -> None:
        say(f"trial {trial}: {why}")


def _row(one: "Tried") -> dict[str, object]:
    return {
        "trial": one.number,
        "state": one.state.name.lower(),
        "mrr@20": one.mrr,
        "hr@20": one.hr,
        "epochs": one.epochs,
        "seconds": one.seconds,
        "settings": one.config.values(),
    }


def _table(found: "list[Tried]") -> Table:
    table = Table(title=f"{len(found)} trials, best first; 0 is the settings given; * pruned")
    names = ("hidden", "batch", "learning_rate", "dropout", "temperature")
    for heading in (
        "trial",
        "MRR@20",
        "HR@20",
        "epoch",
        "hidden",
        "batch",
        "learning\nrate",
        "dropout",
        "temper-\nature",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found[:SHOWN]:
        values = one.config.values()
        epoch = f"{one.epochs}{'' if one.state.name == 'COMPLETE' else '*'}"
        figures = (f"{values[name]:.3g}" for name in names)
        table.add_row(str(one.number), f"{one.mrr:.4f}", f"{one.hr:.4f}", epoch, *figures)
    return table
