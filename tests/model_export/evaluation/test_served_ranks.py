"""Ranks of all next items, with misses for items that a version does not know."""

import numpy as np
import pytest

from devstack.publish import demo_artifact
from model_export.evaluation.served_ranks import BestSellers, served_ranks, targets_of
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from tests.model_export.made_traffic import UNKNOWN, sessions_of


@pytest.fixture(scope="module")
def demo() -> Model:
    return Model(open_artifact(demo_artifact()))


@pytest.mark.parametrize("exclude_seen", [False, True])
def test_ranks_are_those_that_the_engine_serves(demo: Model, exclude_seen: bool) -> None:
    # GIVEN some sessions with unknown items, also as the first one
    test = sessions_of(0, 6)
    ranked = served_ranks(demo, test, exclude_seen=exclude_seen)
    expected: list[float] = []
    for index in range(len(test)):
        items = [test.catalogue[code] for code in test.session(index)]
        for at in range(1, len(items)):
            # WHEN the engine answers the known events before a target
            known = demo.vocabulary.indices(items[:at])
            left_out = known if exclude_seen else []
            top = demo.top(demo.replay(None, known), left_out, 200, known) if known else demo.popular(left_out, 200)
            if exclude_seen and items[at] in items[:at]:
                continue  # it cannot be shown
            places = [item.index for item in top]
            target = demo.vocabulary.index(items[at])
            expected.append(places.index(target) + 1 if target in places else np.inf)
    # THEN the ranks are the places in its lists, and misses of unknown items are counted
    assert len(ranked.ranks) == targets_of(test, exclude_seen=exclude_seen).sum()
    assert ranked.ranks.tolist() == expected
    targets = np.array(test.catalogue)[test.codes[targets_of(test, exclude_seen=exclude_seen)]]
    assert ranked.unknown == np.count_nonzero(targets == UNKNOWN) > 0


@pytest.mark.parametrize("exclude_seen", [False, True])
def test_best_sellers_are_the_same_list_for_all(demo: Model, exclude_seen: bool) -> None:
    test = sessions_of(0, 6)
    ranked = BestSellers(demo).ranks(test, exclude_seen=exclude_seen)
    expected: list[float] = []
    for index in range(len(test)):
        items = [test.catalogue[code] for code in test.session(index)]
        for at in range(1, len(items)):
            if exclude_seen and items[at] in items[:at]:
                continue
            left_out = demo.vocabulary.indices(items[:at]) if exclude_seen else []
            # the list has the 200 best sellers, of which seen ones are left out
            listed = [item.index for item in demo.popular((), 200) if item.index not in left_out]
            target = demo.vocabulary.index(items[at])
            expected.append(listed.index(target) + 1 if target in listed else np.inf)
    assert ranked.ranks.tolist() == expected
