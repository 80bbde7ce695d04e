"""The neighbour baselines against their definitions, session by session, and sparse ranks against dense ones."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.baselines.scoring import Scored, Scorer, sparse_rank, sparse_top, without
from model_export.baselines.session_index import SessionIndex
from model_export.baselines.sknn import Decay, Sknn, SknnConfig, Vsknn, VsknnConfig
from model_export.baselines.stan import DAY_SECONDS, Stan, StanConfig
from model_export.data.sessions import Sessions
from model_export.metrics.protocol import top_codes
from model_export.metrics.ranking import ranks_of_targets
from tests.model_export.handmade import handmade, items_of

SESSIONS = st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=14).map(" ".join), min_size=1, max_size=12)
SIZES = st.integers(1, 6)


def scored(scorer: Scorer, train: Sessions, prefix: list[str]) -> dict[str, float]:
    """Scores by item, but for zeros."""
    codes = np.array([train.catalogue.index(item) for item in prefix], dtype=np.int32)
    found = scorer.scored(codes)
    return {
        train.catalogue[code]: round(score, 9)
        for code, score in zip(found.codes.tolist(), found.scores.tolist(), strict=True)
        if score
    }


def nearest(train: list[list[str]], prefix: list[str], similar: dict[int, float], m: int, k: int) -> list[int]:
    """The k most similar of the m most recent sessions that share an item; later ones in `train` are more recent."""
    shared = [number for number, held in enumerate(train) if set(prefix) & set(held)][-m:]
    return sorted(shared, key=lambda one: (round(-similar[one], 9), -one))[:k]


def summed(votes: list[tuple[str, float]]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for item, vote in votes:
        scores[item] = scores.get(item, 0.0) + vote
    return {item: round(score, 9) for item, score in scores.items() if score}


def back_of(prefix: list[str]) -> dict[str, int]:
    """How many events before the newest each item stands, at its newest place."""
    return {item: prefix[::-1].index(item) for item in prefix}


def drawn(data: st.DataObject, train: Sessions) -> list[str]:
    return data.draw(st.lists(st.sampled_from(train.catalogue), min_size=1, max_size=12))


@settings(deadline=None)
@given(sessions=SESSIONS, m=SIZES, k=SIZES, data=st.data())
def test_sknn_is_its_definition(sessions: list[str], m: int, k: int, data: st.DataObject) -> None:
    # GIVEN any train sessions and a session so far
    train = handmade(*sessions)
    prefix = drawn(data, train)
    held = [set(items) for items in items_of(train)]
    # WHEN it is continued THEN each neighbour's cosine is its vote for each of its items
    similar = {
        number: len(items & set(prefix)) / math.sqrt(len(items) * len(set(prefix))) for number, items in enumerate(held)
    }
    near = nearest(items_of(train), prefix, similar, m, k)
    expected = summed([(item, similar[number]) for number in near for item in held[number]])
    assert scored(Sknn(SessionIndex(train), SknnConfig(m, k)), train, prefix) == pytest.approx(expected)


@settings(deadline=None)
@given(
    sessions=SESSIONS,
    m=SIZES,
    k=SIZES,
    decays=st.tuples(*[st.sampled_from(["none", "linear", "reciprocal"])] * 2),
    idf=st.booleans(),
    data=st.data(),
)
def test_v_sknn_is_its_definition(
    sessions: list[str], m: int, k: int, decays: tuple[Decay, Decay], idf: bool, data: st.DataObject
) -> None:
    # GIVEN any train sessions and a session so far
    train = handmade(*sessions)
    prefix = drawn(data, train)
    held = [set(items) for items in items_of(train)]
    back = back_of(prefix)

    def weight(decay: Decay, place: int) -> float:
        return {"none": 1.0, "linear": max(1 - 0.1 * place, 0.0), "reciprocal": 1 / max(place, 1)}[decay]

    # WHEN it is continued THEN newer events weigh more, in the similarity and by the newest match in the vote
    similar = {
        number: sum(weight(decays[0], back[item]) for item in items & set(prefix)) / len(set(prefix))
        for number, items in enumerate(held)
    }
    near = nearest(items_of(train), prefix, similar, m, k)
    expected = summed(
        [
            (
                item,
                similar[number]
                * weight(decays[1], 1 + min(back[one] for one in held[number] & set(prefix)))
                * (math.log(len(held) / sum(item in items for items in held)) if idf else 1.0),
            )
            for number in near
            for item in held[number]
        ]
    )
    config = VsknnConfig(m, k, decays[0], decays[1], idf)
    assert scored(Vsknn(SessionIndex(train), config), train, prefix) == pytest.approx(expected)


@settings(deadline=None)
@given(sessions=SESSIONS, m=SIZES, k=SIZES, data=st.data())
def test_stan_is_its_definition(sessions: list[str], m: int, k: int, data: st.DataObject) -> None:
    # GIVEN any train sessions, a second between their events, and a session so far
    train = handmade(*sessions)
    prefix = drawn(data, train)
    held = [set(items) for items in items_of(train)]
    back, ends = back_of(prefix), train.times[train.offsets[1:] - 1]
    config = StanConfig(m, k, session_decay=2.0, age_days=20 / DAY_SECONDS, place_decay=3.0)
    # WHEN it is continued THEN events, ages and places decay as the paper says, from the newest candidate on
    shared = [number for number, items in enumerate(held) if set(prefix) & items][-m:]
    similar = {
        number: sum(math.exp(-back[item] / 2) for item in held[number] & set(prefix))
        / math.sqrt(len(held[number]) * len(set(prefix)))
        * math.exp(-(ends[shared].max() - ends[number]) / 20)
        for number in shared
    }
    votes = []
    for number in nearest(items_of(train), prefix, similar, m, k):
        last = dict(zip(items_of(train)[number], range(len(items_of(train)[number])), strict=True))
        match = last[min(held[number] & set(prefix), key=back.__getitem__)]
        votes += [(item, similar[number] * math.exp(-abs(place - match) / 3)) for item, place in last.items()]
    assert scored(Stan(SessionIndex(train), config), train, prefix) == pytest.approx(summed(votes), abs=2e-9)


def test_age_does_not_count_where_times_are_an_order() -> None:
    # GIVEN sessions that differ in age alone, and a decay of next to nothing
    train = handmade("a b", "x y", "a c")
    config = StanConfig(age_days=1e-5)
    # WHEN a is continued, by a calendar and by an order
    calendar, order = (
        scored(Stan(SessionIndex(train), config, is_epoch=is_epoch), train, ["a"]) for is_epoch in (True, False)
    )
    # THEN the newer session counts more, or as much
    assert calendar["c"] > calendar["b"]
    assert order["c"] == order["b"]


@settings(deadline=None)
@given(items=st.integers(1, 40), data=st.data())
def test_a_sparse_rank_is_the_protocols(items: int, data: st.DataObject) -> None:
    # GIVEN scores of some items, with ties and zeros, all others having none
    codes = np.array(sorted(data.draw(st.sets(st.integers(0, items - 1)))), dtype=np.int64)
    drawn = data.draw(st.lists(st.integers(0, 4).map(float), min_size=len(codes), max_size=len(codes)))
    found = Scored(codes, np.array(drawn, dtype=np.float64))
    dense = np.zeros(items)
    dense[codes] = found.scores
    # WHEN any item is ranked, and the best are listed THEN it is as if every item had been scored
    for target in range(items):
        assert sparse_rank(found, target, items) == ranks_of_targets(dense, target)
    assert sparse_top(found, items).tolist() == top_codes(dense).tolist()
    # AND an item that is left out scores 0
    left_out = data.draw(st.integers(0, items - 1))
    dense[left_out] = 0.0
    assert sparse_rank(without(found, left_out), left_out, items) == ranks_of_targets(dense, left_out)
