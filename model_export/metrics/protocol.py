"""The evaluation protocol, the same for models and baselines.

1. Drop the test events whose item does not occur in train, then the sessions shorter than 2 (`Sessions.recoded`).
2. After each event but a session's last, rank all items of train. The next event's item is the target. An event that
   acts on the item right before, such as its cart after its view, is none (`Sessions.is_target`).
3. `model_export.metrics.ranking` defines the target's rank and the metrics.

The ranking is measured in two views: with the items that the session holds already, as it is, and without them, as a
carousel shows it that hides seen items. The second view counts only targets that are new to their session: the others
cannot be shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import Sessions, next_items
from model_export.metrics.ranking import CUTOFF, discounted_gains, hits, reciprocal_ranks
from nextitem.errors import InputError

CUTOFFS = (5, 10, CUTOFF)
"""The k of HR@k and MRR@k."""

NO_ITEM = -1
"""Pads a top list that is shorter than `CUTOFF`."""


class RankedView(NamedTuple):
    """The ranking after each event of a session but the last, in one view.

    Attributes:
        ranks: float64[n-1], the targets' ranks: infinity where the ranker does not rank that deep, NaN for targets that
            the view does not count.
        top: int32[n-1, CUTOFF], the codes of the best items, best first, padded with `NO_ITEM`.
    """

    ranks: NDArray[np.float64]
    top: NDArray[np.int32]


class RankedSession(NamedTuple):
    """The ranking after each event of a session but the last, in both views."""

    with_seen: RankedView
    without_seen: RankedView


class Ranker(Protocol):
    """Ranks the train catalogue after each event of a session."""

    def rank(self, session: NDArray[np.int32], types: NDArray[np.int8] | None = None, /) -> RankedSession:
        """Rank the next item after each event but the last, whether it is a target or not.

        Args:
            session: int32[n], train codes of one whole session, oldest first, n >= 2.
            types: int8[n], codes of the events' types; None if all are views.
        """


def not_ranked(targets: int) -> RankedSession:
    """Return the arrays of a session for a ranker to fill: no target is counted, no item shown."""
    return RankedSession(
        *(RankedView(np.full(targets, np.nan), np.full((targets, CUTOFF), NO_ITEM, np.int32)) for _ in range(2))
    )


def new_targets(session: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return whether each target is new to the session, bool[n-1].

    Args:
        session: int32[n], item codes, oldest first.
    """
    is_first = np.zeros(len(session), dtype=np.bool_)
    is_first[np.unique(session, return_index=True)[1]] = True
    return is_first[1:]


Metrics = Mapping[str, float]
"""``hr@5`` to ``ndcg@20``: means over the targets. ``coverage@20``: share of the catalogue in at least one top 20.
Each is from 0 to 1; higher is better."""


@dataclass(frozen=True, eq=False)
class View:
    """The result of one ranker on one test set, in one view.

    Attributes:
        ranks: float64[targets], in the order of the target events' rows in the test file; NaN for targets that the view
            does not count.
        shown: int64[items], the number of top lists that each item stood in; those before any target count.
        metrics: the summary of both.
    """

    ranks: NDArray[np.float64]
    shown: NDArray[np.int64]
    metrics: Metrics

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Whether the view counts each target, bool[targets]."""
        return ~np.isnan(self.ranks)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of one ranker on one test set; `without_seen` is None if no target is new to its session."""

    with_seen: View
    without_seen: View | None


def values_by_metric(ranks: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return each target's contribution to each metric that is a mean over targets: float64[targets] by metric."""
    return {
        **{f"hr@{k}": hits(ranks, k) for k in CUTOFFS},
        **{f"mrr@{k}": reciprocal_ranks(ranks, k) for k in CUTOFFS},
        "ndcg@20": discounted_gains(ranks),
    }


def summarize(ranks: NDArray[np.float64], shown: NDArray[np.int64]) -> Metrics:
    """Return the metrics.

    Args:
        ranks: float64[targets], at least one; infinity is a miss.
        shown: int64[items], see `View`.
    """
    means = {metric: float(values.mean()) for metric, values in values_by_metric(ranks).items()}
    return {**means, "coverage@20": float(np.count_nonzero(shown) / len(shown))}


def target_events(test: Sessions) -> NDArray[np.int64]:
    """Return the indices of the target events (`Sessions.is_target`), in the order of their rows."""
    events = np.flatnonzero(test.is_target)
    return events[np.argsort(test.rows[events], kind="stable")]


def evaluate(ranker: Ranker, test: Sessions, progress: Callable[[int], None] | None = None) -> Evaluation:
    """Evaluate a ranker on test sessions.

    Args:
        ranker: ranks the items of `test.catalogue`, which is the train catalogue.
        test: sessions recoded to the train catalogue (`Sessions.recoded`).
        progress: called after each session with the number of sessions done.

    Raises:
        InputError: the test sessions hold no target.
        ValueError: the ranker returns a wrong number of ranks, one below 1, or one that is NaN in the wrong place.
    """
    if not test.is_target.any():
        raise InputError("the test events leave nothing to evaluate: no session has two events of known items")
    views = _Sums(test), _Sums(test)
    for index in range(len(test)):
        session, types = test.session(index), test.session_types(index)
        ranked, is_new = ranker.rank(session, types), new_targets(session)
        is_target = next_items(session, types)
        for view, result, counted in zip(views, ranked, (np.ones_like(is_new), is_new), strict=True):
            if not np.array_equal(result.ranks >= 1.0, counted) or not np.array_equal(~np.isnan(result.ranks), counted):
                raise ValueError(f"the ranker returned invalid ranks for session {test.ids[index]!r}: {result.ranks}")
            view.add(RankedView(result.ranks[is_target], result.top[is_target]))
        if progress is not None:
            progress(index + 1)
    with_seen, without_seen = views
    return Evaluation(with_seen.view(), without_seen.view() if without_seen.counts_any else None)


class _Sums:
    """Collects the results of one view, session by session."""

    def __init__(self, test: Sessions) -> None:
        self._test = test
        self._by_session: list[NDArray[np.float64]] = []
        self._shown = np.zeros(len(test.catalogue), dtype=np.int64)
        self.counts_any = False
        """Whether the view counts a target."""

    def add(self, ranked: RankedView) -> None:
        self._by_session.append(ranked.ranks)
        self.counts_any |= not bool(np.isnan(ranked.ranks).all())
        np.add.at(self._shown, ranked.top[ranked.top != NO_ITEM], 1)

    def view(self) -> View:
        """Return the view, whose sessions must all be added."""
        events = target_events(self._test)
        by_event = np.empty(len(self._test.codes))
        by_event[np.sort(events)] = np.concatenate(self._by_session)
        in_file_order = by_event[events]
        return View(in_file_order, self._shown, summarize(in_file_order[~np.isnan(in_file_order)], self._shown))
