"""The blend is fitted to the side that predicts, and to the shop's repeats and revisits."""

import numpy as np
import pytest

from model_export.memory import Blend
from model_export.memory.blend import UNSEEN, ages_of
from model_export.memory.fit_blend import BlendTargets, fit_blend

TARGETS, CANDIDATES = 300, 40


def blend_targets(*, memory_predicts: bool, repeats: float) -> BlendTargets:
    """Targets among candidates; either the memory or the network predicts them.

    A share of them (`repeats`) is the newest event's item. That item, in column 0, has the most votes and the best
    score, as in a real memory and network.
    """
    rng = np.random.default_rng(1)
    place = np.where(rng.random(TARGETS) < repeats, 0, rng.integers(1, CANDIDATES, TARGETS))
    scores = rng.normal(size=(TARGETS, CANDIDATES)).astype(np.float32)
    votes = rng.random((TARGETS, CANDIDATES)).astype(np.float32)
    (votes if memory_predicts else scores)[np.arange(TARGETS), place] += 2.0
    scores[:, 0], votes[:, 0] = 9.0, 9.0
    ages = np.full((TARGETS, CANDIDATES), UNSEEN)
    ages[:, 0] = 0
    return BlendTargets(scores, votes, ages, place, level=float(np.log(np.exp(scores).sum(1)).mean()))


def blended_scores(targets: BlendTargets, blend: Blend) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return blend.scores(targets.scores, blend.shares(targets.votes, targets.ages), targets.ages)


def mrr(targets: BlendTargets, blend: Blend) -> float:
    return float((1.0 / targets.ranks(blend)).mean())


@pytest.mark.parametrize("memory_predicts", [True, False])
def test_the_side_that_predicts_decides(memory_predicts: bool) -> None:
    targets = blend_targets(memory_predicts=memory_predicts, repeats=0.0)
    alone = Blend(60.0 if memory_predicts else -60.0, -30.0, 0.001)
    assert mrr(targets, fit_blend(targets)) > 0.9 * mrr(targets, alone)


@pytest.mark.parametrize("repeats", [0.0, 0.9])
def test_the_newest_item_ranks_by_how_often_it_repeats(repeats: float) -> None:
    targets = blend_targets(memory_predicts=True, repeats=repeats)
    scores = blended_scores(targets, fit_blend(targets))
    better = (scores > scores[:, :1]).sum(axis=1)
    assert (np.median(better) > 0) if repeats == 0.0 else (np.median(better) == 0)


@pytest.mark.parametrize("revisits", [0.0, 0.8])
def test_the_item_before_ranks_by_how_often_it_is_revisited(revisits: float) -> None:
    # GIVEN targets of which a share is the item before the newest, in column 1
    targets = blend_targets(memory_predicts=True, repeats=0.0)
    revisited = np.random.default_rng(2).random(TARGETS) < revisits
    targets.place[revisited] = 1
    targets.ages[:, 1] = 1
    targets.votes[revisited, 1] = 0.5
    # WHEN a blend is fitted
    scores = blended_scores(targets, fit_blend(targets))
    # THEN that item ranks first in most rows, or in few
    first = (scores[:, 1] >= scores.max(axis=1)).mean()
    assert first > 0.5 if revisits else first < 0.2


def test_ages_count_the_newer_events() -> None:
    # an item that repeats has the age of its newest event
    assert ages_of(np.arange(9), np.array([7, 3, 7, 5], np.int32)).tolist() == [-1, -1, -1, 2, -1, 0, -1, 1, -1]
    assert ages_of(np.arange(3), np.array([], np.int32)).tolist() == [-1, -1, -1]


def test_a_target_that_is_not_a_candidate_is_a_miss() -> None:
    targets = blend_targets(memory_predicts=True, repeats=0.0)
    targets.place[0] = -1
    ranks = targets.ranks(Blend(0.0))
    assert np.isinf(ranks[0])
    assert np.isfinite(ranks[1:]).all()
