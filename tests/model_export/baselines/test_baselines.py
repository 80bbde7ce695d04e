"""Popularity and sequential rules by hand, and all baselines as rankers."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model_export.baselines import NAMES, baselines, default_settings
from model_export.baselines.popularity import Popularity
from model_export.baselines.scoring import ItemScores, Scorer, ScoringRanker, sparse_rank, sparse_top
from model_export.baselines.sequential_rules import SequentialRules, SequentialRulesConfig
from model_export.data.sessions import Sessions
from model_export.metrics.protocol import NO_ITEM, evaluate
from model_export.metrics.ranking import CUTOFF, ranks_of_targets
from tests.model_export.baselines.scores import scores_by_item
from tests.model_export.handmade import handmade


def scores(baseline: Callable[[Sessions], Scorer], train: Sessions, prefix: str) -> dict[str, float]:
    return scores_by_item(baseline(train), train, prefix.split())


def rules(train: Sessions) -> Scorer:
    return SequentialRules(train, SequentialRulesConfig())


def test_popularity_counts_train_events() -> None:
    train = handmade("a b b", "b c")
    assert scores(Popularity, train, "a") == {"a": 1.0, "b": 3.0, "c": 1.0}
    assert scores(Popularity, train, "c b") == {"a": 1.0, "b": 3.0, "c": 1.0}


def test_sequential_rules_sum_reciprocal_distances() -> None:
    # a before b at distances 1 and 2, and b after itself; no rule crosses sessions
    train = handmade("a b b c", "c a")
    assert scores(rules, train, "a") == pytest.approx({"b": 1 + 1 / 2, "c": 1 / 3})
    assert scores(rules, train, "a b") == pytest.approx({"b": 1, "c": 1 + 1 / 2})
    assert scores(rules, train, "c") == {"a": 1.0}


def test_sequential_rules_end_at_the_maximum_distance() -> None:
    # z follows a by eleven events, and b by ten
    train = handmade("a b c d e f g h i j k z")
    assert "z" not in scores(rules, train, "a")
    assert scores(rules, train, "b")["z"] == pytest.approx(1 / 10)


@settings(deadline=None)
@given(items=st.integers(1, 40), data=st.data())
@pytest.mark.slow
def test_sparse_ranks_are_those_of_all_scores(items: int, data: st.DataObject) -> None:
    # GIVEN scores of some items, with ties and zeros
    codes = np.array(sorted(data.draw(st.sets(st.integers(0, items - 1)))), dtype=np.int64)
    values = data.draw(st.lists(st.integers(0, 4).map(float), min_size=len(codes), max_size=len(codes)))
    sparse = ItemScores(codes, np.array(values, dtype=np.float64))
    dense = np.zeros(items)
    dense[codes] = sparse.scores
    # WHEN each item is ranked, and the best are listed THEN the result equals that of all scores
    for target in range(items):
        assert sparse_rank(sparse, target, items) == ranks_of_targets(dense, target)
    best = np.argsort(-dense, kind="stable")[:CUTOFF].tolist()
    assert sparse_top(sparse, items, CUTOFF).tolist() == best
    # AND an item whose score is removed scores 0
    removed = data.draw(st.integers(0, items - 1))
    dense[removed] = 0.0
    assert sparse_rank(sparse.without(np.array([removed])), removed, items) == ranks_of_targets(dense, removed)


class Given:
    """Gives the same scores after every prefix."""

    def __init__(self, scores: ItemScores, items: int) -> None:
        self.scores, self.items = scores, items

    def score(self, _prefix: NDArray[np.int32], /) -> ItemScores:
        return self.scores


@settings(deadline=None)
@given(items=st.integers(1, 40), current_item=st.booleans(), data=st.data())
@pytest.mark.slow
def test_both_views_are_those_of_all_scores(items: int, current_item: bool, data: st.DataObject) -> None:
    # GIVEN scores of some items, with ties and zeros, and a session
    codes = np.array(sorted(data.draw(st.sets(st.integers(0, items - 1)))), dtype=np.int64)
    values = data.draw(st.lists(st.integers(0, 4).map(float), min_size=len(codes), max_size=len(codes)))
    session = np.array(data.draw(st.lists(st.integers(0, items - 1), min_size=2, max_size=8)), dtype=np.int32)
    # WHEN the session is ranked
    scorer = Given(ItemScores(codes, np.array(values)), items)
    ranked = ScoringRanker(scorer, current_item=current_item).rank(session)
    for step, target in enumerate(session[1:].tolist()):
        dense = np.zeros(items)
        dense[codes] = values
        if not current_item:
            dense[session[step]] = 0.0
        # THEN ranks and list are those of all scores
        assert ranked.with_seen.ranks[step] == ranks_of_targets(dense, target)
        assert ranked.with_seen.top[step].tolist() == listed(dense, items)
        # AND without seen items those of the others; a seen target has no rank
        seen = np.unique(session[: step + 1])
        dense[seen] = -np.inf
        rank = np.nan if target in seen else ranks_of_targets(dense, target)
        np.testing.assert_equal(ranked.without_seen.ranks[step], rank)
        assert ranked.without_seen.top[step].tolist() == listed(dense, items - len(seen))


def listed(scores: NDArray[np.float64], items: int) -> list[int]:
    best: list[int] = np.argsort(-scores, kind="stable")[: min(CUTOFF, items)].tolist()
    return best + [NO_ITEM] * (CUTOFF - len(best))


def test_each_prefix_is_ranked() -> None:
    # b occurs three times, a twice, c once
    train = handmade("b a b", "c b a")
    with_seen, without_seen = ScoringRanker(Popularity(train)).rank(np.array([2, 0, 1], dtype=np.int32))
    assert with_seen.ranks.tolist() == [2.0, 1.0]
    assert with_seen.top.tolist() == [[1, 0, 2, *[NO_ITEM] * 17]] * 2
    assert without_seen.ranks.tolist() == [2.0, 1.0]
    assert without_seen.top.tolist() == [[1, 0, *[NO_ITEM] * 18], [1, *[NO_ITEM] * 19]]


def test_every_form_ranks_the_follower_first_unless_it_allows_the_current_item() -> None:
    # b always follows a, and no session combines the other items
    train = handmade("a b", "a b", "c", "c", "c", "d")
    test = handmade("a b").recoded(train.catalogue)
    rankers = baselines(train, default_settings("a test"))
    ranks = {name: evaluate(ranker, test).with_seen.ranks.tolist() for name, ranker in rankers.items()}
    assert list(ranks) == list(NAMES)
    assert ranks.pop("popularity") == [2.5]
    for name, [rank] in ranks.items():
        left_out = name.endswith("-no-current") or name in {"vmis-knn", "sequential-rules"}
        assert rank == 1.0 if left_out else rank > 1.0, name
