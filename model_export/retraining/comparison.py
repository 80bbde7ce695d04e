"""Compare a version with the live one on the sessions that neither was trained on."""

from dataclasses import dataclass

import numpy as np

from model_export.data.sessions import Sessions
from model_export.evaluation.served_ranks import BestSellers, ServedRanks, served_ranks
from model_export.evaluation.versions import Estimates, metric_columns, owners_of_targets, paired_estimates
from model_export.metrics.bootstrap import SEED
from model_export.metrics.exposure import exposure
from model_export.progress import Phase, Work
from model_export.retraining.loss_bound import lowest_changes
from nextitem.model.engine import Model
from nextitem.registry.verdicts import Figure, JudgedEvents

JUDGED = ("hr@20", "mrr@20")
"""The metrics that the gate bounds."""
CANDIDATE, REFERENCE = "judging the new version", "judging the live version"

Figures = dict[str, Figure]


@dataclass(frozen=True)
class Comparison:
    """The figures of both versions, and their differences with intervals over the same draws of sessions.

    `lowest` are the lower ends that the gate bounds, of the metrics in `JUDGED` (`loss_bound`).
    """

    candidate: Figures
    reference: Figures
    differences: Figures
    lowest: dict[str, float]


def later_sessions(test: Sessions, last: float, most: int) -> tuple[Sessions, int]:
    """Return the sessions that start after a time, of many a sample, and the number of those left out.

    Args:
        test: sessions.
        last: the time of the last event that a version was trained on.
        most: maximum of sessions.
    """
    later = np.flatnonzero(test.starts > last)
    if len(later) > most:
        later = np.sort(np.random.default_rng(SEED).choice(later, most, replace=False))
    return test.subset(later), len(test) - len(later)


def judged_events(test: Sessions, targets: int, left_out: int) -> JudgedEvents:
    """Describe the sessions that both versions were compared on."""
    empty = not len(test)
    return JudgedEvents(
        since=0.0 if empty else float(test.starts.min()),
        until=0.0 if empty else float(test.times.max()),
        sessions=len(test),
        targets=targets,
        left_out=left_out,
        data_sha256=test.digest,
    )


def compare(candidate: Model, live: Model | None, test: Sessions, *, exclude_seen: bool, work: Work) -> Comparison:
    """Rank the same targets with both versions.

    Args:
        candidate: the version to judge.
        live: the live version; None: the candidate's best sellers are the reference.
        test: sessions with at least one target.
        exclude_seen: whether lists leave out the session's items, as the route has it.
        work: follows the progress.
    """
    names = (CANDIDATE,) if live is None else (CANDIDATE, REFERENCE)
    work.plan([Phase(name, len(test), "judging") for name in names])

    def ranked(model: Model, name: str) -> ServedRanks:
        return served_ranks(model, test, exclude_seen=exclude_seen, progress=lambda done: work.step(name, done))

    first = ranked(candidate, CANDIDATE)
    best_sellers = BestSellers(candidate)
    second = best_sellers.ranks(test, exclude_seen=exclude_seen) if live is None else ranked(live, REFERENCE)
    paired = paired_estimates(test, second, first, exclude_seen=exclude_seen)
    owners = owners_of_targets(test, exclude_seen=exclude_seen)
    lows = lowest_changes(owners, len(test), metric_columns(first), metric_columns(second))
    lowest = dict(zip(paired.difference, lows.tolist(), strict=True))
    shown = _popularity(test, first, second)
    return Comparison(
        _figures(paired.candidate) | shown[0],
        _figures(paired.reference) | shown[1],
        _figures(paired.difference),
        {name: lowest[name] for name in JUDGED},
    )


def _figures(estimates: Estimates) -> Figures:
    return {name: Figure(*estimate) for name, estimate in estimates.items()}


def _popularity(test: Sessions, *ranked: ServedRanks) -> list[Figures]:
    """Return what each version showed: different items, their popularity in the judged events, and unknown targets."""
    items = sorted({*test.catalogue, *(item for each in ranked for item in each.shown)})
    place = {item: index for index, item in enumerate(items)}
    counts = np.zeros(len(items), np.int64)
    np.add.at(counts, np.array([place[item] for item in test.catalogue])[test.codes], 1)
    figures = []
    for each in ranked:
        shown = np.zeros(len(items), np.int64)
        for item, times in each.shown.items():
            shown[place[item]] = times
        measured = exposure(shown, counts)
        figures.append(
            {
                "items@20": Figure(float(len(each.shown))),
                "popularity@20": Figure(measured.percentile),
                "gini@20": Figure(measured.gini),
                "unknown targets": Figure(each.unknown / len(each.ranks)),
            }
        )
    return figures
