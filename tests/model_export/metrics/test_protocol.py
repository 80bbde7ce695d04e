"""The evaluation protocol, compared with values computed by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.metrics.protocol import NO_ITEM, evaluate, summarize
from model_export.metrics.ranking import CUTOFF
from nextitem.errors import InputError
from tests.model_export.handmade import handmade


class ScriptedRanker:
    """Returns prepared ranks, session by session, and always the same top list."""

    def __init__(self, ranks: list[list[float]], shown: list[int]) -> None:
        self._ranks = iter(ranks)
        self._shown = shown

    def ranks(self, session: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        ranks = np.array(next(self._ranks))
        top = np.full((len(ranks), CUTOFF), NO_ITEM, dtype=np.int32)
        top[:, : len(self._shown)] = self._shown
        return ranks, top


def test_metrics_by_hand() -> None:
    metrics = summarize(np.array([1, 3, 10.5, 20, 20.5, np.inf]), shown=np.array([1, 0, 4, 1, 0, 0, 0, 0]))
    assert metrics == pytest.approx(
        {
            "hr@5": 2 / 6,
            "hr@10": 2 / 6,
            "hr@20": 4 / 6,
            "mrr@5": (1 + 1 / 3) / 6,
            "mrr@10": (1 + 1 / 3) / 6,
            "mrr@20": (1 + 1 / 3 + 1 / 10.5 + 1 / 20) / 6,
            "ndcg@20": (1 + 1 / 2 + 1 / np.log2(11.5) + 1 / np.log2(21)) / 6,
            "coverage@20": 3 / 8,
        }
    )


def test_ranks_come_in_the_order_of_the_test_file() -> None:
    # GIVEN two sessions whose events alternate in the file, one of them out of time order
    sessions = Sessions.from_events(
        catalogue=["a", "b"],
        ids=["p", "q"],
        owners=np.array([0, 1, 0, 1, 0]),
        codes=np.array([0, 0, 1, 1, 0], dtype=np.int32),
        times=np.array([10.0, 20.0, 12.0, 21.0, 11.0]),
        rows=np.array([1, 2, 3, 4, 5]),
    )
    # WHEN a ranker returns 5 and 3 for p's second and third event in time (rows 5 and 3), and 4 for q's
    evaluation = evaluate(ScriptedRanker([[5.0, 3.0], [4.0]], shown=[1]), sessions)
    # THEN the ranks are in the order of the rows: 3, 4, 5
    assert evaluation.ranks.tolist() == [3.0, 4.0, 5.0]
    assert evaluation.shown.tolist() == [0, 3]
    assert evaluation.metrics["coverage@20"] == 0.5


def test_an_empty_test_set_is_an_error() -> None:
    with pytest.raises(InputError, match="leave nothing to evaluate"):
        evaluate(ScriptedRanker([], shown=[]), handmade("a b").recoded(("x",)))


@pytest.mark.parametrize("ranks", [[float("nan")], [0.5], [1.0, 1.0], []])
def test_invalid_ranks_are_an_error(ranks: list[float]) -> None:
    with pytest.raises(ValueError, match="invalid ranks for session 's0'"):
        evaluate(ScriptedRanker([ranks], shown=[]), handmade("a b"))
