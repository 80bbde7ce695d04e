"""Each baseline against scores computed by hand from its paper's formula."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model_export.baselines import baselines, untuned
from model_export.baselines.popularity import Popularity
from model_export.baselines.scoring import Scored, Scorer, ScoringRanker, without
from model_export.baselines.sequential_rules import SequentialRules
from model_export.baselines.session_index import SessionIndex
from model_export.baselines.vmis_knn import VmisKnn, VmisKnnConfig
from model_export.data.sessions import Sessions
from model_export.metrics.protocol import NO_ITEM, evaluate
from tests.model_export.handmade import handmade, items_of

SESSIONS = st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=14).map(" ".join), min_size=1, max_size=12)


def scored(make: Callable[[Sessions], Scorer], train: Sessions, prefix: str) -> dict[str, float]:
    """The scores by item that a baseline gives after a prefix; items that score 0 are left out."""
    codes = np.array([train.catalogue.index(item) for item in prefix.split()], dtype=np.int32)
    found = make(train).scored(codes)
    assert len(np.unique(found.codes)) == len(found.codes) == len(found.scores)
    return {
        train.catalogue[code]: score
        for code, score in zip(found.codes.tolist(), found.scores.tolist(), strict=True)
        if score
    }


class VmisKnnAsPublished:
    """VMIS-kNN without the session's last item."""

    def __init__(self, train: Sessions, *, m: int = 500, k: int = 100) -> None:
        self.items = len(train.catalogue)
        self._scorer = VmisKnn(SessionIndex(train), VmisKnnConfig(m=m, k=k))

    def scored(self, prefix: NDArray[np.int32]) -> Scored:
        return without(self._scorer.scored(prefix), int(prefix[-1]))


def test_popularity_counts_train_events() -> None:
    # GIVEN sessions in which b occurs three times
    train = handmade("a b b", "b c")
    # WHEN popularity scores any prefix
    # THEN it is the counts
    assert scored(Popularity, train, "a") == {"a": 1.0, "b": 3.0, "c": 1.0}
    assert scored(Popularity, train, "c b") == {"a": 1.0, "b": 3.0, "c": 1.0}


def test_sequential_rules_weigh_by_distance() -> None:
    # GIVEN sessions with a before b at distances 1 and 2, and b after itself
    train = handmade("a b b c", "c a")
    # WHEN the last item is a, b and c
    # THEN each rule weighs the sum of 1 / distance, and no rule crosses sessions
    assert scored(SequentialRules, train, "a") == pytest.approx({"b": 1 + 1 / 2, "c": 1 / 3})
    assert scored(SequentialRules, train, "a b") == pytest.approx({"b": 1, "c": 1 + 1 / 2})
    assert scored(SequentialRules, train, "c") == {"a": 1.0}


def test_sequential_rules_end_after_ten_events() -> None:
    # GIVEN a session in which z follows a by eleven events and b by ten
    train = handmade("a b c d e f g h i j k z")
    # WHEN rules are asked for both
    # THEN only the nearer one is a rule
    assert "z" not in scored(SequentialRules, train, "a")
    assert scored(SequentialRules, train, "b")["z"] == pytest.approx(1 / 10)


def test_vmis_knn_by_hand() -> None:
    # GIVEN four train sessions, and a session so far of a, then b
    train = handmade("a c", "a b d", "b c", "d e")
    # WHEN it is continued: b at position 0 weighs 2/2, a at position 1 weighs 1/2
    found = scored(VmisKnnAsPublished, train, "a b")
    # THEN similarity times match weight is .5 * .8, 1.5 * .9 and 1 * .9 for the first three sessions,
    # every item of them gets it times ln(4 / sessions that hold it), and b itself is left out
    first, second, third = 0.5 * 0.8, 1.5 * 0.9, 1.0 * 0.9
    assert found == pytest.approx(
        {
            "a": (first + second) * math.log(4 / 2),
            "c": (first + third) * math.log(4 / 2),
            "d": second * math.log(4 / 2),
        }
    )


def test_vmis_knn_takes_recent_sessions_first() -> None:
    # GIVEN sessions that all hold a, and one that does not
    train = handmade("a b", "a c", "a d", "e e")
    # WHEN only two candidates, or only one neighbour of all candidates, may count
    by_m = scored(lambda sessions: VmisKnnAsPublished(sessions, m=2), train, "a")
    by_k = scored(lambda sessions: VmisKnnAsPublished(sessions, k=1), train, "a")
    # THEN they are the last ones
    assert set(by_m) == {"c", "d"}
    assert set(by_k) == {"d"}


def test_vmis_knn_looks_at_the_newest_nine_events() -> None:
    # GIVEN sessions for x and y, and a session whose tenth-newest event is x
    train = handmade("x a", "y b", "1 2 3 4 5 6 7 8")
    # WHEN x is followed by nine events, or y by eight
    # THEN x is forgotten, y is not
    assert "a" not in scored(VmisKnnAsPublished, train, "x y 1 2 3 4 5 6 7 8")
    assert "b" in scored(VmisKnnAsPublished, train, "x y 1 2 3 4 5 6 7 8")


def test_vmis_knn_takes_the_recent_one_of_equals() -> None:
    # GIVEN two sessions whose similarities, 5 + 8 and 6 + 7 fifths, are equal, but not in sums of floats
    train = handmade("a", "c d", "b e")
    # WHEN one neighbour may count THEN it is the later one
    found = scored(lambda given: VmisKnnAsPublished(given, m=2, k=1), train, "a a a a d e b c")
    assert set(found) == {"b", "e"}


@settings(deadline=None)
@given(sessions=SESSIONS, m=st.integers(1, 6), k=st.integers(1, 6), data=st.data())
def test_vmis_knn_is_its_definition(sessions: list[str], m: int, k: int, data: st.DataObject) -> None:
    # GIVEN any train sessions and a session so far
    train = handmade(*sessions)
    prefix = data.draw(st.lists(st.sampled_from(train.catalogue), min_size=1, max_size=12))
    # WHEN it is continued, by the index and by the definition, one session after the other
    found = scored(lambda given: VmisKnnAsPublished(given, m=m, k=k), train, " ".join(prefix))
    expected = _vmis_knn(items_of(train), prefix, m, k)
    # THEN the scores are the same
    assert {item: round(score, 9) for item, score in found.items()} == {
        item: round(score, 9) for item, score in expected.items() if score
    }


def _vmis_knn(train: list[list[str]], prefix: list[str], m: int, k: int) -> dict[str, float]:
    """VMIS-kNN without an index: later sessions in `train` are the more recent ones."""
    recent = prefix[-9:][::-1]
    position = {item: recent.index(item) for item in recent}
    candidates = [number for number, held in enumerate(train) if position.keys() & set(held)][-m:]
    similarity = {
        number: sum((len(recent) - position[item]) / len(position) for item in position.keys() & set(train[number]))
        for number in candidates
    }
    scores: dict[str, float] = {}
    for number in sorted(candidates, key=lambda one: (round(-similarity[one], 9), -one))[:k]:
        newest = min(position[item] for item in position.keys() & set(train[number]))
        for item in set(train[number]) - {prefix[-1]}:
            idf = math.log(len(train) / sum(item in held for held in train))
            scores[item] = scores.get(item, 0.0) + similarity[number] * (1 - 0.1 * (1 + newest)) * idf
    return scores


def test_each_prefix_is_ranked_and_listed() -> None:
    # GIVEN popularity over a catalogue of three: b 3, a 2, c 1
    train = handmade("b a b", "c b a")
    ranker = ScoringRanker(Popularity(train))
    # WHEN a session of c, a, b is ranked
    ranks, top = ranker.ranks(np.array([2, 0, 1], dtype=np.int32))
    # THEN there is a rank for a and for b, and each list holds the catalogue, best first
    assert ranks.tolist() == [2.0, 1.0]
    assert top[0].tolist() == [1, 0, 2, *[NO_ITEM] * 17]
    assert top.shape == (2, 20)


def test_all_baselines_answer_under_their_names() -> None:
    # GIVEN train sessions in which b always follows a, and other items that nobody combines
    train = handmade("a b", "a b", "c", "c", "c", "d")
    test = handmade("a b").recoded(train.catalogue)
    # WHEN all are evaluated on a session of a, b
    found = baselines(train, untuned("too little"))
    ranks = {name: evaluate(ranker, test).ranks.tolist() for name, ranker in found.items()}
    # THEN those that look at the session find b first, with the current item before it where that is let in,
    # and popularity does not
    assert ranks.pop("popularity") == [2.5]
    assert set(ranks) == {
        "sequential-rules",
        "sknn",
        "sknn-no-current",
        "v-sknn",
        "v-sknn-no-current",
        "vmis-knn",
        "vmis-knn-with-current",
        "stan",
        "stan-no-current",
    }
    for name, rank in ranks.items():
        left_out = name.endswith("-no-current") or name in {"vmis-knn", "sequential-rules"}
        assert rank[0] == 1.0 if left_out else rank[0] > 1.0, name
