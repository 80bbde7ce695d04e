"""The analysis of several rankers' ranks, compared with values computed by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.evaluation.analysis import Quality, analyse, behind
from model_export.metrics.protocol import RankedSession, evaluate, new_targets, not_ranked
from tests.model_export.handmade import handmade

TEST = handmade("a b a", "b c", "a a").recoded(("a", "b", "c"))
"""Four targets, two of them returns: b, a again, c, and a again."""


class Given:
    """Gives the same rank to all targets in a view: `with_seen`, or `without_seen` to the new ones."""

    def __init__(self, with_seen: float, without_seen: float) -> None:
        self._ranks = with_seen, without_seen

    def rank(self, session: NDArray[np.int32], _types: NDArray[np.int8] | None = None, /) -> RankedSession:
        ranked = not_ranked(len(session) - 1)
        ranked.with_seen.ranks[:] = self._ranks[0]
        ranked.without_seen.ranks[new_targets(session)] = self._ranks[1]
        return ranked


def metrics_of(quality: Quality, name: str) -> tuple[float, float, float]:
    """MRR@20, and the bounds of its interval."""
    estimate = quality.intervals[name]["mrr@20"]
    assert quality.metrics[name]["mrr@20"] == pytest.approx(estimate.value)
    return estimate.value, estimate.low, estimate.high


def test_each_view_has_its_targets_sessions_and_differences() -> None:
    # GIVEN a model that is better than a baseline among all items, and worse among the new ones
    rankers = {"model": Given(1.0, 4.0), "baseline": Given(2.0, 2.0)}
    evaluations = {name: evaluate(ranker, TEST) for name, ranker in rankers.items()}
    # WHEN they are analysed
    analysis = analyse(evaluations, TEST, None, reference="model")
    # THEN the whole ranking counts all targets of all sessions
    with_seen, without_seen = analysis.with_seen, analysis.without_seen
    assert (with_seen.targets, with_seen.sessions) == (4, 3)
    assert metrics_of(with_seen, "model") == pytest.approx((1.0, 1.0, 1.0))
    assert metrics_of(with_seen, "baseline") == pytest.approx((0.5, 0.5, 0.5))
    assert with_seen.differences["baseline"]["mrr@20"] == pytest.approx((0.5, 0.5, 0.5))
    # AND the ranking without seen items only the new targets, of two sessions; a return counts nowhere
    assert without_seen is not None
    assert (without_seen.targets, without_seen.sessions) == (2, 2)
    assert metrics_of(without_seen, "model") == pytest.approx((0.25, 0.25, 0.25))
    assert without_seen.differences["baseline"]["mrr@20"] == pytest.approx((-0.25, -0.25, -0.25))
    assert with_seen.strongest_baseline("model") == "baseline"
    # AND a sentence says in which view the model is certainly behind, and in which metric
    assert [text.split(". ")[0] for text in behind(analysis)] == [
        "Seen items left out: MRR@20 is 0.250 below that of baseline"
    ]


def test_a_model_alone_or_as_good_as_its_baselines_is_behind_none() -> None:
    for names in (["model"], ["model", "baseline"]):
        evaluations = {name: evaluate(Given(2.0, 2.0), TEST) for name in names}
        assert list(behind(analyse(evaluations, TEST, None, reference="model"))) == []


def test_without_new_targets_the_second_view_is_missing() -> None:
    test = handmade("a a", "b b b")
    analysis = analyse({"model": evaluate(Given(1.0, 1.0), test)}, test, None, reference="model")
    assert analysis.without_seen is None
    assert analysis.as_json()["without_seen"] is None
