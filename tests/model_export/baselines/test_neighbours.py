"""The neighbour baselines, compared with slow versions that follow the papers."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.baselines.neighbours import NeighbourConfig
from model_export.baselines.session_index import SessionIndex
from model_export.baselines.sknn import Decay, Sknn, Vsknn, VsknnConfig
from model_export.baselines.stan import DAY_SECONDS, Stan, StanConfig
from model_export.baselines.vmis_knn import VmisKnn, VmisKnnConfig
from model_export.data.sessions import Sessions
from tests.model_export.baselines.scores import scores_by_item
from tests.model_export.handmade import handmade, items_of

SESSIONS = st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=14).map(" ".join), min_size=1, max_size=12)
SIZES = st.integers(1, 6)


def vmis_knn(train: Sessions, prefix: str, m: int = 500, k: int = 100) -> dict[str, float]:
    return scores_by_item(VmisKnn(SessionIndex(train), VmisKnnConfig(m, k)), train, prefix.split())


def nearest(train: list[list[str]], prefix: list[str], similarity: dict[int, float], m: int, k: int) -> list[int]:
    """The k most similar of the m most recent sessions that share an item; later ones in `train` are more recent."""
    candidates = [number for number, items in enumerate(train) if set(prefix) & set(items)][-m:]
    return sorted(candidates, key=lambda number: (round(-similarity[number], 9), -number))[:k]


def summed(votes: list[tuple[str, float]]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for item, vote in votes:
        scores[item] = scores.get(item, 0.0) + vote
    return {item: round(score, 9) for item, score in scores.items() if score}


def ages_of(prefix: list[str]) -> dict[str, int]:
    """The number of events that are newer than each item's newest."""
    return {item: prefix[::-1].index(item) for item in prefix}


def idf(sessions: list[set[str]], item: str) -> float:
    return math.log(len(sessions) / sum(item in items for items in sessions))


def draw_prefix(data: st.DataObject, train: Sessions) -> list[str]:
    return data.draw(st.lists(st.sampled_from(train.catalogue), min_size=1, max_size=12))


@settings(deadline=None)
@given(sessions=SESSIONS, m=SIZES, k=SIZES, data=st.data())
@pytest.mark.slow
def test_sknn_follows_its_definition(sessions: list[str], m: int, k: int, data: st.DataObject) -> None:
    train = handmade(*sessions)
    prefix = draw_prefix(data, train)
    distinct = [set(items) for items in items_of(train)]
    similarity = {
        number: len(items & set(prefix)) / math.sqrt(len(items) * len(set(prefix)))
        for number, items in enumerate(distinct)
    }
    near = nearest(items_of(train), prefix, similarity, m, k)
    expected = summed([(item, similarity[number]) for number in near for item in distinct[number]])
    assert scores_by_item(Sknn(SessionIndex(train), NeighbourConfig(m, k)), train, prefix) == pytest.approx(expected)


def test_of_equal_similarities_the_more_recent_session_is_the_neighbour() -> None:
    # Summed in different orders, the weights of these two sessions differ in the last bit.
    train = handmade("a c d e", "a b e")
    config = VsknnConfig(2, 1, "linear", "none", idf=False)
    assert scores_by_item(Vsknn(SessionIndex(train), config), train, list("cadabeb")).keys() == set("abe")


@settings(deadline=None)
@given(
    sessions=SESSIONS,
    m=SIZES,
    k=SIZES,
    decays=st.tuples(*[st.sampled_from(["none", "linear", "reciprocal"])] * 2),
    use_idf=st.booleans(),
    data=st.data(),
)
@pytest.mark.slow
def test_v_sknn_follows_its_definition(
    sessions: list[str], m: int, k: int, decays: tuple[Decay, Decay], use_idf: bool, data: st.DataObject
) -> None:
    train = handmade(*sessions)
    prefix = draw_prefix(data, train)
    distinct = [set(items) for items in items_of(train)]
    ages = ages_of(prefix)

    def weight(decay: Decay, age: int) -> float:
        return {"none": 1.0, "linear": max(1 - 0.1 * age, 0.0), "reciprocal": 1 / max(age, 1)}[decay]

    similarity = {
        number: sum(weight(decays[0], ages[item]) for item in items & set(prefix)) / len(set(prefix))
        for number, items in enumerate(distinct)
    }
    votes = []
    for number in nearest(items_of(train), prefix, similarity, m, k):
        match = 1 + min(ages[item] for item in distinct[number] & set(prefix))
        vote = similarity[number] * weight(decays[1], match)
        votes += [(item, vote * (idf(distinct, item) if use_idf else 1.0)) for item in distinct[number]]
    config = VsknnConfig(m, k, decays[0], decays[1], use_idf)
    assert scores_by_item(Vsknn(SessionIndex(train), config), train, prefix) == pytest.approx(summed(votes))


@settings(deadline=None)
@given(sessions=SESSIONS, m=SIZES, k=SIZES, data=st.data())
@pytest.mark.slow
def test_stan_follows_its_definition(sessions: list[str], m: int, k: int, data: st.DataObject) -> None:
    # one second lies between the handmade events
    train = handmade(*sessions)
    prefix = draw_prefix(data, train)
    distinct = [set(items) for items in items_of(train)]
    ages, ends = ages_of(prefix), train.times[train.offsets[1:] - 1]
    config = StanConfig(m, k, session_decay=2.0, age_days=20 / DAY_SECONDS, place_decay=3.0)
    candidates = [number for number, items in enumerate(distinct) if set(prefix) & items][-m:]
    similarity = {
        number: sum(math.exp(-ages[item] / 2) for item in distinct[number] & set(prefix))
        / math.sqrt(len(distinct[number]) * len(set(prefix)))
        * math.exp(-(ends[candidates].max() - ends[number]) / 20)
        for number in candidates
    }
    votes = []
    for number in nearest(items_of(train), prefix, similarity, m, k):
        places = {item: place for place, item in enumerate(items_of(train)[number])}
        match = places[min(distinct[number] & set(prefix), key=ages.__getitem__)]
        votes += [(item, similarity[number] * math.exp(-abs(place - match) / 3)) for item, place in places.items()]
    assert scores_by_item(Stan(SessionIndex(train), config), train, prefix) == pytest.approx(summed(votes), abs=2e-9)


def test_stan_ignores_age_without_a_calendar() -> None:
    # two sessions that differ in age only, and a decay of less than a second
    train = handmade("a b", "x y", "a c")
    config = StanConfig(age_days=1e-5)
    calendar, order = (
        scores_by_item(Stan(SessionIndex(train), config, is_epoch=is_epoch), train, ["a"]) for is_epoch in (True, False)
    )
    assert calendar["c"] > calendar["b"]
    assert order["c"] == order["b"]


@settings(deadline=None)
@given(sessions=SESSIONS, m=SIZES, k=SIZES, data=st.data())
@pytest.mark.slow
def test_vmis_knn_follows_its_definition(sessions: list[str], m: int, k: int, data: st.DataObject) -> None:
    train = handmade(*sessions)
    prefix = draw_prefix(data, train)
    window = prefix[-9:]
    distinct = [set(items) for items in items_of(train)]
    ages = ages_of(window)
    similarity = {
        number: sum((len(window) - ages[item]) / len(ages) for item in ages.keys() & items)
        for number, items in enumerate(distinct)
    }
    votes = []
    for number in nearest(items_of(train), window, similarity, m, k):
        match = min(ages[item] for item in ages.keys() & distinct[number])
        vote = similarity[number] * (1 - 0.1 * (1 + match))
        votes += [(item, vote * idf(distinct, item)) for item in distinct[number]]
    assert vmis_knn(train, " ".join(prefix), m, k) == pytest.approx(summed(votes), abs=2e-9)


def test_vmis_knn_by_hand() -> None:
    train = handmade("a c", "a b d", "b c", "d e")
    # After a, b: b at position 0 weighs 2/2, a at position 1 weighs 1/2.
    first, second, third = 0.5 * 0.8, 1.5 * 0.9, 1.0 * 0.9
    assert vmis_knn(train, "a b") == pytest.approx(
        {
            "a": (first + second) * math.log(4 / 2),
            "b": (second + third) * math.log(4 / 2),
            "c": (first + third) * math.log(4 / 2),
            "d": second * math.log(4 / 2),
        }
    )


def test_vmis_knn_ignores_events_beyond_the_window() -> None:
    train = handmade("x a", "y b", "1 2 3 4 5 6 7 8")
    scores = vmis_knn(train, "x y 1 2 3 4 5 6 7 8")
    assert "a" not in scores
    assert "b" in scores


def test_vmis_knn_prefers_the_recent_one_of_equal_neighbours() -> None:
    # The similarities, 5 + 8 and 6 + 7 fifths, are equal, but not as sums of floats.
    train = handmade("a", "c d", "b e")
    assert set(vmis_knn(train, "a a a a d e b c", m=2, k=1)) == {"b", "e"}
