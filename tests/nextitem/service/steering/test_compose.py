"""Steered answers, beside the same rules over the scores of all items."""

from collections.abc import Iterator, Sequence
from math import inf, log

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextitem.catalogue.selection import of_mask
from nextitem.model.engine import RankedItem
from nextitem.service.steering.compose import MAX_FETCHED, Boost, Plan, Promotion, compose
from nextitem.service.steering.exploration import DrawingRanker
from nextitem.service.steering.mmr import Mmr
from nextitem.service.steering.pool import EVERYTHING, Pool
from nextitem.service.steering.ranker import Ranker
from tests.nextitem.parts import STEADY
from tests.nextitem.service.steering.brute_force import Wishes, answer, some_rows, some_wishes

ITEMS = 3000


@pytest.fixture(scope="module", autouse=True)
def _short_lists() -> Iterator[None]:
    """Make masks of most selections, as of a large catalogue."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nextitem.catalogue.selection.MAX_LISTED", 200)
        yield


class ArrayRanker(Ranker):
    """Ranks by an array of scores; counts its calls."""

    def __init__(self, scores: NDArray[np.float64]) -> None:
        self.scores, self.calls = scores, 0

    def best(self, pool: Pool, exclude: Sequence[int], k: int) -> list[RankedItem]:
        self.calls += 1
        left = np.full(len(self.scores), -inf)
        if pool.listed is not None:
            left[pool.listed] = self.scores[pool.listed]
        else:
            left = self.scores.copy()
            left[: len(pool.left_out)][pool.left_out] = -inf
        left[list(exclude)] = -inf
        order = np.argsort(-left, kind="stable")[:k]
        return [RankedItem(int(item), float(left[item])) for item in order if left[item] > -inf]

    def boosted(self, score: float, factor: float) -> float:
        return score + log(factor)


def composed(ranker: ArrayRanker, plan: Plan, k: int) -> list[tuple[int, float, bool]]:
    found = compose(ranker, plan, k)
    return [(item.index, item.score, item.index in found.placements) for item in found.items]


@pytest.mark.slow
@STEADY
@given(seed=st.integers(0, 2**32), k=st.integers(1, 30))
@example(seed=1144, k=5)  # two items whose marginal relevance differs by less than a float32
def test_an_answer_follows_the_rules_exactly(seed: int, k: int) -> None:
    # GIVEN scores of which some are equal, and some items that are unavailable
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(size=ITEMS), 2)
    scores[rng.random(ITEMS) < 0.1] = -inf
    wishes = some_wishes(seed, ITEMS, np.argsort(-scores).tolist())
    wishes.pins = {place: item for place, item in wishes.pins.items() if place <= k}

    # WHEN an answer is composed THEN every place has the item that the rules give it
    assert composed(ArrayRanker(scores), wishes.plan(ITEMS), k) == answer(scores, wishes, k)


@STEADY
@given(seed=st.integers(0, 2**32), k=st.integers(1, 30))
@pytest.mark.slow
def test_a_longer_answer_begins_with_a_shorter_one(seed: int, k: int) -> None:
    scores = np.random.default_rng(seed).normal(size=ITEMS)
    wishes = some_wishes(seed, ITEMS, np.argsort(-scores).tolist())
    wishes.pins = {place: item for place, item in wishes.pins.items() if place <= k}
    plan = wishes.plan(ITEMS)
    assert composed(ArrayRanker(scores), plan, 40)[:k] == composed(ArrayRanker(scores), plan, k)


def test_diversity_looks_as_far_as_it_must() -> None:
    # GIVEN thousands of best items of one brand before the others
    scores = -np.arange(ITEMS, dtype=np.float64)
    brands = np.where(np.arange(ITEMS) < 2 * MAX_FETCHED, 0, np.arange(ITEMS) % 3 + 1)
    ranker = ArrayRanker(scores)
    # WHEN at most two items of a brand are wanted THEN the second ranking has no item of the full brand
    found = composed(ranker, Wishes(brands=brands, most=2).plan(ITEMS), 20)
    first = 2 * MAX_FETCHED
    assert [item for item, _, _ in found] == [0, 1, *range(first, first + 6)]
    assert ranker.calls == 3


def test_a_pool_is_ranked_once_without_wishes() -> None:
    ranker = ArrayRanker(np.arange(ITEMS, dtype=np.float64))
    assert [item for item, _, _ in composed(ranker, Plan(ITEMS), 3)] == [ITEMS - 1, ITEMS - 2, ITEMS - 3]
    assert ranker.calls == 1


def test_an_empty_pool_is_not_ranked() -> None:
    ranker = ArrayRanker(np.arange(ITEMS, dtype=np.float64))
    nothing = of_mask(np.zeros(ITEMS, np.bool_))
    pool = EVERYTHING.keep(nothing)
    promotion, boost = Promotion(nothing, 0.5), Boost(nothing, 2.0)
    assert composed(ranker, Plan(ITEMS, pool, boosts=[boost], promotions=[promotion]), 3) == []
    assert composed(ranker, Plan(ITEMS, pool), 3) == []
    assert ranker.calls == 0


def test_a_share_without_an_exact_float_gets_its_places() -> None:
    # GIVEN a share of which 50 times are a little less than 29 in floats
    share, places = 0.58, 50
    assert places * share < 29
    ranker = ArrayRanker(-np.arange(ITEMS, dtype=np.float64))
    promoted = of_mask(np.arange(ITEMS) >= ITEMS - places)
    # WHEN so many places are filled THEN 29 of them are promoted
    found = composed(ranker, Plan(ITEMS, promotions=[Promotion(promoted, share)]), places)
    assert sum(is_promoted for _, _, is_promoted in found) == 29


def test_a_tenth_of_the_places_are_every_tenth_place() -> None:
    ranker = ArrayRanker(-np.arange(ITEMS, dtype=np.float64))
    promoted = of_mask(np.arange(ITEMS) >= ITEMS - 50)
    found = composed(ranker, Plan(ITEMS, promotions=[Promotion(promoted, 0.1)]), 30)
    assert [place for place, (_, _, is_promoted) in enumerate(found, 1) if is_promoted] == [10, 20, 30]
    assert [item for item, _, is_promoted in found if is_promoted] == [ITEMS - 50, ITEMS - 49, ITEMS - 48]


def test_of_equal_boosted_scores_the_lower_index_comes_first() -> None:
    odd = of_mask(np.arange(ITEMS) % 2 == 1)
    plan = Plan(ITEMS, boosts=[Boost(odd, 2.0), Boost(odd, 0.5)])  # together they change nothing
    assert composed(ArrayRanker(np.zeros(ITEMS)), plan, 4) == [(item, 0.0, False) for item in range(4)]


@pytest.mark.slow
@settings(STEADY, max_examples=30)
@given(seed=st.integers(0, 2**32), k=st.integers(1, 60), mmr=st.sampled_from([0.0, 0.0, 0.5]))
@example(seed=2, k=5, mmr=0.0)  # most new items are of one brand: more are ranked than are drawn at once
def test_a_longer_answer_with_new_items_begins_with_a_shorter_one(seed: int, k: int, mmr: float) -> None:
    # GIVEN 400 new items, most of them of one brand
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=ITEMS)
    brands = np.where(rng.random(ITEMS) < rng.choice([0.3, 0.1, 0.03]), rng.integers(1, 200, ITEMS), 0)
    wishes = Wishes(brands=brands, most=int(rng.integers(1, 3)), mmr=mmr, rows=some_rows(rng, ITEMS))
    if rng.random() < 0.5:
        wishes.boosts = [(np.asarray(rng.random(ITEMS) < 0.3), 2.0)]
    drawn = DrawingRanker(ArrayRanker(scores), str, str(seed).encode())
    share = float(rng.choice([0.1, 0.5, 1.0]))
    new = Promotion(of_mask(np.arange(ITEMS) >= ITEMS - 400), share, "new", drawn)
    plan = msgspec.structs.replace(wishes.plan(ITEMS), promotions=[new])
    # WHEN answers of two lengths are composed THEN the longer one begins with the shorter one
    ranker = ArrayRanker(scores)
    assert composed(ranker, plan, 80)[:k] == composed(ranker, plan, k)


def test_all_new_items_are_drawn_where_all_places_are_theirs() -> None:
    # GIVEN more places for new items than are drawn at once
    scores = np.random.default_rng(1).normal(size=ITEMS)
    drawn = DrawingRanker(ArrayRanker(scores), str, b"a session")
    new = Promotion(of_mask(np.arange(ITEMS) >= ITEMS - 300), 1.0, "new", drawn)
    found = [item for item, _, _ in composed(ArrayRanker(scores), Plan(ITEMS, promotions=[new]), 120)]
    # AND the same ones where similar items are avoided, but hardly
    avoided = Mmr(1e-9, lambda indices: np.ones((len(indices), 4), np.float32))
    by_mmr = composed(ArrayRanker(scores), Plan(ITEMS, promotions=[new], mmr=avoided), 120)
    assert [item for item, _, _ in by_mmr] == found
    # THEN the best 50 come first, in the order of their draws, then the next 50
    best = ITEMS - 300 + np.argsort(-scores[-300:])
    for start in (0, 50, 100):
        batch = [RankedItem(int(item), float(scores[item])) for item in best[start : start + 50]]
        batch.sort(key=drawn.precedence, reverse=True)
        assert found[start : start + 50] == [item.index for item in batch][: 120 - start]
