"""Analyse the ranks of several rankers: intervals, paired differences, slices and exposure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.metrics.bootstrap import DRAWS, LEVEL, SEED, Estimate, SessionBootstrap, estimates
from model_export.metrics.exposure import Exposure, exposure
from model_export.metrics.protocol import Evaluation, Metrics, View, target_events, values_by_metric
from model_export.metrics.slices import Slice, days, sessions_of_targets, slices

COMPARED = ("hr@20", "mrr@20")
"""The metrics of differences and slices."""

WITH_SEEN = "All items"
WITHOUT_SEEN = "Seen items left out"
"""The names of the two views."""

Estimates = Mapping[str, Estimate]
"""Estimates by metric."""


@dataclass(frozen=True)
class SliceResult:
    """The metrics of each ranker in one slice; `by` and `name` as in `Slice`, and the size of the slice."""

    by: str
    name: str
    targets: int
    sessions: int
    rankers: Mapping[str, Estimates]

    def as_json(self) -> dict[str, Any]:
        """Return the sizes and metrics, as in the report's JSON document."""
        return {
            "targets": self.targets,
            "sessions": self.sessions,
            "rankers": {name: _json(metrics) for name, metrics in self.rankers.items()},
        }


@dataclass(frozen=True)
class Quality:
    """The quality of all rankers in one view; all mappings are by ranker.

    Attributes:
        targets: number of targets that the view counts.
        sessions: number of test sessions with such a target.
        metrics: the metrics.
        intervals: the same metrics with their intervals. Coverage has none: a draw holds fewer different sessions than
            the test, so its coverage is always lower.
        differences: the reference's metric minus that of each other ranker, in the same draws.
    """

    targets: int
    sessions: int
    metrics: Mapping[str, Metrics]
    intervals: Mapping[str, Estimates]
    differences: Mapping[str, Estimates]

    def strongest_baseline(self, reference: str) -> str | None:
        """Return the ranker beside the reference with the highest HR@20 + MRR@20; None if the reference is alone."""
        return max(
            (name for name in self.metrics if name != reference),
            key=lambda name: sum(self.metrics[name][metric] for metric in COMPARED),
            default=None,
        )

    def as_json(self, reference: str) -> dict[str, Any]:
        """Return this part of the report's JSON document."""
        return {
            "targets": self.targets,
            "sessions": self.sessions,
            "model": self.metrics[reference],
            "baselines": {name: metrics for name, metrics in self.metrics.items() if name != reference},
            "intervals": {
                "level": LEVEL,
                "draws": DRAWS,
                "seed": SEED,
                "resampled": "sessions",
                "rankers": {
                    name: {metric: [estimate.low, estimate.high] for metric, estimate in metrics.items()}
                    for name, metrics in self.intervals.items()
                },
            },
            "differences": {name: _json(metrics) for name, metrics in self.differences.items()},
        }


@dataclass(frozen=True)
class Analysis:
    """The result of `analyse`; mappings are by ranker.

    Attributes:
        reference: the ranker that the others are compared with.
        with_seen: the quality of the whole ranking.
        without_seen: the quality without the items that the session holds; None if no target is new to its session.
        slices: the metrics of the whole ranking by slice.
        days: the same by UTC day of the target; empty if not asked for, or without a calendar.
        exposure: of the top lists; empty without train.
        target_exposure: of the targets; None without train.
    """

    reference: str
    with_seen: Quality
    without_seen: Quality | None
    slices: tuple[SliceResult, ...]
    days: tuple[SliceResult, ...]
    exposure: Mapping[str, Exposure]
    target_exposure: Exposure | None

    def as_json(self) -> dict[str, Any]:
        """Return these parts of the report's JSON document."""
        return {
            **self.with_seen.as_json(self.reference),
            "without_seen": self.without_seen.as_json(self.reference) if self.without_seen is not None else None,
            "slices": [{"by": part.by, "slice": part.name} | part.as_json() for part in self.slices],
            "days": [{"day": part.name} | part.as_json() for part in self.days],
            "exposure": {
                "targets": asdict(self.target_exposure) if self.target_exposure is not None else None,
                "rankers": {name: asdict(shown) for name, shown in self.exposure.items()},
            },
        }


def analyse(
    evaluations: Mapping[str, Evaluation],
    test: Sessions,
    train: Sessions | None,
    *,
    reference: str,
    by_day: bool = False,
) -> Analysis:
    """Analyse evaluations on one test set.

    Args:
        evaluations: by ranker, the reference among them.
        test: sessions recoded to the train catalogue.
        train: the training sessions, or None.
        reference: see `Analysis`.
        by_day: whether to measure each UTC day, too.
    """
    owners = sessions_of_targets(test)
    bootstrap = SessionBootstrap(owners, len(test))
    names = list(evaluations)
    with_seen = {name: evaluation.with_seen for name, evaluation in evaluations.items()}
    without_seen = {name: view for name, evaluation in evaluations.items() if (view := evaluation.without_seen)}
    compared = _table({name: values_by_metric(view.ranks) for name, view in with_seen.items()}, COMPARED)
    train_counts = np.bincount(train.codes, minlength=len(train.catalogue)) if train is not None else None
    target_counts = np.bincount(test.codes[target_events(test)], minlength=len(test.catalogue))

    def result(part: Slice, means: tuple[NDArray[np.float64], NDArray[np.float64]]) -> SliceResult:
        sessions = len(np.unique(owners[part.targets]))
        rankers = _by_ranker(names, COMPARED, estimates(*means))
        return SliceResult(part.by, part.name, int(part.targets.sum()), sessions, rankers)

    def of_slice(part: Slice) -> SliceResult:
        return result(part, bootstrap.means(compared, part.targets))

    def of_day(part: Slice) -> SliceResult:
        # Of its own sessions alone: to draw from those of all days takes as long for each of many days
        sessions, own = np.unique(owners[part.targets], return_inverse=True)
        return result(part, SessionBootstrap(own, len(sessions)).means(compared[part.targets]))

    return Analysis(
        reference=reference,
        with_seen=_quality(with_seen, owners, bootstrap, reference),
        without_seen=_quality(without_seen, owners, bootstrap, reference) if without_seen else None,
        slices=tuple(map(of_slice, slices(test, train))),
        days=tuple(map(of_day, days(test))) if by_day else (),
        exposure={name: exposure(view.shown, train_counts) for name, view in with_seen.items()}
        if train_counts is not None
        else {},
        target_exposure=exposure(target_counts, train_counts) if train_counts is not None else None,
    )


def behind(analysis: Analysis) -> Iterator[str]:
    """Yield one warning, if in a view the strongest baseline is certainly better than the reference.

    It is certain where the whole interval of the difference is below 0.
    """
    views = []
    for title, quality in ((WITH_SEEN, analysis.with_seen), (WITHOUT_SEEN, analysis.without_seen)):
        strongest = quality.strongest_baseline(analysis.reference) if quality is not None else None
        if quality is None or strongest is None:
            continue
        lost = {metric: quality.differences[strongest][metric] for metric in COMPARED}
        figures = [f"{metric.upper()} is {-part.value:.3f}" for metric, part in lost.items() if part.high < 0]
        if figures:
            views.append(f"{title}: {' and '.join(figures)} below that of {strongest}")
    if views:
        yield f"{'; '.join(views)}. More epochs, more events or `nextitem tune` may help."


def _quality(
    views: Mapping[str, View], owners: NDArray[np.int64], bootstrap: SessionBootstrap, reference: str
) -> Quality:
    """Return the quality of rankers, which all count the same targets."""
    names, counted = list(views), views[reference].counted
    values = {name: values_by_metric(view.ranks) for name, view in views.items()}
    metrics = list(values[reference])
    compared = _table(values, COMPARED)
    means, draws = (part.reshape(*part.shape[:-1], len(names), -1) for part in bootstrap.means(compared, counted))
    at = names.index(reference)
    differences = {
        name: estimates(means[at] - means[other], draws[:, at] - draws[:, other])
        for other, name in enumerate(names)
        if name != reference
    }
    return Quality(
        targets=int(counted.sum()),
        sessions=len(np.unique(owners[counted])),
        metrics={name: view.metrics for name, view in views.items()},
        intervals=_by_ranker(names, metrics, estimates(*bootstrap.means(_table(values, metrics), counted))),
        differences={name: dict(zip(COMPARED, columns, strict=True)) for name, columns in differences.items()},
    )


def _table(values: Mapping[str, Mapping[str, NDArray[np.float64]]], metrics: Sequence[str]) -> NDArray[np.float64]:
    """Return float64[targets, rankers * metrics]."""
    return np.stack([by_metric[metric] for by_metric in values.values() for metric in metrics], axis=1)


def _by_ranker(names: Sequence[str], metrics: Sequence[str], columns: list[Estimate]) -> dict[str, Estimates]:
    """Name the columns of a table like `_table`'s."""
    width = len(metrics)
    return {
        name: dict(zip(metrics, columns[at * width : (at + 1) * width], strict=True)) for at, name in enumerate(names)
    }


def _json(metrics: Estimates) -> dict[str, dict[str, float]]:
    return {metric: estimate._asdict() for metric, estimate in metrics.items()}
