"""Commands from events to a certified artifact: `train` and `export`."""

import logging
import math
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from model_export.cli.console import (
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
from model_export.training.config import BATCHINGS, LOSSES, OPTIMISERS, FitConfig
from model_export.training.config_file import config_from
from model_export.training.run_folder import read_run, refuse_taken
from nextitem.model.artifact import open_artifact
from nextitem.model.manifest import Bounds, Quantization

if TYPE_CHECKING:
    from model_export.training.trackers import Tracker


def train(
    context: typer.Context,
    events: EventsFile,
    out: Annotated[Path, typer.Option(help="The run's folder, which must not exist yet.", show_default=False)],
    config: Annotated[
        Path | None, typer.Option(help="Settings as JSON, from `nextitem tune`; options given here go before them.")
    ] = None,
    epochs: Annotated[
        int, typer.Option(help="Most epochs; 0: by the size of the data. Early stopping may end sooner.")
    ] = FitConfig.epochs,
    hidden: Annotated[int, typer.Option(help="HiddenState size: a multiple of 16.")] = FitConfig.hidden,
    layers: Annotated[int, typer.Option(help="GRU layers.")] = FitConfig.layers,
    loss: Annotated[
        str, typer.Option(help=f"{', '.join(LOSSES)}; auto goes by the size of the data.")
    ] = FitConfig.loss,
    optimiser: Annotated[str, typer.Option(help=f"{', '.join(OPTIMISERS)}.")] = FitConfig.optimiser,
    learning_rate: Annotated[float, typer.Option(help="Highest learning rate.")] = FitConfig.learning_rate,
    batching: Annotated[
        str, typer.Option(help=f"How sessions share a batch: {', '.join(BATCHINGS)}.")
    ] = FitConfig.batching,
    batch: Annotated[
        int, typer.Option(help="Sessions in a batch, or lanes; 0: by the size of the data.")
    ] = FitConfig.batch,
    dropout: Annotated[float, typer.Option(help="Dropout of rows and hidden states.")] = FitConfig.dropout,
    temperature: Annotated[
        float, typer.Option(help="Divides the cosine that items are scored by.")
    ] = FitConfig.temperature,
    item_dropout: Annotated[
        float, typer.Option(help="Share of events left out whole in training.")
    ] = FitConfig.item_dropout,
    smoothing: Annotated[float, typer.Option(help="Label smoothing of the softmax loss.")] = FitConfig.smoothing,
    samples: Annotated[
        int, typer.Option(help="Negatives that the sampled losses draw for a batch.")
    ] = FitConfig.samples,
    weight_decay: Annotated[float, typer.Option(help="Weight decay of the optimiser.")] = FitConfig.weight_decay,
    averaging: Annotated[
        float, typer.Option(help="Decay per step of an average of the weights; 0: none.")
    ] = FitConfig.averaging,
    popularity_prior: Annotated[
        float, typer.Option(help="Above 0 popular items are recommended less, below 0 more; -1 to 1.")
    ] = FitConfig.popularity_prior,
    recency: Annotated[
        float, typer.Option(help="The newest session counts exp(recency) times the oldest.")
    ] = FitConfig.recency,
    teachers: Annotated[
        int, typer.Option(help="Networks trained first, whose mean answer this one learns too; each costs a training.")
    ] = FitConfig.teachers,
    distillation: Annotated[
        float, typer.Option(help="What of the loss is the teachers', where there are any.")
    ] = FitConfig.distillation,
    memory_sessions: Annotated[
        int, typer.Option(help="Newest sessions that the session memory keeps; 0: the network alone.")
    ] = FitConfig.memory_sessions,
    memory_events: Annotated[
        int, typer.Option(help="Newest events that the session memory is asked by; 1: what followed the newest one.")
    ] = FitConfig.memory_events,
    validation_days: Annotated[
        int, typer.Option(help="Last days that early stopping is judged by.")
    ] = FitConfig.validation_days,
    seed: Annotated[int, typer.Option(help="Same seed, data and machine: same model.")] = FitConfig.seed,
    session_column: SessionColumn = "session_id",
    item_column: ItemColumn = "item_id",
    time_column: TimeColumn = "timestamp",
    user_column: UserColumn = None,
    gap_minutes: GapMinutes = 30,
    mlflow: Annotated[
        str | None, typer.Option(help="Follow it in MLflow too: a server's address, or sqlite:///FILE.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a GRU on events: validate by time, stop early, then learn from all of them."""
    options = {
        "epochs": epochs,
        "hidden": hidden,
        "layers": layers,
        "loss": loss,
        "optimiser": optimiser,
        "learning_rate": learning_rate,
        "batching": batching,
        "batch": batch,
        "dropout": dropout,
        "temperature": temperature,
        "item_dropout": item_dropout,
        "smoothing": smoothing,
        "samples": samples,
        "weight_decay": weight_decay,
        "averaging": averaging,
        "popularity_prior": popularity_prior,
        "recency": recency,
        "teachers": teachers,
        "distillation": distillation,
        "memory_sessions": memory_sessions,
        "memory_events": memory_events,
        "validation_days": validation_days,
        "seed": seed,
    }
    given: dict[str, Any] = {name: value for name, value in options.items() if _is_set(context, name)}
    settings = replace(config_from(config), **given) if config is not None else FitConfig(**given)
    refuse_taken(out)
    leads = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun starts, one tells
    sessions = read_events(events, columns_of(session_column, item_column, time_column, user_column, gap_minutes))
    with waiting("starting torch"):
        from model_export.training.run_training import train as train_run
    with progress() as bars, _trackers(mlflow if leads else None, out.name) as trackers:
        intro = f"{len(sessions)} sessions, {len(sessions.codes)} events, {len(sessions.catalogue)} items"
        record = train_run(sessions, settings, out, _Bars(bars, intro), trackers)
    if not leads:
        return
    if as_json:
        print_json(record)
        return
    say(
        f"{out}: {record.training.epochs} epochs; on the validation days "
        f"HR@20 {record.validation['hr@20']:.4f}, MRR@20 {record.validation['mrr@20']:.4f}"
    )


def export(
    run: Annotated[Path, typer.Argument(help="A run's folder, from `nextitem train`.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder that the artifact's folder is made in.", show_default=False)],
    min_overlap: Annotated[float, typer.Option(help="Least top-20 overlap with fp32.")] = Bounds().overlap,
    max_hr_loss: Annotated[float, typer.Option(help="Most that HR@20 may fall against fp32.")] = Bounds().hr_delta,
    scheme: Annotated[
        str | None, typer.Option(help="Pin the scoring scheme; otherwise the cheapest that keeps the bounds.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Turn a run into an artifact with a fast scoring scheme, prove it, and name it by its content."""
    with waiting(f"reading {run}") as tell:
        found = read_run(run)
        tell("starting torch")
        from model_export.export.export import export as export_run

        home = export_run(found, out, Bounds(overlap=min_overlap, hr_delta=max_hr_loss), tell, scheme=scheme)
    manifest = open_artifact(home).manifest
    if as_json:
        print_json({"version": home.name, "folder": str(home), "quantization": manifest.quantization})
        return
    lost = manifest.quantization
    for line in _schemes(lost):
        say(line)
    size = sum(entry.size for entry in manifest.files.values())
    say(
        f"{lost.scheme}: top-20 overlap with fp32 {lost.overlap:.4f}, HR@20 {lost.hr_delta:+.4f} on {lost.targets} "
        f"targets; torch = ONNX fp32 within {lost.parity:.1g}, stepwise = replay within {lost.stepwise:.1g}; "
        f"{size / 1e6:.2f} MB"
    )
    typer.echo(home)


def _is_set(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


@contextmanager
def _trackers(mlflow: str | None, name: str) -> "Iterator[tuple[Tracker, ...]]":
    if mlflow is None:
        yield ()
        return
    with waiting("starting MLflow"), extra("mlflow"):
        from model_export.training.trackers import MLflow

        for chatty in ("mlflow", "alembic"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        tracker = MLflow(mlflow, name)
    with closing(tracker):
        yield (tracker,)
    if tracker.fault is not None:
        say(f"MLflow at {mlflow} was lost meanwhile: {tracker.fault}")


def _schemes(found: Quantization) -> Iterator[str]:
    for row in found.considered:
        figures = ""
        if row.cost_us is not None and row.bytes is not None:
            figures = (
                f"counted {row.cost_us:.0f} us, {row.bytes / 1e6:.1f} MB, overlap {row.overlap:.4f}, "
                f"HR@20 {row.hr_delta:+.4f}, MRR@20 {row.mrr_delta:+.4f}: "
            )
        yield f"  {row.scheme}: {figures}{row.refused or ('pinned' if found.pinned else 'chosen')}"


class _Bars:
    """Shows a fit: what it learns from once it does, a bar for each stage, a line for each epoch."""

    def __init__(self, bars: Progress, intro: str) -> None:
        self._bars = bars
        self._intro = intro
        self._task = bars.add_task("training")

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:
        if self._intro:
            say(self._intro)
            self._intro = ""
        self._bars.update(self._task, description=f"{stage}: epoch {epoch}", completed=done, total=total)

    def epoch(self, stage: str, epoch: Any) -> None:
        judged = "" if math.isnan(epoch.hr) else f", HR@20 {epoch.hr:.4f}, MRR@20 {epoch.mrr:.4f}"
        say(f"{stage}: epoch {epoch.number}: loss {epoch.loss:.4f}{judged}")

    def blend(self, accuracy: Any) -> None:
        say(f"validate: with the session memory: HR@20 {accuracy.hr:.4f}, MRR@20 {accuracy.mrr:.4f}")
