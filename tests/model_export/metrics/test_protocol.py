"""The evaluation protocol, against values computed by hand and against its own words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.metrics.protocol import NO_ITEM, evaluate, summarize, top_codes
from model_export.metrics.ranking import CUTOFF
from nextitem.errors import InputError
from tests.model_export.handmade import handmade

SCORES = st.lists(st.integers(0, 4).map(float), min_size=1, max_size=30)


class Scripted:
    """A ranker that answers what a test prepared, session by session."""

    def __init__(self, ranks: list[list[float]], shown: list[int]) -> None:
        self._ranks = iter(ranks)
        self._shown = shown

    def ranks(self, session: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        ranks = np.array(next(self._ranks))
        top = np.full((len(ranks), CUTOFF), NO_ITEM, dtype=np.int32)
        top[:, : len(self._shown)] = self._shown
        return ranks, top


@given(scores=SCORES, depth=st.integers(1, 25))
def test_top_lists_are_a_stable_sort(scores: list[float], depth: int) -> None:
    # GIVEN scores with many ties
    # WHEN the best are listed
    top = top_codes(np.array(scores), depth)
    # THEN they are the first of a sort by score, then code, filled up where there are no more
    best = sorted(range(len(scores)), key=lambda code: (-scores[code], code))[:depth]
    assert top.tolist() == best + [NO_ITEM] * (depth - len(best))


def test_metrics_by_hand() -> None:
    # GIVEN ranks 1, 3, 10.5, 20, 20.5 and a miss; items 0, 2 and 3 of 8 were shown
    ranks = np.array([1, 3, 10.5, 20, 20.5, np.inf])
    shown = np.array([0, 2, 3, 2, NO_ITEM], dtype=np.int32)
    # WHEN they are summed up
    metrics = summarize(ranks, shown, items=8)
    # THEN each metric is what pencil and paper give; 20.5 is beyond 20
    assert metrics.as_json() == pytest.approx(
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
    # WHEN a ranker gives 5 and 3 for p's second and third event in time (rows 5 and 3), and 4 for q's
    evaluation = evaluate(Scripted([[5.0, 3.0], [4.0]], shown=[1]), sessions)
    # THEN the ranks stand by row: 3, 4, 5
    assert evaluation.ranks.tolist() == [3.0, 4.0, 5.0]
    assert evaluation.targets == 3
    assert evaluation.metrics.coverage_20 == 0.5


def test_progress_counts_sessions() -> None:
    # GIVEN three sessions
    seen: list[int] = []
    # WHEN they are evaluated
    evaluate(Scripted([[1.0], [1.0], [1.0]], shown=[0]), handmade("a b", "b a", "a a"), seen.append)
    # THEN each is reported when it is done
    assert seen == [1, 2, 3]


def test_nothing_to_evaluate_is_said() -> None:
    # GIVEN test sessions of which nothing is left
    test = handmade("a b").recoded(("x",))
    # WHEN they are evaluated
    # THEN one sentence says so
    with pytest.raises(InputError, match="leave nothing to evaluate"):
        evaluate(Scripted([], shown=[]), test)


@pytest.mark.parametrize("ranks", [[float("nan")], [0.5], [1.0, 1.0], []])
def test_a_ranker_that_breaks_its_contract_is_caught(ranks: list[float]) -> None:
    # GIVEN a ranker that gives NaN, less than 1, or not one rank per target
    # WHEN it is evaluated
    # THEN no metric comes of it
    with pytest.raises(ValueError, match="no valid ranks for session 's0'"):
        evaluate(Scripted([ranks], shown=[]), handmade("a b"))
