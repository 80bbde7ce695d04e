"""The command `evaluate`: an artifact, and baselines beside it, judged on test events."""

from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import TaskID
from rich.table import Column, Table

from model_export.cli.console import OUT, print_json, progress, read_events, say
from model_export.cli.options import ArtifactFolder, ColumnOptions
from model_export.data.atomic_file import write_atomically
from model_export.evaluation.evaluate import Report, evaluate_artifact
from model_export.report import require_plots, write_report
from model_export.training.run_folder import read_run
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import Manifest


def evaluate(
    artifact: ArtifactFolder,
    events: Annotated[Path, typer.Option(help="Test events.", show_default=False)],
    columns: ColumnOptions,
    train: Annotated[Path | None, typer.Option(help="Training events: baselines then stand beside the model.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the report as JSON; - for standard output.")] = None,
    ranks: Annotated[
        Path | None, typer.Option(help="Write each target's rank (.npy), in the test file's order.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for a page with plots: intervals, slices, popularity.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="With --report: the artifact's run, for its learning curves.")
    ] = None,
) -> None:
    """Judge an artifact through the engine that serves, one event at a time."""
    if run is not None and report is None:
        raise InputError("--run says what goes into a report: give --report as well")
    if report is not None:
        require_plots()
    model = Model(open_artifact(artifact))
    history = _history(run, model.manifest) if run is not None else ()
    test = read_events(events, columns.columns)
    known = read_events(train, columns.columns) if train is not None else None
    if known is not None and known.digest != model.manifest.training.data_sha256:
        say(f"{train} is not the very data that {model.version} was trained on")
    with progress() as bars:
        tasks: dict[str, TaskID] = {}

        def on_session(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done)

        found = evaluate_artifact(model, test, known, on_session)
    if found.overlap is not None and not found.overlap.is_clean:
        say(
            f"train knows the test: {found.overlap.sessions} test sessions are in train, "
            f"{found.overlap.later_sessions} train sessions start when test has begun"
        )
    if report is not None:
        say(f"{write_report(found, report, history)}: the report")
    if ranks is not None:
        write_atomically(ranks, lambda path: _save(path, found.ranks))
    document = found.as_json()
    if json is not None and str(json) != "-":
        text = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
        write_atomically(json, lambda path: path.write_bytes(text))
    if str(json) == "-":
        print_json(document)
    else:
        OUT.print(_quality(found))
        OUT.print(_sureness(found))


def _history(run: Path, manifest: Manifest) -> tuple[tuple[float, float, float], ...]:
    record = read_run(run).record
    if record.training != manifest.training:
        raise InputError(f"{run} is not the run that the artifact was exported from")
    return record.history


def _save(path: Path, values: NDArray[np.float64]) -> None:
    with path.open("wb") as file:  # given a name, numpy would add .npy to one without it
        np.save(file, values, allow_pickle=False)


def _quality(report: Report) -> Table:
    """Every metric of every ranker but the last two, within the width of a terminal."""
    metrics = list(report.model)[:-2]
    table = _table(f"{report.targets} targets; the model is {report.version}", metrics)
    for name, figures in report.rankers.items():
        table.add_row(name, *(f"{figures[metric]:.4f}" for metric in metrics))
    return table


def _sureness(report: Report) -> Table:
    """The other two metrics, and the intervals of the two that are compared."""
    metrics = list(report.model)[-2:]
    table = _table(None, [*metrics, "hr@20 95 %", "mrr@20 95 %"])
    for name, figures in report.rankers.items():
        sure = report.analysis.metrics[name]
        within = (f"{sure[metric].low:.3f}-{sure[metric].high:.3f}" for metric in ("hr@20", "mrr@20"))
        table.add_row(name, *(f"{figures[metric]:.4f}" for metric in metrics), *within)
    return table


def _table(title: str | None, columns: list[str]) -> Table:
    return Table(
        Column("", no_wrap=True),
        *(Column(name, justify="right", no_wrap=True) for name in columns),
        title=title,
    )
