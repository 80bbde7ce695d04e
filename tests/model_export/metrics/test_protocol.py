"""The evaluation protocol, compared with values computed by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.data.sessions import Sessions
from model_export.metrics.protocol import (
    NO_ITEM,
    RankedSession,
    RankedView,
    evaluate,
    new_targets,
    not_ranked,
    summarize,
)
from model_export.metrics.ranking import CUTOFF
from nextitem.errors import InputError
from tests.model_export.handmade import handmade


class ScriptedRanker:
    """Returns prepared ranks, session by session, and always the same top list."""

    def __init__(self, ranks: list[list[float]], shown: list[int]) -> None:
        self._ranks = iter(ranks)
        self._shown = shown

    def rank(self, session: NDArray[np.int32], _types: NDArray[np.int8] | None = None, /) -> RankedSession:
        ranks = np.array(next(self._ranks))
        top = np.full((len(ranks), CUTOFF), NO_ITEM, dtype=np.int32)
        top[:, : len(self._shown)] = self._shown
        is_new = new_targets(session)
        without_seen = np.where(is_new, ranks, np.nan) if len(ranks) == len(is_new) else ranks
        return RankedSession(RankedView(ranks, top), RankedView(without_seen, top))


class FixedOrder:
    """Ranks all items in the order of their codes, whatever the session holds."""

    def __init__(self, items: int) -> None:
        self._items = items

    def rank(self, session: NDArray[np.int32], _types: NDArray[np.int8] | None = None, /) -> RankedSession:
        ranked = not_ranked(len(session) - 1)
        for step, target in enumerate(session[1:].tolist()):
            every, seen = list(range(self._items)), set(session[: step + 1].tolist())
            for view, listed in zip(ranked, (every, [item for item in every if item not in seen]), strict=True):
                view.top[step, : len(listed)] = listed
                if target in listed:
                    view.ranks[step] = listed.index(target) + 1
        return ranked


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
    assert evaluation.with_seen.ranks.tolist() == [3.0, 4.0, 5.0]
    assert evaluation.with_seen.shown.tolist() == [0, 3]
    assert evaluation.with_seen.metrics["coverage@20"] == 0.5
    # AND without seen items only the new targets have one: in p's session a a b, the last; in q's session a b, the last
    assert evaluation.without_seen is not None
    np.testing.assert_array_equal(evaluation.without_seen.ranks, [3.0, 4.0, np.nan])


def test_an_action_on_the_item_at_hand_is_no_target() -> None:
    # GIVEN a session in which b is viewed and put in the cart, and a ranker whose order is always a b c
    test = handmade("a b b:cart c:cart c", "c c:cart").recoded(("a", "b", "c"))
    evaluation = evaluate(FixedOrder(3), test)
    # THEN only b and c are targets, each once, also where seen items are left out
    assert evaluation.with_seen.ranks.tolist() == [2.0, 3.0]
    assert evaluation.without_seen is not None
    assert evaluation.without_seen.ranks.tolist() == [1.0, 1.0]
    # AND only what is shown before these two counts as shown
    assert evaluation.with_seen.shown.tolist() == [2, 2, 2]
    # AND a test set without any other event leaves nothing to evaluate
    with pytest.raises(InputError, match="nothing to evaluate"):
        evaluate(FixedOrder(3), handmade("c c:cart").recoded(("a", "b", "c")))


def test_without_seen_items_by_hand() -> None:
    # GIVEN the sessions b a b c, with one return, and c d; a ranker whose order is always a b c d
    test = handmade("b a b c", "c d").recoded(("a", "b", "c", "d"))
    evaluation = evaluate(FixedOrder(4), test)
    # THEN the targets a, b, c and d rank by their places in the whole order
    assert evaluation.with_seen.ranks.tolist() == [1.0, 2.0, 3.0, 4.0]
    # AND without the seen items a is first of a c d, c first of c d, d third of a b d; the return to b does not count
    assert evaluation.without_seen is not None
    np.testing.assert_array_equal(evaluation.without_seen.ranks, [1.0, np.nan, 1.0, 3.0])
    assert evaluation.without_seen.counted.tolist() == [True, False, True, True]
    assert evaluation.without_seen.metrics["hr@20"] == 1.0
    assert evaluation.without_seen.metrics["mrr@20"] == pytest.approx((1 + 1 + 1 / 3) / 3)
    # AND all four lists are shown: a c d, c d, c d, a b d
    assert evaluation.without_seen.shown.tolist() == [2, 1, 3, 4]


def test_where_every_target_is_a_return_there_is_no_view_without_seen_items() -> None:
    assert evaluate(FixedOrder(2), handmade("a a", "b b b")).without_seen is None
    assert new_targets(np.array([3, 1, 3, 1, 2], np.int32)).tolist() == [True, False, False, True]


def test_an_empty_test_set_is_an_error() -> None:
    with pytest.raises(InputError, match="leave nothing to evaluate"):
        evaluate(ScriptedRanker([], shown=[]), handmade("a b").recoded(("x",)))


@pytest.mark.parametrize("ranks", [[float("nan")], [0.5], [1.0, 1.0], []])
def test_invalid_ranks_are_an_error(ranks: list[float]) -> None:
    with pytest.raises(ValueError, match="invalid ranks for session 's0'"):
        evaluate(ScriptedRanker([ranks], shown=[]), handmade("a b"))


@pytest.mark.parametrize("without_seen", [[1.0, 1.0], [np.nan, np.nan], [np.nan, 0.5], [1.0, np.nan]])
def test_without_seen_items_exactly_the_new_targets_have_a_rank(without_seen: list[float]) -> None:
    class Wrong(ScriptedRanker):
        def rank(self, session: NDArray[np.int32], _types: NDArray[np.int8] | None = None, /) -> RankedSession:
            ranked = super().rank(session)
            return ranked._replace(without_seen=ranked.without_seen._replace(ranks=np.array(without_seen)))

    with pytest.raises(ValueError, match="invalid ranks for session 's0'"):
        evaluate(Wrong([[1.0, 1.0]], shown=[]), handmade("a a b"))
