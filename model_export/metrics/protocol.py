"""The evaluation protocol: how a next-item ranking is judged, for models and baselines alike.

1. Test events whose item does not occur in train are dropped, then sessions shorter than 2
   (`Sessions.recoded`).
2. After each event t = 1 .. n-1 of a session all items of train are ranked.
3. The rank of the true next item is 1 + the items that score strictly better + half of the other
   items that score the same. A rank of 20.5 is beyond 20.

This module is numpy only: it knows nothing of files, torch, ONNX or how a ranker scores.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.metrics.ranking import CUTOFF, discounted_gains, hits, reciprocal_ranks
from nextitem.errors import InputError

CUTOFFS = (5, 10, CUTOFF)
"""The k of HR@k and MRR@k."""

NO_ITEM = -1
"""Fills a list of items that is shorter than `CUTOFF`."""


class Ranker(Protocol):
    """Whatever ranks the train catalogue after each event of a session."""

    def ranks(self, session: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Rank the next item after each event but the last.

        Args:
            session: int32[n], train codes of one whole session in time order, n >= 2.

        Returns:
            float64[n-1], the rank of the next item after events 1 .. n-1 (infinity where the
            ranker does not rank that deep), and int32[n-1, CUTOFF], the best items' codes,
            best first, filled up with `NO_ITEM`.
        """


@dataclass(frozen=True)
class Metrics:
    """Quality over all targets of a test set; each value lies in 0 .. 1, and more is better.

    `hr_k` is the share of ranks <= k; `mrr_k` the mean reciprocal rank, 0 beyond k; `ndcg_20`
    the mean of 1 / log2(1 + rank), 0 beyond 20; `coverage_20` the share of the train catalogue that
    some top 20 showed.
    """

    hr_5: float
    hr_10: float
    hr_20: float
    mrr_5: float
    mrr_10: float
    mrr_20: float
    ndcg_20: float
    coverage_20: float

    def as_json(self) -> dict[str, float]:
        """The values under their usual names: ``hr@5`` .. ``coverage@20``."""
        return {name.replace("_", "@"): value for name, value in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What one ranker reached on one test set.

    Attributes:
        ranks: float64[targets], in order of the target events' rows in the test file.
        shown: int64[items], in how many top lists each item stood.
        metrics: the summary of them.
    """

    ranks: NDArray[np.float64]
    shown: NDArray[np.int64]
    metrics: Metrics

    @property
    def targets(self) -> int:
        """Number of next items that were to be predicted."""
        return len(self.ranks)


def top_codes(scores: NDArray[np.floating], depth: int = CUTOFF) -> NDArray[np.int32]:
    """Codes of the best items, best first; of equal scores the lower code goes first.

    Returns:
        int32[depth], filled up with `NO_ITEM` where there are fewer items than that.
    """
    found = min(depth, len(scores))
    worst = np.partition(scores, len(scores) - found)[len(scores) - found]
    better = np.flatnonzero(scores > worst)
    best = np.concatenate((better, np.flatnonzero(scores == worst)[: found - len(better)]))
    top = np.full(depth, NO_ITEM, dtype=np.int32)
    top[:found] = best[np.lexsort((best, -scores[best]))]
    return top


def summarize(ranks: NDArray[np.float64], shown: NDArray[np.int32], items: int) -> Metrics:
    """Metrics of ranks.

    Args:
        ranks: float64[targets], at least one; infinity is a miss.
        shown: codes that some top list held (`NO_ITEM` and repetitions do not count).
        items: size of the train catalogue.
    """
    means = {name.replace("@", "_"): float(values.mean()) for name, values in gains(ranks).items()}
    return Metrics(**means, coverage_20=float(np.count_nonzero(np.unique(shown) != NO_ITEM) / items))


def target_events(test: Sessions) -> NDArray[np.int64]:
    """Indices of the events that are to be predicted, all but each session's first, in order of their rows."""
    is_target = np.ones(len(test.codes), dtype=np.bool_)
    is_target[test.offsets[:-1]] = False
    events = np.flatnonzero(is_target)
    return events[np.argsort(test.rows[events], kind="stable")]


def gains(ranks: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """What each rank adds to each metric that is a mean over targets, float64[targets] by the metric's name."""
    return {
        **{f"hr@{k}": hits(ranks, k) for k in CUTOFFS},
        **{f"mrr@{k}": reciprocal_ranks(ranks, k) for k in CUTOFFS},
        "ndcg@20": discounted_gains(ranks),
    }


def evaluate(ranker: Ranker, test: Sessions, progress: Callable[[int], None] | None = None) -> Evaluation:
    """Judge a ranker on test sessions.

    Args:
        ranker: ranks the items of `test.catalogue`, which is the train catalogue.
        test: sessions recoded to the train catalogue (`Sessions.recoded`).
        progress: called after each session with the number of sessions done.

    Raises:
        InputError: when the test sessions leave nothing to predict.
        ValueError: when the ranker breaks its contract (a rank below 1 or NaN, a missing one).
    """
    if len(test) == 0:
        raise InputError("the test events leave nothing to evaluate: no session has two events of known items")
    by_session: list[NDArray[np.float64]] = []
    shown = np.zeros(len(test.catalogue), dtype=np.int64)
    for index in range(len(test)):
        session = test.session(index)
        ranks, top = ranker.ranks(session)
        if ranks.shape != (len(session) - 1,) or not bool(np.all(ranks >= 1.0)):
            raise ValueError(f"the ranker gave no valid ranks for session {test.ids[index]!r}")
        by_session.append(ranks)
        np.add.at(shown, top[top != NO_ITEM], 1)
        if progress is not None:
            progress(index + 1)
    events = target_events(test)
    by_event = np.empty(len(test.codes))
    by_event[np.sort(events)] = np.concatenate(by_session)
    in_file_order = by_event[events]
    codes = np.flatnonzero(shown).astype(np.int32)
    return Evaluation(in_file_order, shown, summarize(in_file_order, codes, len(test.catalogue)))
