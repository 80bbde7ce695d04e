"""The evaluation protocol, the same for models and baselines.

1. Drop the test events whose item does not occur in train, then the sessions shorter than 2 (`Sessions.recoded`).
2. After each event but a session's last, rank all items of train. The next event's item is the target.
3. `model_export.metrics.ranking` defines the target's rank and the metrics.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.metrics.ranking import CUTOFF, discounted_gains, hits, reciprocal_ranks
from nextitem.errors import InputError

CUTOFFS = (5, 10, CUTOFF)
"""The k of HR@k and MRR@k."""

NO_ITEM = -1
"""Pads a top list that is shorter than `CUTOFF`."""


class Ranker(Protocol):
    """Ranks the train catalogue after each event of a session."""

    def ranks(self, session: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Rank the next item after each event but the last.

        Args:
            session: int32[n], train codes of one whole session, oldest first, n >= 2.

        Returns:
            float64[n-1], the targets' ranks (infinity where the ranker does not rank that deep), and
            int32[n-1, CUTOFF], the codes of the best items, best first, padded with `NO_ITEM`.
        """


Metrics = Mapping[str, float]
"""``hr@5`` to ``ndcg@20``: means over the targets. ``coverage@20``: share of the catalogue in at least one top 20.
Each is from 0 to 1; higher is better."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of one ranker on one test set.

    Attributes:
        ranks: float64[targets], in the order of the target events' rows in the test file.
        shown: int64[items], the number of top lists that each item stood in.
        metrics: the summary of both.
    """

    ranks: NDArray[np.float64]
    shown: NDArray[np.int64]
    metrics: Metrics


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
        shown: int64[items], see `Evaluation`.
    """
    means = {metric: float(values.mean()) for metric, values in values_by_metric(ranks).items()}
    return {**means, "coverage@20": float(np.count_nonzero(shown) / len(shown))}


def target_events(test: Sessions) -> NDArray[np.int64]:
    """Return the indices of the target events (all but each session's first), in the order of their rows."""
    is_target = np.ones(len(test.codes), dtype=np.bool_)
    is_target[test.offsets[:-1]] = False
    events = np.flatnonzero(is_target)
    return events[np.argsort(test.rows[events], kind="stable")]


def evaluate(ranker: Ranker, test: Sessions, progress: Callable[[int], None] | None = None) -> Evaluation:
    """Evaluate a ranker on test sessions.

    Args:
        ranker: ranks the items of `test.catalogue`, which is the train catalogue.
        test: sessions recoded to the train catalogue (`Sessions.recoded`).
        progress: called after each session with the number of sessions done.

    Raises:
        InputError: the test sessions hold no target.
        ValueError: the ranker returns a wrong number of ranks, or one that is NaN or below 1.
    """
    if len(test) == 0:
        raise InputError("the test events leave nothing to evaluate: no session has two events of known items")
    by_session: list[NDArray[np.float64]] = []
    shown = np.zeros(len(test.catalogue), dtype=np.int64)
    for index in range(len(test)):
        session = test.session(index)
        ranks, top = ranker.ranks(session)
        if ranks.shape != (len(session) - 1,) or not bool(np.all(ranks >= 1.0)):
            raise ValueError(f"the ranker returned invalid ranks for session {test.ids[index]!r}: {ranks}")
        by_session.append(ranks)
        np.add.at(shown, top[top != NO_ITEM], 1)
        if progress is not None:
            progress(index + 1)
    events = target_events(test)
    by_event = np.empty(len(test.codes))
    by_event[np.sort(events)] = np.concatenate(by_session)
    in_file_order = by_event[events]
    return Evaluation(in_file_order, shown, summarize(in_file_order, shown))
