"""Command `train`: events into a training run."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from model_export.cli.console import is_leader, print_json, progress, read_events, say, waiting, warn
from model_export.cli.extras import extra
from model_export.cli.options import EventFiles, Json, LayoutOptions
from model_export.cli.outcome import all_or_nothing
from model_export.data.atomic_file import refuse_taken
from model_export.data.ingestion.figures import Summary, few_targets
from model_export.training.config import BATCHINGS, LOSSES, OPTIMISERS, FitConfig
from model_export.training.config_file import config_from
from model_export.training.defaults import decisions
from model_export.training.run_folder import read_run

if TYPE_CHECKING:
    from model_export.training.trackers import MLflow


@dataclass(frozen=True)
class FitOptions:
    """The settings of a training: options of the names of `FitConfig`."""

    epochs: Annotated[
        int, typer.Option(help="Maximum epochs; 0: by the size of the data. Early stopping may end sooner.")
    ] = FitConfig.epochs
    minutes: Annotated[float, typer.Option(help="Minutes that the training may take on two cores.")] = FitConfig.minutes
    networks: Annotated[
        int,
        typer.Option(help="Networks that are trained apart and serve as one; 0: as many as time allows, at most 2."),
    ] = FitConfig.networks
    hidden: Annotated[
        int, typer.Option(help="Hidden size of each network, a multiple of 16; 0: by the size of the data.")
    ] = FitConfig.hidden
    layers: Annotated[int, typer.Option(help="GRU layers.")] = FitConfig.layers
    loss: Annotated[str, typer.Option(help=f"{', '.join(LOSSES)}; auto: by the size of the data.")] = FitConfig.loss
    optimiser: Annotated[str, typer.Option(help=f"{', '.join(OPTIMISERS)}.")] = FitConfig.optimiser
    learning_rate: Annotated[float, typer.Option(help="Maximum learning rate.")] = FitConfig.learning_rate
    batching: Annotated[str, typer.Option(help=f"How sessions share a batch: {', '.join(BATCHINGS)}.")] = (
        FitConfig.batching
    )
    batch: Annotated[
        int, typer.Option(help="Sessions in a batch, or parallel sessions; 0: by the size of the data.")
    ] = FitConfig.batch
    dropout: Annotated[float, typer.Option(help="Dropout of embeddings and hidden states.")] = FitConfig.dropout
    temperature: Annotated[float, typer.Option(help="Divides the cosines that are the scores.")] = FitConfig.temperature
    item_dropout: Annotated[float, typer.Option(help="Share of events left out in training.")] = FitConfig.item_dropout
    smoothing: Annotated[float, typer.Option(help="Label smoothing of the softmax loss.")] = FitConfig.smoothing
    samples: Annotated[int, typer.Option(help="Negatives per batch of the sampled losses.")] = FitConfig.samples
    weight_decay: Annotated[float, typer.Option(help="Weight decay of the optimiser.")] = FitConfig.weight_decay
    averaging: Annotated[float, typer.Option(help="Decay per step of the moving average of the weights; 0: none.")] = (
        FitConfig.averaging
    )
    popularity_prior: Annotated[
        float, typer.Option(help="Above 0: recommend popular items less; below 0: more. From -1 to 1.")
    ] = FitConfig.popularity_prior
    type_weight: Annotated[
        str, typer.Option(help="Weights of next items by type, such as purchase=4,cart=2; see --type-column.")
    ] = FitConfig.type_weight
    recency: Annotated[float, typer.Option(help="The newest session weighs exp(recency) times the oldest.")] = (
        FitConfig.recency
    )
    neighbour_rows: Annotated[
        float,
        typer.Option(
            help="Share of the mean row of an item's neighbours that is added to its row; -1: by the validation."
        ),
    ] = FitConfig.neighbour_rows
    memory_sessions: Annotated[int, typer.Option(help="Newest sessions in the session memory; 0: no memory.")] = (
        FitConfig.memory_sessions
    )
    memory_events: Annotated[
        int, typer.Option(help="Newest events of a session to search the memory by; 1: the newest only.")
    ] = FitConfig.memory_events
    validation_days: Annotated[int, typer.Option(help="Last days of the events, for early stopping.")] = (
        FitConfig.validation_days
    )
    seed: Annotated[int, typer.Option(help="The same seed, data and machine give the same model.")] = FitConfig.seed

    def config(self, context: typer.Context, path: Path | None) -> FitConfig:
        """Return the settings of the command line, then of --config's file, then of nextitem.toml."""
        given = {name: value for name, value in vars(self).items() if _source(context, name) == "COMMANDLINE"}
        base = {name: value for name, value in vars(self).items() if _source(context, name) == "DEFAULT_MAP"}
        settings = FitConfig(**base) if path is None else config_from(path, FitConfig(**base))
        return replace(settings, **given)


def train(
    context: typer.Context,
    events: EventFiles,
    out: Annotated[Path, typer.Option(help="The run's folder, which must not exist yet.", show_default=False)],
    fit: FitOptions,
    layout: LayoutOptions,
    config: Annotated[
        Path | None, typer.Option(help="Settings as JSON, from `nextitem tune`; options here override them.")
    ] = None,
    mlflow: Annotated[
        str | None, typer.Option(help="Also track the run in MLflow: a server's address, or sqlite:///FILE.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a GRU on events: validate by time, stop early, then train on all events."""
    settings = fit.config(context, config)
    refuse_taken(out)
    all_or_nothing(out)
    # MLflow comes first: reading the events can take minutes.
    with progress() as view, _trackers(mlflow if is_leader() else None) as trackers:
        sessions, figures = read_events(events, layout.layout)
        with waiting("starting torch"):
            from model_export.training.run_training import train as train_run
            from model_export.training.training_lines import TrainingLines
        chosen = decisions(settings, sessions) if is_leader() else []
        for decision in chosen:
            say(str(decision))
        for tracker in trackers:
            tracker.start(out.name)
        summary = Summary(figures, list(figures.warnings()))
        view.bound = "at most"  # early stopping
        lines = TrainingLines(view, say)
        record = train_run(sessions, settings, out, lines, trackers, summary=msgspec.json.encode(summary))
    if not is_leader():
        return
    if as_json:
        print_json({**msgspec.to_builtins(record), "summary": summary, "decisions": chosen})
        return
    warn(few_targets("the validation", sum(session.targets for session in read_run(out).held_out)))
    say(
        f"{out}: {record.training.epochs} epochs of {record.networks} "
        f"{'network' if record.networks == 1 else 'networks'}, "
        f"rows of neighbours {record.training.hyperparameters['neighbour_rows']}; on the validation days "
        f"HR@20 {record.validation['hr@20']:.4f}, MRR@20 {record.validation['mrr@20']:.4f}"
    )


def _source(context: typer.Context, name: str) -> str:
    """Return where an option's value comes from, as click names it."""
    source = context.get_parameter_source(name)
    return "DEFAULT" if source is None else source.name


@contextmanager
def _trackers(mlflow: str | None) -> "Iterator[tuple[MLflow, ...]]":
    if mlflow is None:
        yield ()
        return
    with waiting(f"connecting to MLflow at {mlflow}"), extra("mlflow"):
        from model_export.training.trackers import MLflow

        for library in ("mlflow", "alembic"):
            logging.getLogger(library).setLevel(logging.WARNING)
        tracker = MLflow(mlflow, say)
    with closing(tracker):
        yield (tracker,)
