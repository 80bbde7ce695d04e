"""Command `evaluate`: metrics of an artifact and of baselines on test events."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table

from model_export.baselines.all_baselines import NAMES
from model_export.baselines.tuning import TUNED_SETTINGS
from model_export.cli.console import OUT, print_json, progress, read_events, say, warn
from model_export.cli.options import ArtifactFolder, Json, LayoutOptions, check_run
from model_export.cli.outcome import all_or_nothing
from model_export.cli.tables import column, table
from model_export.data.atomic_file import write_atomically
from model_export.data.ingestion.figures import NOT_PREDICTED, Summary, few_targets
from model_export.evaluation.analysis import COMPARED, Analysis, Quality, behind
from model_export.evaluation.evaluate import MODEL, TUNING, Progress, Report, evaluate_artifact
from model_export.evaluation.event_types import unlike_types
from model_export.evaluation.unlike_items import unknown_in, unlike_items
from model_export.progress import Phase
from model_export.report import check_report, write_report
from model_export.training.run_folder import RunRecord, read_run
from model_export.view import View
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import Manifest


def evaluate(
    artifact: ArtifactFolder,
    events: Annotated[list[str], typer.Option(help="Test events; may be repeated.", show_default=False)],
    layout: LayoutOptions,
    train: Annotated[
        list[str] | None,
        typer.Option(help="Training events, to evaluate baselines too; may be repeated.", show_default=False),
    ] = None,
    ranks: Annotated[
        Path | None, typer.Option(help="File of ranks to write (.npy): one per target, in the order of the test file.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="HTML file to write: one page with tables and plots, which loads nothing else.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="With --report: the artifact's run, to plot its learning curves.", callback=check_run),
    ] = None,
    prequential: Annotated[
        bool, typer.Option("--prequential", help="Also measure each UTC day of the test events, in their order.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Evaluate an artifact with the serving engine, one event at a time."""
    if run is not None and report is None:
        raise InputError("--run needs --report: the learning curves are part of the report")
    if report is not None:
        check_report(report)
    all_or_nothing(report, ranks)
    model = Model(open_artifact(artifact))
    record = _record(run, model.manifest) if run is not None else None
    test, figures = read_events(events, layout.layout)
    if prequential and not test.is_epoch:
        raise InputError("--prequential needs times: those of the test events are a running index, which has no days")
    data = {}
    train_events = None
    if train:
        train_events, train_figures = read_events(train, layout.layout)
        data["Training events"] = Summary(train_figures, [*train_figures.warnings()])
    if train_events is not None and train_events.digest != model.manifest.training.data_sha256:
        say(f"{', '.join(train or ())}, as these options read it, is not the data that {model.version} was trained on")
    with progress() as view:
        watch = _shown_in(view, with_baselines=train_events is not None)
        result = evaluate_artifact(model, test, train_events, watch, by_day=prequential)
    about_test = [
        *few_targets("test", len(result.ranks)),
        *unlike_items(test, model.version, model.vocabulary, NOT_PREDICTED),
        *unlike_types(test, model.version, model.manifest),
    ]
    warn(about_test)
    unknown = sum(unknown_in(test, model.vocabulary).values())
    data["Test events"] = Summary(figures, [*figures.warnings(), *about_test], len(test.codes), unknown)
    if result.overlap is not None and not result.overlap.is_clean:
        say(
            f"train and test overlap: {result.overlap.sessions} test sessions are in train, "
            f"{result.overlap.later_sessions} train sessions start after the first test session"
        )
    if report is not None:
        write_report(result, report, data, record)
        say(f"{report}: the report")
    warn(behind(result.analysis))
    if ranks is not None:
        write_atomically(ranks, lambda path: _save(path, result.ranks))
    if as_json:
        print_json({**result.as_json(), "summary": data["Test events"]})
    else:
        for shown in _tables(result):
            OUT.print(shown)
        if result.calibration_error is not None:
            say(f"expected calibration error of the first 20 items: {result.calibration_error:.4f}")


def _shown_in(view: View, *, with_baselines: bool) -> Progress:
    """Return a function that shows the work of each ranker."""
    baselines = (*(Phase(name, 0, "baselines") for name in NAMES),) if with_baselines else ()

    def show(name: str, done: int, total: int) -> None:
        if done == 1 and name == MODEL:
            tuning = (Phase(TUNING, TUNED_SETTINGS),) if with_baselines else ()
            view.plan([Phase(MODEL, total), *tuning, *(replace(phase, units=total) for phase in baselines)])
        view.step(name, done)

    return show


def _record(run: Path, manifest: Manifest) -> RunRecord:
    record = read_run(run).record
    if record.training != manifest.training:
        raise InputError(f"{run} is not the run that the artifact was exported from")
    return record


def _save(path: Path, values: NDArray[np.float64]) -> None:
    with path.open("wb") as file:  # numpy adds .npy to a path, but not to a file
        np.save(file, values, allow_pickle=False)


def _tables(report: Report) -> Iterator[Table]:
    """Return the tables of each view. All metrics but the last two come first, so that each fits a terminal."""
    yield from _quality(
        f"{report.analysis.with_seen.targets} targets; the model is {report.version}", report.analysis.with_seen
    )
    if (quality := report.analysis.without_seen) is not None:
        yield from _quality(f"Seen items left out: {quality.targets} targets new to their session", quality)
    if report.analysis.days:
        yield _days(report.analysis)


def _days(analysis: Analysis) -> Table:
    """Return the table of days: the model beside its strongest baseline."""
    strongest = analysis.with_seen.strongest_baseline(analysis.reference)
    names = [analysis.reference, *([strongest] if strongest else [])]
    beside = "" if strongest is None else f" The strongest baseline is {strongest}."
    headings = [f"{kind}\n{metric}" for metric in COMPARED for kind in ("model", "baseline")[: len(names)]]
    days = _table(f"By UTC day.{beside}", ["targets", *headings])
    for part in analysis.days:
        figures = (part.rankers[name][metric] for metric in COMPARED for name in names)
        days.add_row(part.name, f"{part.targets}", *(f"{figure.value:.4f}" for figure in figures))
    return days


def _quality(title: str, quality: Quality) -> Iterator[Table]:
    *first, ndcg, coverage = next(iter(quality.metrics.values()))
    ranking = _table(title, first)
    for name, figures in quality.metrics.items():
        ranking.add_row(name, *(f"{figures[metric]:.4f}" for metric in first))
    yield ranking
    others = _table(None, [ndcg, coverage, "hr@20 95 %", "mrr@20 95 %"])
    for name, figures in quality.metrics.items():
        intervals = (quality.intervals[name][metric] for metric in ("hr@20", "mrr@20"))
        bounds = (f"{interval.low:.3f}-{interval.high:.3f}" for interval in intervals)
        others.add_row(name, f"{figures[ndcg]:.4f}", f"{figures[coverage]:.4f}", *bounds)
    yield others


def _table(title: str | None, columns: list[str]) -> Table:
    return table("", *(column(name, number=True) for name in columns), title=title)
