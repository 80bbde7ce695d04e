"""Compare two versions on the same targets of the same sessions, with paired intervals.

Other than `model_export.evaluation.evaluate`, versions may have different catalogues: unknown items are misses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.evaluation.served_ranks import ServedRanks, served_ranks, targets_of
from model_export.metrics.bootstrap import Estimate, SessionBootstrap, estimates
from model_export.metrics.protocol import values_by_metric
from nextitem.errors import InputError
from nextitem.model.engine import Model

Progress = Callable[[str, int], None]
"""Called with a version and the number of its sessions done."""
Estimates = dict[str, Estimate]
"""By metric."""


class PairedEstimates(NamedTuple):
    """The metrics of two rankers and their difference, the candidate's less the reference's, over the same draws."""

    reference: Estimates
    candidate: Estimates
    difference: Estimates


@dataclass(frozen=True)
class VersionComparison:
    """The quality of two versions on the same targets.

    Attributes:
        reference, candidate: the versions.
        sessions: number of sessions.
        targets: number of next items; of unknown items, too, which are misses.
        unknown: by version, the number of targets whose item it does not know.
        quality: by version, each metric with the interval of the session bootstrap.
        difference: by metric, the candidate's less the reference's, in the same draws.
    """

    reference: str
    candidate: str
    sessions: int
    targets: int
    unknown: dict[str, int]
    quality: dict[str, Estimates]
    difference: Estimates


def compare_versions(
    reference: Model, candidate: Model, test: Sessions, *, exclude_seen: bool, progress: Progress
) -> VersionComparison:
    """Rank the next items of sessions with both versions as they serve, one event at a time.

    Args:
        reference: a version.
        candidate: the version that is compared with it.
        test: sessions, over any catalogue.
        exclude_seen: whether answers leave out the session's items.
        progress: follows the work.

    Raises:
        InputError: no event of the sessions is a next item.
    """
    targets = int(targets_of(test, exclude_seen=exclude_seen).sum())
    if not targets:
        raise InputError("no event of these sessions is a next item; take more sessions")
    models = (reference, candidate)
    first, second = (
        served_ranks(model, test, exclude_seen=exclude_seen, progress=_of(model.version, progress)) for model in models
    )
    paired = paired_estimates(test, first, second, exclude_seen=exclude_seen)
    return VersionComparison(
        reference=reference.version,
        candidate=candidate.version,
        sessions=len(test),
        targets=targets,
        unknown={reference.version: first.unknown, candidate.version: second.unknown},
        quality={reference.version: paired.reference, candidate.version: paired.candidate},
        difference=paired.difference,
    )


def paired_estimates(
    test: Sessions, reference: ServedRanks, candidate: ServedRanks, *, exclude_seen: bool
) -> PairedEstimates:
    """Return the metrics of two rankers of the same targets, at least one.

    Args:
        test: the sessions.
        reference: ranks of their targets.
        candidate: others.
        exclude_seen: see `targets_of`.
    """
    metrics = list(values_by_metric(reference.ranks))
    bootstrap = SessionBootstrap(owners_of_targets(test, exclude_seen=exclude_seen), len(test))
    means, draws = bootstrap.means(np.hstack((metric_columns(reference), metric_columns(candidate))))
    width = len(metrics)

    def named(values: NDArray[np.float64], drawn: NDArray[np.float64]) -> Estimates:
        return dict(zip(metrics, estimates(values, drawn), strict=True))

    return PairedEstimates(
        named(means[:width], draws[:, :width]),
        named(means[width:], draws[:, width:]),
        named(means[width:] - means[:width], draws[:, width:] - draws[:, :width]),
    )


def owners_of_targets(test: Sessions, *, exclude_seen: bool) -> NDArray[np.int64]:
    """Return the session of each target, int64[targets]."""
    return np.repeat(np.arange(len(test), dtype=np.int64), test.lengths)[targets_of(test, exclude_seen=exclude_seen)]


def metric_columns(ranked: ServedRanks) -> NDArray[np.float64]:
    """Return the values of each metric, float64[targets, metrics]."""
    return np.stack([*values_by_metric(ranked.ranks).values()], axis=1)


def _of(version: str, progress: Progress) -> Callable[[int], None]:
    return lambda done: progress(version, done)
