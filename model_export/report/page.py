"""Compose the page of a report in Markdown."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import groupby

from model_export.baselines import Tuned
from model_export.evaluation.analysis import COMPARED, Analysis
from model_export.evaluation.evaluate import MODEL, Report
from model_export.evaluation.leakage import Overlap
from model_export.metrics.bootstrap import DRAWS, LEVEL, Estimate

COMPARED_TITLES = [metric.upper() for metric in COMPARED]


class Plots(StrEnum):
    """File names of the plots."""

    METRICS = "metrics.png"
    DIFFERENCES = "differences.png"
    SLICES = "slices.png"
    EXPOSURE = "exposure.png"
    TRAINING = "training.png"


_ALT_TEXTS = {
    Plots.METRICS: "HR@20 and MRR@20 of every ranker with their intervals",
    Plots.DIFFERENCES: "the model minus each baseline, with intervals",
    Plots.SLICES: "HR@20 and MRR@20 by slice, with intervals",
    Plots.EXPOSURE: "popularity and concentration of the items that each ranker shows",
    Plots.TRAINING: "loss and validation metrics by epoch",
}


def page(report: Report, plots: Sequence[Plots], history: Sequence[tuple[float, float, float]]) -> str:
    """Return the page.

    Args:
        report: the evaluation.
        plots: the plots that were written.
        history: see `write_report`.
    """
    analysis, tuned = report.analysis, report.tuned
    parts = [
        f"# Evaluation of {report.version}",
        _summary(report),
        _overlap(report.overlap) if report.overlap is not None else "",
        "## Quality",
        _image(Plots.METRICS, plots),
        _quality(report),
    ]
    if analysis.with_seen.differences:
        parts += [
            "## The model minus each baseline",
            "Paired: each draw of sessions is the same for both. An interval that contains 0 shows no difference.",
            _image(Plots.DIFFERENCES, plots),
            _differences(analysis),
        ]
    if analysis.slices:
        baseline = analysis.strongest_baseline
        parts += [
            "## Slices",
            f"The model, and {baseline}, the baseline with the highest HR@20 + MRR@20." if baseline else "The model.",
            _image(Plots.SLICES, plots),
            *_slices(analysis, [MODEL, *([baseline] if baseline else [])]),
        ]
    if analysis.target_exposure is not None:
        parts += ["## Exposure of items", _image(Plots.EXPOSURE, plots), _exposure(analysis)]
    if history:
        parts += ["## Training", _image(Plots.TRAINING, plots)]
    if tuned is not None:
        chosen = f"Chosen by: {tuned.by}; {tuned.targets:,} next items." if tuned.targets else tuned.by
        parts += ["## Settings of the baselines", chosen, _settings(tuned)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(report: Report) -> str:
    quality = report.analysis.with_seen
    return (
        f"{quality.targets:,} next items in {quality.sessions:,} test sessions, the whole catalogue ranked after each "
        f"event. Brackets hold {LEVEL:.0%} intervals from {DRAWS:,} draws of sessions with replacement."
    )


def _overlap(overlap: Overlap) -> str:
    if not overlap.is_clean:
        return (
            f"**Train and test overlap:** {overlap.sessions:,} test sessions are in train, and "
            f"{overlap.later_sessions:,} train sessions start after the test begins. All figures are too high."
        )
    return (
        "No test session is in train, and no train session starts in the time of the test. "
        f"{overlap.later_events:,} train events are from that time: the ends of sessions that began before."
    )


def _quality(report: Report) -> str:
    estimates = report.analysis.with_seen.intervals
    names = sorted(estimates, key=lambda name: (name != MODEL, -estimates[name]["hr@20"].value))
    metrics = list(estimates[MODEL])
    rows = (
        [
            f"**{name}**" if name == MODEL else name,
            *(_interval(estimates[name][metric]) for metric in metrics),
            f"{report.analysis.with_seen.metrics[name]['coverage@20']:.3f}",
        ]
        for name in names
    )
    return _table(["", *(metric.upper() for metric in metrics), "COVERAGE@20"], rows)


def _differences(analysis: Analysis) -> str:
    rows = (
        [name, *(_signed_interval(estimates[metric]) for metric in COMPARED)]
        for name, estimates in analysis.with_seen.differences.items()
    )
    return _table(["baseline", *COMPARED_TITLES], rows)


def _slices(analysis: Analysis, names: Sequence[str]) -> list[str]:
    titles = [f"{name} {title}" for title in COMPARED_TITLES for name in names]
    return [
        _table(
            [by, "targets", "sessions", *titles],
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
        for by, parts in groupby(analysis.slices, key=lambda part: part.by)
    ]


def _exposure(analysis: Analysis) -> str:
    rows = {**analysis.exposure, "(targets)": analysis.target_exposure}
    return _table(
        ["", "mean training events", "mean popularity percentile", "Gini"],
        (
            [name, f"{exposure.popularity:,.1f}", f"{exposure.percentile:.3f}", f"{exposure.gini:.3f}"]
            for name, exposure in rows.items()
            if exposure is not None
        ),
    )


def _settings(tuned: Tuned) -> str:
    rows = []
    for name, settings in tuned.as_json()["settings"].items():
        accuracy = tuned.validation.get(name)
        words = ", ".join(f"{setting} = {value}" for setting, value in settings.items()) or "none"
        reached = [f"{value:.3f}" for value in accuracy] if accuracy else ["", ""]
        rows.append([name, words, *reached])
    return _table(["baseline", "settings", *(f"validation {title}" for title in COMPARED_TITLES)], rows)


def _image(plot: Plots, plots: Sequence[Plots]) -> str:
    return f"![{_ALT_TEXTS[plot]}]({plot})" if plot in plots else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _signed_interval(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"
