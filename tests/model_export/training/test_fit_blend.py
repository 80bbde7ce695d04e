"""The blend is fitted to the side that predicts, and to the shop's repeats and revisits."""

import msgspec
import numpy as np
import pytest

from model_export.memory import Blend, Gate
from model_export.memory.blend import UNSEEN, ages_of
from model_export.training.blend_targets import BlendTargets
from model_export.training.fit_blend import EVALUATIONS, fit_blend

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
    events = np.ones(TARGETS, np.int64)
    return BlendTargets(scores, votes, ages, place, events, level=float(np.log(np.exp(scores).sum(1)).mean()))


def blended_scores(targets: BlendTargets, blend: Blend) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return targets.blended(blend)


def mrr(targets: BlendTargets, blend: Blend) -> float:
    return float((1.0 / targets.ranks(blend)).mean())


@pytest.mark.parametrize("memory_predicts", [True, False])
def test_the_side_that_predicts_decides(memory_predicts: bool) -> None:
    targets = blend_targets(memory_predicts=memory_predicts, repeats=0.0)
    alone = Blend(Gate(60.0 if memory_predicts else -60.0), repeat=Gate(-30.0), repeat_votes=0.001)
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
    targets.events[:] = 2
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
    ranks = targets.ranks(Blend(Gate(0.0)))
    assert np.isinf(ranks[0])
    assert np.isfinite(ranks[1:]).all()


def test_a_gate_follows_what_the_session_shows() -> None:
    # GIVEN visitors who go back, and in longer sessions with repeats, and others who never do
    targets = blend_targets(memory_predicts=True, repeats=0.0)
    goes_back = np.arange(TARGETS) % 2 == 0
    targets.ages[:, 1:4] = [1, 2, 3]
    targets.events[:] = np.where(goes_back, 12, 4)
    targets.place[goes_back] = 1
    targets.place[~goes_back] = np.maximum(targets.place[~goes_back], 4)
    # WHEN a blend is fitted
    scores = blended_scores(targets, fit_blend(targets))
    # THEN the item before leads where visitors go back, and is no better than the others elsewhere
    place = (scores > scores[:, 1:2]).sum(axis=1)
    assert np.median(place[goes_back]) < 2
    assert np.median(place[~goes_back]) > 5


def test_a_fit_repeats_and_says_how_far_it_is() -> None:
    targets = blend_targets(memory_predicts=True, repeats=0.3)
    steps: list[int] = []
    assert fit_blend(targets, steps.append) == fit_blend(targets)
    assert steps == sorted(steps)
    assert max(steps) <= EVALUATIONS


def test_the_fit_computes_the_scores_that_serve() -> None:
    # GIVEN a fitted blend with slopes
    targets = blend_targets(memory_predicts=True, repeats=0.3)
    targets.ages[:, 1:4] = [1, 2, 3]
    targets.events[:] = np.arange(TARGETS) % 9 + 4
    blend = fit_blend(targets)
    assert blend.weight.variety != 0.0

    # THEN the best of its neighbours is less likely: its likelihood, from the scores that serve, is at its maximum
    def likelihood(changed: Blend) -> float:
        scores = targets.blended(changed).astype(np.float64)
        own = scores[np.arange(TARGETS), targets.place]
        return float((own - np.logaddexp.reduce(scores, axis=1)).mean())

    best = likelihood(blend)
    for step in (-0.3, 0.3):
        gate = msgspec.structs.replace(blend.weight, constant=blend.weight.constant + step)
        assert likelihood(msgspec.structs.replace(blend, weight=gate)) < best
        assert likelihood(msgspec.structs.replace(blend, scale=blend.scale * (1 + step))) < best


def test_without_a_target_among_the_candidates_both_sides_weigh_the_same() -> None:
    targets = blend_targets(memory_predicts=True, repeats=0.0)
    targets.place[:] = -1
    blend = fit_blend(targets)
    assert np.isfinite(blended_scores(targets, blend)).all()
    assert blend.weight == blend.revisit


def test_a_few_sessions_with_a_habit_do_not_weigh_it_without_bound() -> None:
    # GIVEN three visitors who go back, after a repeat, among many who do not
    targets = blend_targets(memory_predicts=True, repeats=0.0)
    targets.ages[:, 1:4] = [1, 2, 3]
    targets.events[:] = 4
    targets.place[:] = np.maximum(targets.place, 4)
    targets.place[:3], targets.events[:3] = 1, 5
    # WHEN a blend is fitted THEN a session of many repeats gets no weight that nothing could outvote
    gate = fit_blend(targets).revisit
    usual, extreme = (gate.of(np.array([[1.4, variety, -3.0]], np.float32))[0, 0] for variety in (1.0, 0.1))
    assert abs(extreme - usual) < 30
