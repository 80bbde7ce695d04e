"""The page of a report, in Markdown. Knows what was found, and of plots only their names."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Any

from model_export.evaluation.analysis import COMPARED, Estimates
from model_export.evaluation.evaluate import MODEL, Report
from model_export.evaluation.leakage import Overlap
from model_export.metrics.bootstrap import DRAWS, LEVEL, Estimate


class Plots(StrEnum):
    """File names of the plots."""

    METRICS = "metrics.png"
    DIFFERENCES = "differences.png"
    SLICES = "slices.png"
    EXPOSURE = "exposure.png"
    TRAINING = "training.png"


_TEXTS = {
    Plots.METRICS: "HR@20 and MRR@20 of every ranker with their intervals",
    Plots.DIFFERENCES: "the model minus each baseline, with intervals",
    Plots.SLICES: "HR@20 and MRR@20 by slice, with intervals",
    Plots.EXPOSURE: "popularity and concentration of what each ranker shows",
    Plots.TRAINING: "loss and validation metrics by epoch",
}


def page(report: Report, plots: Sequence[Plots], history: Sequence[tuple[float, float, float]]) -> str:
    """Return the page.

    Args:
        report: what was found.
        plots: those that are there.
        history: see `write_report`.
    """
    parts = [
        f"# Evaluation of {report.version}",
        _counted(report),
        "## Quality",
        _shown(Plots.METRICS, plots),
        _quality(report),
    ]
    if report.overlap is not None:
        parts.insert(2, _overlap(report.overlap))
    if report.analysis.differences:
        parts += [
            "## The model minus each baseline",
            "Paired: the same sessions judge both in every draw. An interval that holds 0 tells of no difference.",
            _shown(Plots.DIFFERENCES, plots),
            _table(
                ["baseline", *(metric.upper() for metric in COMPARED)],
                (
                    [name, *(_signed(found[metric]) for metric in COMPARED)]
                    for name, found in report.analysis.differences.items()
                ),
            ),
        ]
    if report.analysis.slices:
        rival = report.analysis.rival
        parts += [
            "## Slices",
            f"The model, and {rival}, the baseline of the highest HR@20 + MRR@20." if rival else "The model.",
            _shown(Plots.SLICES, plots),
            *_slices(report, [MODEL, *([rival] if rival else [])]),
        ]
    if report.analysis.wanted is not None:
        parts += ["## What is shown", _shown(Plots.EXPOSURE, plots), _exposure(report)]
    if history:
        parts += ["## Training", _shown(Plots.TRAINING, plots)]
    if report.tuned is not None:
        parts += [
            "## Settings of the baselines",
            f"Chosen by: {report.tuned.by}; {report.tuned.targets:,} next items."
            if report.tuned.targets
            else report.tuned.by,
            _settings(report.tuned.as_json()),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _counted(report: Report) -> str:
    return (
        f"{report.targets:,} next items in {report.sessions:,} test sessions, the whole catalogue ranked after each "
        f"event. Brackets hold {LEVEL:.0%} intervals: sessions are drawn with replacement, {DRAWS:,} times."
    )


def _overlap(found: Overlap) -> str:
    if not found.is_clean:
        return (
            f"**Train knows the test:** {found.sessions:,} test sessions are in train, and {found.later_sessions:,} "
            "train sessions start when test has begun. The figures of every ranker are too good."
        )
    return (
        f"No test session is in train and no train session starts in the test's time; {found.later_events:,} train "
        "events lie in it, the ends of sessions that began before."
    )


def _quality(report: Report) -> str:
    found = report.analysis.metrics
    names = sorted(found, key=lambda name: (name != MODEL, -found[name]["hr@20"].value))
    columns = list(found[MODEL])
    rows = (
        [
            f"**{name}**" if name == MODEL else name,
            *(_interval(found[name][metric]) for metric in columns),
            f"{report.rankers[name].coverage_20:.3f}",
        ]
        for name in names
    )
    return _table(["", *(metric.upper() for metric in columns), "COVERAGE@20"], rows)


def _slices(report: Report, names: Sequence[str]) -> list[str]:
    tables = []
    for by, parts in groupby(report.analysis.slices, key=lambda one: one.by):
        head = [by, "targets", "sessions", *(f"{name} {metric.upper()}" for metric in COMPARED for name in names)]
        tables.append(
            _table(
                head,
                (
                    [
                        part.name,
                        f"{part.targets:,}",
                        f"{part.sessions:,}",
                        *(_interval(part.rankers[name][metric]) for metric in COMPARED for name in names),
                    ]
                    for part in parts
                ),
            )
        )
    return tables


def _exposure(report: Report) -> str:
    rows = {**report.analysis.shown, "(targets)": report.analysis.wanted}
    return _table(
        ["", "mean training events", "mean popularity percentile", "Gini"],
        (
            [name, f"{one.popularity:,.1f}", f"{one.percentile:.3f}", f"{one.gini:.3f}"]
            for name, one in rows.items()
            if one is not None
        ),
    )


def _settings(tuned: Mapping[str, Any]) -> str:
    def words(settings: Mapping[str, Any]) -> str:
        return ", ".join(f"{name} = {value}" for name, value in settings.items()) or "none"

    def reached(found: Estimates | Mapping[str, float]) -> list[str]:
        return [f"{found[metric]:.3f}" if found else "" for metric in COMPARED]

    return _table(
        ["baseline", "settings", *(f"validation {metric.upper()}" for metric in COMPARED)],
        (
            [name, words(settings), *reached(tuned["validation"].get(name, {}))]
            for name, settings in tuned["settings"].items()
        ),
    )


def _shown(plot: Plots, there: Sequence[Plots]) -> str:
    return f"![{_TEXTS[plot]}]({plot})" if plot in there else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _interval(one: Estimate) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _signed(one: Estimate) -> str:
    return f"{one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
