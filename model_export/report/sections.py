"""Compose the page of an evaluation. A further section is one more element of the list in `page_of`."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from model_export.baselines import Tuned
from model_export.data.ingestion.figures import Summary
from model_export.evaluation.analysis import COMPARED, WITH_SEEN, WITHOUT_SEEN, Analysis, Quality, SliceResult, behind
from model_export.evaluation.evaluate import Report
from model_export.evaluation.leakage import Overlap
from model_export.metrics.bootstrap import DRAWS, LEVEL
from model_export.report import plots
from model_export.report.data_section import data_section
from model_export.report.page import (
    Cell,
    Page,
    Part,
    Plot,
    Row,
    Section,
    Table,
    figure,
    interval,
    signed_interval,
    words,
)
from model_export.training.run_folder import RunRecord

COMPARED_TITLES = [metric.upper() for metric in COMPARED]


def page_of(report: Report, run: RunRecord | None, data: Mapping[str, Summary]) -> Page:
    """Return the page of an evaluation.

    Args:
        report: the evaluation.
        run: the training run of the model, if known.
        data: summaries of the events, by name.
    """
    analysis, overlap = report.analysis, report.overlap
    sections = [
        _in_short(analysis),
        _quality(
            WITH_SEEN,
            "After each event the whole catalogue is ranked, with the items that the session already holds.",
            analysis.with_seen,
            analysis.reference,
        ),
        _without_seen(analysis),
        _slices(analysis),
        _days(analysis),
        _exposure(analysis),
        _training(run) if run is not None else None,
        _settings(report.tuned) if report.tuned is not None else None,
        data_section(data),
    ]
    return Page(
        title=f"Evaluation of {report.version}",
        summary=(
            f"{analysis.with_seen.targets:,} next items in {analysis.with_seen.sessions:,} test sessions, one event at "
            f"a time. Intervals hold {100 * LEVEL:.0f} % of {DRAWS:,} draws of sessions with replacement."
        ),
        warning=_overlap(overlap) if overlap is not None and not overlap.is_clean else "",
        note=_no_overlap(overlap) if overlap is not None and overlap.is_clean else "",
        sections=[section for section in sections if section is not None],
    )


def _overlap(overlap: Overlap) -> str:
    return (
        f"Train and test overlap: {overlap.sessions:,} test sessions are in train, and {overlap.later_sessions:,} "
        "train sessions start after the test begins. All figures are too high."
    )


def _no_overlap(overlap: Overlap) -> str:
    note = "No test session is in train, and no train session starts in the time of the test."
    if overlap.later_events:
        note += f" {overlap.later_events:,} train events are from that time: the ends of sessions that began before."
    return note


def _in_short(analysis: Analysis) -> Section:
    rows = []
    for title, quality in ((WITH_SEEN, analysis.with_seen), (WITHOUT_SEEN, analysis.without_seen)):
        if quality is None:
            continue
        cells = [Cell(f"{quality.targets:,}"), *(interval(quality.intervals[analysis.reference][m]) for m in COMPARED)]
        if strongest := quality.strongest_baseline(analysis.reference):
            differences = quality.differences[strongest]
            cells += [words(strongest), *(signed_interval(differences[metric]) for metric in COMPARED)]
        rows.append(Row(title, cells))
    head = ["", "targets", *COMPARED_TITLES]
    if analysis.with_seen.differences:
        head += ["strongest baseline", *(f"{title}, model minus it" for title in COMPARED_TITLES)]
    return Section(
        "In short", [Part(text=" ".join(behind(analysis)), tables=[Table("The model in both views", head, rows)])]
    )


def _without_seen(analysis: Analysis) -> Section | None:
    quality = analysis.without_seen
    if quality is None:
        return None
    text = (
        "The same ranking without the items that the session already holds, as a carousel of suggestions shows it. "
        f"Only targets that are new to their session count: {quality.targets:,} of {analysis.with_seen.targets:,}."
    )
    return _quality(WITHOUT_SEEN, text, quality, analysis.reference)


def _quality(title: str, text: str, quality: Quality, reference: str) -> Section:
    names = sorted(quality.metrics, key=lambda name: (name != reference, -quality.metrics[name]["hr@20"]))
    metrics = list(quality.intervals[reference])
    rows = [
        Row(
            name,
            [
                *(interval(quality.intervals[name][metric]) for metric in metrics),
                figure(quality.metrics[name]["coverage@20"]),
            ],
            is_marked=name == reference,
        )
        for name in names
    ]
    head = ["", *(metric.upper() for metric in metrics), "COVERAGE@20"]
    parts = [
        Part(
            text=text,
            plots=[
                Plot(
                    plots.svg(plots.metrics(quality.intervals, metric, reference)),
                    f"{metric.upper()} of every ranker, with its interval: {_listed(quality, names, metric)}.",
                )
                for metric in COMPARED
            ],
            tables=[Table(f"{title}: every metric", head, rows)],
        )
    ]
    return Section(title, [*parts, _differences(quality, reference)] if quality.differences else parts)


def _listed(quality: Quality, names: Sequence[str], metric: str) -> str:
    return ", ".join(f"{name} {quality.metrics[name][metric]:.3f}" for name in names)


def _differences(quality: Quality, reference: str) -> Part:
    reached = quality.intervals[reference]
    rows = [
        Row(name, [signed_interval(estimates[metric]) for metric in COMPARED])
        for name, estimates in quality.differences.items()
    ]
    return Part(
        title="The model minus each baseline",
        text=(
            "Paired: each draw of sessions is the same for both. An interval that contains 0 shows no difference. In "
            "the plots, blue intervals exclude 0; baselines below half of the model are left out."
        ),
        plots=[
            Plot(
                plots.svg(plots.differences(quality.differences, metric, reached[metric].value)),
                f"The model's {metric.upper()} minus that of each baseline, with interval; the table has the values.",
            )
            for metric in COMPARED
        ],
        tables=[Table("The model minus each baseline", ["baseline", *COMPARED_TITLES], rows)],
    )


def _slices(analysis: Analysis) -> Section | None:
    if not analysis.slices:
        return None
    names = _compared_names(analysis)
    tables = [
        _table_of_slices(by, list(parts), names) for by, parts in groupby(analysis.slices, key=lambda part: part.by)
    ]
    compared = f", and {names[1]}, the baseline with the highest HR@20 + MRR@20" if names[1:] else ""
    part = Part(
        text=f"The model{compared}. All items are ranked.",
        plots=[
            Plot(
                plots.svg(plots.slices(analysis.slices, metric, names)),
                f"{metric.upper()} by slice, with intervals; the tables have the values.",
            )
            for metric in COMPARED
        ],
        tables=tables,
    )
    return Section("Slices", [part])


def _days(analysis: Analysis) -> Section | None:
    if not analysis.days:
        return None
    names = _compared_names(analysis)
    part = Part(
        text="The model is not trained between the days: the curve shows how it ages.",
        plots=[
            Plot(
                plots.svg(plots.by_day(analysis.days, metric, names)),
                f"{metric.upper()} by UTC day of the target, with intervals; the table has the values.",
            )
            for metric in COMPARED
        ],
        tables=[_table_of_slices("UTC day", analysis.days, names)],
    )
    return Section("Days", [part])


def _compared_names(analysis: Analysis) -> list[str]:
    """Return the model and its strongest baseline, if there is one."""
    baseline = analysis.with_seen.strongest_baseline(analysis.reference)
    return [analysis.reference, *([baseline] if baseline else [])]


def _table_of_slices(by: str, parts: Sequence[SliceResult], names: Sequence[str]) -> Table:
    head = ["targets", "sessions", *(f"{name} {title}" for title in COMPARED_TITLES for name in names)]
    rows = [
        Row(
            part.name,
            [
                Cell(f"{part.targets:,}"),
                Cell(f"{part.sessions:,}"),
                *(interval(part.rankers[name][metric]) for metric in COMPARED for name in names),
            ],
        )
        for part in parts
    ]
    return Table(f"By {by}", [by, *head], rows)


def _exposure(analysis: Analysis) -> Section | None:
    targets = analysis.target_exposure
    if targets is None:
        return None
    rows = {**analysis.exposure, "(targets)": targets}
    table = Table(
        "Items in the top 20",
        ["", "mean training events", "mean popularity percentile", "Gini coefficient"],
        [
            Row(
                name,
                [Cell(f"{shown.popularity:,.1f}"), figure(shown.percentile), figure(shown.gini)],
                is_marked=name == analysis.reference,
            )
            for name, shown in rows.items()
        ],
    )
    part = Part(
        text="How popular the items are that each ranker shows, and how unevenly they are shown. Dashed: the targets, "
        "the items that visitors went to.",
        plots=[
            Plot(
                plots.svg(plots.exposure(analysis.exposure, attribute, targets, analysis.reference)),
                f"{title} of the items that each ranker shows; the table has the values.",
            )
            for attribute, title in plots.EXPOSURE_TITLES.items()
        ],
        tables=[table],
    )
    return Section("Exposure of items", [part])


def _training(run: RunRecord) -> Section:
    return Section("Training", [_curve(run, number) for number in range(len(run.curves))])


def _curve(run: RunRecord, number: int) -> Part:
    """Return the part of one network's training."""
    epochs, used = run.curves[number].epochs, run.curves[number].used
    network = "the network" if len(run.curves) == 1 else f"network {number + 1} of {len(run.curves)}"
    titles = ("Training loss", "Validation HR@20", "Validation MRR@20")
    curves = [
        Plot(
            plots.svg(plots.learning_curve(values, used, title)),
            f"{title} of {network} by epoch; epoch {used}, {values[used - 1]:.3f}, is marked.",
        )
        for title, values in zip(titles, zip(*epochs, strict=True), strict=True)
    ]
    text = (
        f"Loss and validation metrics of {network} alone by epoch. Marked: epoch {used}, which validation chose. For "
        f"the final model it is trained on all sessions for {used} epochs."
    )
    return Part(text=text, plots=curves)


def _settings(tuned: Tuned) -> Section:
    rows = []
    for name, settings in tuned.as_json()["settings"].items():
        accuracy = tuned.validation.get(name)
        chosen = ", ".join(f"{setting} = {value}" for setting, value in settings.items()) or "none"
        rows.append(Row(name, [words(chosen), *map(figure, accuracy or ())]))
    head = ["baseline", "settings", *(f"validation {title}" for title in COMPARED_TITLES if tuned.validation)]
    text = f"Chosen by: {tuned.by}; {tuned.targets:,} next items." if tuned.targets else tuned.by
    return Section("Settings of the baselines", [Part(text=text, tables=[Table("Settings", head, rows)])])
