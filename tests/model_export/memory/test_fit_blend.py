"""The blend: it is learned where there is something to learn, and says what the data say of repeats."""

import numpy as np
import pytest

from model_export.memory import Blend
from model_export.memory.blend import UNSEEN, ages_of
from model_export.memory.fit_blend import BlendTargets, fit_blend

TARGETS, CANDIDATES = 300, 40


def targets(*, memory_knows: bool, repeats: float) -> BlendTargets:
    """Next items among candidates; one of the two sides knows, and a share of them is the newest event's item.

    That item, in column 0, has the most votes and the best score, as it has of a real memory and network.
    """
    rng = np.random.default_rng(1)
    place = np.where(rng.random(TARGETS) < repeats, 0, rng.integers(1, CANDIDATES, TARGETS))
    scores = rng.normal(size=(TARGETS, CANDIDATES)).astype(np.float32)
    votes = rng.random((TARGETS, CANDIDATES)).astype(np.float32)
    (votes if memory_knows else scores)[np.arange(TARGETS), place] += 2.0
    scores[:, 0], votes[:, 0] = 9.0, 9.0
    ages = np.full((TARGETS, CANDIDATES), UNSEEN)
    ages[:, 0] = 0
    return BlendTargets(scores, votes, ages, place, level=float(np.log(np.exp(scores).sum(1)).mean()))


def mrr(found: BlendTargets, blend: Blend) -> float:
    return float((1.0 / found.ranks(blend)).mean())


@pytest.mark.parametrize("memory_knows", [True, False])
def test_the_side_that_knows_counts(memory_knows: bool) -> None:
    # GIVEN targets that only the memory knows, or only the network
    found = targets(memory_knows=memory_knows, repeats=0.0)
    # WHEN a blend is learned
    blend = fit_blend(found)
    # THEN it ranks better than either side that knows nothing, and near the one that knows
    alone = Blend(60.0 if memory_knows else -60.0, -30.0, 0.001)
    assert mrr(found, blend) > 0.9 * mrr(found, alone)


@pytest.mark.parametrize("repeats", [0.0, 0.9])
def test_repeats_weigh_as_often_as_they_occur(repeats: float) -> None:
    # GIVEN a shop where the next item is never the newest event's, or nearly always
    found = targets(memory_knows=True, repeats=repeats)
    # WHEN a blend is learned
    blend = fit_blend(found)
    # THEN that item ranks last of the known, or first
    scores = blend.scores(found.scores, blend.shares(found.votes, found.ages), found.ages)
    rank = (scores > scores[:, :1]).sum(axis=1)
    assert (np.median(rank) > 0) if repeats == 0.0 else (np.median(rank) == 0)


@pytest.mark.parametrize("returns", [0.0, 0.8])
def test_revisits_weigh_as_often_as_they_occur(returns: float) -> None:
    # GIVEN a shop where visitors often go back to the item before, or never do, and it stands in column 1
    found = targets(memory_knows=True, repeats=0.0)
    back = np.random.default_rng(2).random(TARGETS) < returns
    found.place[back] = 1
    found.ages[:, 1] = 1
    found.votes[back, 1] = 0.5
    # WHEN a blend is learned
    blend = fit_blend(found)
    # THEN that item ranks first, or where it would without having been seen
    scores = blend.scores(found.scores, blend.shares(found.votes, found.ages), found.ages)
    first = (scores[:, 1] >= scores.max(axis=1)).mean()
    assert first > 0.5 if returns else first < 0.2


def test_the_age_of_an_item_is_that_of_its_newest_event() -> None:
    # GIVEN a session in which an item stands twice
    # WHEN items are asked for their ages THEN they count the events that are newer
    assert ages_of(np.arange(9), np.array([7, 3, 7, 5], np.int32)).tolist() == [-1, -1, -1, 2, -1, 0, -1, 1, -1]
    assert ages_of(np.arange(3), np.array([], np.int32)).tolist() == [-1, -1, -1]


def test_what_is_no_candidate_is_not_found() -> None:
    # GIVEN a target that neither network nor memory came up with
    found = targets(memory_knows=True, repeats=0.0)
    found.place[0] = -1
    # WHEN it is ranked
    # THEN it is a miss under any blend
    assert np.isinf(found.ranks(Blend(0.0))[0])
    assert np.isfinite(found.ranks(Blend(0.0))[1:]).all()
