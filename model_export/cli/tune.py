"""Command `tune`: a search for better settings within a time limit."""

import logging
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from model_export.cli.console import OUT, print_json, progress, read_events, say, waiting
from model_export.cli.extras import extra
from model_export.cli.options import EventFiles, Json, LayoutOptions
from model_export.cli.tables import column, table
from model_export.data.atomic_file import locked
from model_export.data.ingestion.figures import Summary
from model_export.interruption import describe_if_stopped
from model_export.progress import Phase
from model_export.training.config import FitConfig
from model_export.training.config_file import config_from
from model_export.view import View

if TYPE_CHECKING:
    from model_export.training.tuning.study import TrialResult

SHOWN = 10
"""Trials in the table."""
SEARCHING = "searching, in seconds"
SECONDS_PER_MINUTE = 60.0


def tune(
    events: EventFiles,
    out: Annotated[Path, typer.Option(help="The search's folder; an existing search continues.", show_default=False)],
    layout: LayoutOptions,
    minutes: Annotated[float, typer.Option(min=0.01, help="Minutes to search.")] = 30.0,
    trials: Annotated[int | None, typer.Option(min=1, help="Maximum trials of this call.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="First settings, as JSON; those that are not searched stay.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Search for better settings, validated on the last days of the training events.

    The first trial has the given settings, for comparison. best.json in the folder is for `nextitem train --config`.
    Give it training events only: test events must not choose the settings.
    """
    base = config_from(config) if config is not None else FitConfig()
    with locked(out), progress() as view:
        sessions, figures = read_events(events, layout.layout)
        with waiting("starting torch"), extra("tune"):
            import optuna

            from model_export.training.tuning.study import BEST
            from model_export.training.tuning.study import tune as search
        optuna.logging.set_verbosity(logging.ERROR)  # `_Bar` shows failed trials
        seconds = minutes * SECONDS_PER_MINUTE
        bar = _Bar(view, seconds)
        describe_if_stopped(lambda: f"{out} keeps the {bar.ended} trials that had ended; run it again to go on")
        trials_by_rank = search(sessions, base, out, seconds=seconds, trials=trials, listener=bar)
    if as_json:
        print_json(
            {
                "best": str(out / BEST),
                "trials": [_row(trial) for trial in trials_by_rank],
                "summary": Summary(figures, list(figures.warnings())),
            }
        )
        return
    OUT.print(_table(trials_by_rank))
    train = f"nextitem train {shlex.join(events)} --config {out / BEST} --out RUN"
    say(f"{out / BEST}: trial {trials_by_rank[0].number}; {train}")


class _Bar:
    """Shows the time that has passed, and a line for each trial."""

    def __init__(self, view: View, seconds: float) -> None:
        self._view = view
        view.plan([Phase(SEARCHING, round(seconds))])
        self.ended = 0

    def tick(self, trial: int, passed: float) -> None:
        self._view.note = f"trial {trial}"
        self._view.step(SEARCHING, round(passed))

    def trial(self, tried: "TrialResult") -> None:
        self.ended += 1
        state = tried.state.name.lower()
        say(f"trial {tried.number}: MRR@20 {tried.mrr:.4f}, HR@20 {tried.hr:.4f} at epoch {tried.epochs}, {state}")

    def failed(self, trial: int, why: str) -> None:
        say(f"trial {trial}: {why}")


def _row(trial: "TrialResult") -> dict[str, object]:
    return {
        "trial": trial.number,
        "state": trial.state.name.lower(),
        "mrr@20": trial.mrr,
        "hr@20": trial.hr,
        "epochs": trial.epochs,
        "seconds": trial.seconds,
        "settings": trial.config.values(),
    }


def _table(trials: "list[TrialResult]") -> Table:
    names = ("hidden", "batch", "learning_rate", "dropout", "temperature")
    headings = (
        "trial",
        "MRR@20",
        "HR@20",
        "epoch",
        "hidden",
        "batch",
        "learning\nrate",
        "dropout",
        "temper-\nature",
    )
    best = table(
        *(column(heading, number=True) for heading in headings),
        title=f"{len(trials)} trials, best first; 0 has the given settings; * pruned",
    )
    for trial in trials[:SHOWN]:
        values = trial.config.values()
        epoch = f"{trial.epochs}{'' if trial.state.name == 'COMPLETE' else '*'}"
        figures = (f"{values[name]:.3g}" for name in names)
        best.add_row(str(trial.number), f"{trial.mrr:.4f}", f"{trial.hr:.4f}", epoch, *figures)
    return best
