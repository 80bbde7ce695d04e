"""Filters, boosts, promotions, diversity and pins on every scoring scheme, beside the same rules over all scores."""

from collections.abc import Sequence
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model_export.export.schemes.fp32 import Fp32
from model_export.export.schemes.ivf import Ivf
from model_export.export.schemes.nbits import EightBit, FourBit
from model_export.export.schemes.scan import Scan
from model_export.export.schemes.scheme import Scheme
from nextitem.model.engine import RankedItem
from nextitem.service.steering.compose import compose
from nextitem.service.steering.pool import Pool
from nextitem.service.steering.ranker import Ranker
from tests.model_export.export.schemes.test_schemes import Scorer, clustered
from tests.nextitem.parts import STEADY
from tests.nextitem.service.steering.brute_force import Wishes, answer, some_wishes

ITEMS = 20_011
"""Half of them are more than a list has."""
PLACES = 20
FEW = 0.05
pytestmark = pytest.mark.slow

SCHEMES: dict[str, tuple[Scheme, float]] = {
    "fp32": (Fp32(), 1.0),
    "fp32 by rows": (Fp32(by_rows=True), 1.0),
    "8-bit": (EightBit(), 0.9),
    "4-bit": (FourBit(), 0.97),
    "8-bit-rescored": (Scan(dims=None, candidates=190), 0.99),
    "truncated": (Scan(dims=8, candidates=720), 0.97),
    "ivf": (Ivf(percent=10, dims=16, candidates=2000), 0.93),
}
"""Each scheme, and the least mean share of the items of an exact answer that its answers have."""


class GraphRanker(Ranker):
    """Ranks with a score graph for one state."""

    def __init__(self, scorer: Scorer, state: NDArray[np.float32]) -> None:
        self._scorer, self._state = scorer, state

    def best(self, pool: Pool, exclude: Sequence[int], k: int) -> list[RankedItem]:
        only = () if pool.listed is None else sorted(pool.listed.tolist())
        unavailable = np.flatnonzero(pool.left_out).tolist()
        items, scores = self._scorer.top(self._state, k, exclude, only, unavailable)
        return [RankedItem(item, score) for item, score in zip(items, scores, strict=True)]

    def boosted(self, score: float, factor: float) -> float:
        return score + log(factor)

    def row_scores(self) -> NDArray[np.float32]:
        """The scores of all items from their rows: those of a list."""
        items, scores = self._scorer.top(self._state, ITEMS, only=range(ITEMS))
        found = np.full(ITEMS, -np.inf, np.float32)
        found[items] = scores
        return found


Rankers = tuple[float, list[GraphRanker]]
"""A scheme's least share, and its rankers for some states."""


@pytest.fixture(scope="module", params=list(SCHEMES))
def rankers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[float, list[GraphRanker]]:
    scheme, overlap = SCHEMES[request.param]
    parameters, states = clustered(ITEMS)
    scorer = Scorer(tmp_path_factory.mktemp("scheme"), scheme, parameters, states)
    return overlap, [GraphRanker(scorer, state) for state in states[:4]]


def composed(ranker: GraphRanker, wishes: Wishes) -> list[tuple[int, float, bool]]:
    found = compose(ranker, wishes.plan(ITEMS), PLACES)
    return [(item.index, item.score, item.index in found.placements) for item in found.items]


@settings(STEADY, max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_a_filter_that_keeps_few_items_has_an_exact_answer(rankers: Rankers, seed: int) -> None:
    # GIVEN any wishes among few items
    ranker = rankers[1][seed % 4]
    scores = ranker.row_scores()
    wishes = some_wishes(seed, ITEMS, np.argsort(-scores).tolist())
    wishes.kept = np.random.default_rng(seed).random(ITEMS) < FEW

    # WHEN an answer is composed THEN it is the one that the scores of all rows give, whatever the scheme
    expected = answer(scores, wishes, PLACES)
    found = composed(ranker, wishes)
    assert [(item, ruled) for item, _, ruled in found] == [(item, ruled) for item, _, ruled in expected]
    assert [score for _, score, _ in found] == pytest.approx([score for _, score, _ in expected], abs=1e-4)


def test_an_answer_is_exact_or_within_the_scheme_s_overlap(rankers: Rankers) -> None:
    least, rankers_of_states = rankers
    shares = []
    for seed in range(40):
        # GIVEN any wishes
        ranker = rankers_of_states[seed % 4]
        scores = ranker.row_scores()
        wishes = some_wishes(seed, ITEMS, np.argsort(-scores).tolist())
        # WHEN an answer is composed
        found, expected = composed(ranker, wishes), answer(scores, wishes, PLACES)
        items = [item for item, _, _ in found]
        # THEN it is as long as an exact one, and every rule holds in it
        assert len(set(items)) == len(items) == len(expected)
        assert wishes.kept is None or all(wishes.kept[item] for item in items if item not in wishes.pins.values())
        assert not set(wishes.excluded) & set(items)
        if not wishes.pins and wishes.brands is not None:
            counts = np.bincount([wishes.brands[item] for item in items if wishes.brands[item] >= 0], minlength=1)
            assert counts.max() <= wishes.most
        # AND a retry gives the same
        assert composed(ranker, wishes) == found
        shares.append(len(set(items) & {item for item, _, _ in expected}) / max(len(expected), 1))
    assert np.mean(shares) >= least
