"""What ranks say beyond their means: intervals, paired differences, slices, and what was shown.

Knows evaluations by name, not how they came about.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.metrics.bootstrap import DRAWS, LEVEL, SEED, Estimate, SessionBootstrap, estimates
from model_export.metrics.exposure import Exposure, exposure
from model_export.metrics.protocol import Evaluation, gains, target_events
from model_export.metrics.slices import owners_of, slices

COMPARED = ("hr@20", "mrr@20")
"""The metrics of differences and slices."""

Estimates = Mapping[str, Estimate]
"""By metric."""


@dataclass(frozen=True)
class SliceResult:
    """A slice: what it is, how much of the test, and each ranker's metrics within it."""

    by: str
    name: str
    targets: int
    sessions: int
    rankers: Mapping[str, Estimates]


@dataclass(frozen=True)
class Analysis:
    """See the module.

    Attributes:
        reference: the ranker whose differences from the others are told.
        metrics: each ranker's metrics with intervals. Coverage has none: a draw holds fewer different sessions than
            the test, and so would always cover less.
        differences: metric of the reference minus that of each other ranker, over the same draws.
        slices: see `slices`.
        shown: what each ranker shows, where train was given.
        wanted: the same of the targets themselves.
    """

    reference: str
    metrics: Mapping[str, Estimates]
    differences: Mapping[str, Estimates]
    slices: tuple[SliceResult, ...]
    shown: Mapping[str, Exposure]
    wanted: Exposure | None

    @property
    def rival(self) -> str | None:
        """The strongest of the others, by the sum of the metrics compared; None where there are no others."""
        others = [name for name in self.metrics if name != self.reference]
        return max(others, key=lambda name: sum(self.metrics[name][one].value for one in COMPARED), default=None)

    def as_json(self) -> dict[str, Any]:
        """Return the parts of the report's JSON document."""
        return {
            "intervals": {
                "level": LEVEL,
                "draws": DRAWS,
                "seed": SEED,
                "resampled": "sessions",
                "rankers": {
                    name: {metric: [one.low, one.high] for metric, one in found.items()}
                    for name, found in self.metrics.items()
                },
            },
            "differences": {name: _document(found) for name, found in self.differences.items()},
            "slices": [
                {
                    "by": one.by,
                    "slice": one.name,
                    "targets": one.targets,
                    "sessions": one.sessions,
                    "rankers": {name: _document(found) for name, found in one.rankers.items()},
                }
                for one in self.slices
            ],
            "exposure": {
                "targets": asdict(self.wanted) if self.wanted is not None else None,
                "rankers": {name: asdict(found) for name, found in self.shown.items()},
            },
        }


def analyse(found: Mapping[str, Evaluation], test: Sessions, train: Sessions | None, *, reference: str) -> Analysis:
    """Draw what there is to know from the ranks of one test set.

    Args:
        found: each ranker's evaluation on `test`, the reference among them.
        test: sessions recoded to the train catalogue.
        train: the training sessions, or None.
        reference: see `Analysis`.
    """
    owners = owners_of(test)
    bootstrap = SessionBootstrap(owners, len(test))
    metrics = list(gains(found[reference].ranks))
    names = list(found)
    values = np.concatenate([np.stack(list(gains(found[name].ranks).values()), axis=1) for name in names], axis=1)
    means, draws = bootstrap.means(values)
    table = estimates(means, draws)

    def column(name: str, metric: str) -> int:
        return names.index(name) * len(metrics) + metrics.index(metric)

    def difference(name: str, metric: str) -> Estimate:
        of, other = column(reference, metric), column(name, metric)
        [one] = estimates(means[[of]] - means[[other]], draws[:, [of]] - draws[:, [other]])
        return one

    compared = [column(name, metric) for name in names for metric in COMPARED]
    sliced = []
    for part in slices(test, train):
        rows = estimates(*bootstrap.means(values[:, compared], part.within))
        sliced.append(
            SliceResult(
                part.by,
                part.name,
                targets=int(part.within.sum()),
                sessions=len(np.unique(owners[part.within])),
                rankers=_by_ranker(names, COMPARED, rows),
            )
        )
    popular = np.bincount(train.codes, minlength=len(train.catalogue)) if train is not None else None
    return Analysis(
        reference=reference,
        metrics=_by_ranker(names, metrics, table),
        differences={
            name: {metric: difference(name, metric) for metric in COMPARED} for name in names if name != reference
        },
        slices=tuple(sliced),
        shown={name: exposure(one.shown, popular) for name, one in found.items()} if popular is not None else {},
        wanted=exposure(_counts(test), popular) if popular is not None else None,
    )


def _by_ranker(names: list[str], metrics: "list[str] | tuple[str, ...]", rows: list[Estimate]) -> dict[str, Estimates]:
    width = len(metrics)
    return {name: dict(zip(metrics, rows[at * width : (at + 1) * width], strict=True)) for at, name in enumerate(names)}


def _counts(test: Sessions) -> NDArray[np.int64]:
    return np.bincount(test.codes[target_events(test)], minlength=len(test.catalogue))


def _document(found: Estimates) -> dict[str, dict[str, float]]:
    return {metric: one._asdict() for metric, one in found.items()}
