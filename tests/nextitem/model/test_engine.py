"""The demo model: replay, ranking, exclusion, popularity, and its certificate."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.errors import ArtifactCorrupt
from nextitem.model.artifact import open_artifact
from nextitem.model.certificate import Certificate
from nextitem.model.engine import Model, RankedItem
from nextitem.model.manifest import CERTIFICATE, MAX_TOP, SCORE_GRAPH, STEP_GRAPH, VOCABULARY, encode_document
from nextitem.model.vocabulary import write_vocabulary
from tests.nextitem.parts import STEADY, another_version, edited, remade

ITEMS = 400
"""Size of the demo model's catalogue."""
PARITY = 1e-5
INDICES = st.integers(0, ITEMS - 1)


@STEADY
@given(st.lists(INDICES, min_size=1, max_size=64), st.data())
@pytest.mark.slow
def test_stepping_event_by_event_is_replaying_them_all(model: Model, items: list[int], data: st.DataObject) -> None:
    # GIVEN a replay of some events
    replayed = model.replay(None, items)
    assert replayed.shape == (64,)

    # WHEN they are stepped one by one, or in two parts THEN the hidden state is the same
    stepped = None
    for item in items:
        stepped = model.replay(stepped, [item])
    assert stepped is not None
    assert np.allclose(stepped, replayed, atol=PARITY)
    cut = data.draw(st.integers(0, len(items)))
    assert np.allclose(model.replay(model.replay(None, items[:cut]), items[cut:]), replayed, atol=PARITY)


def test_replaying_nothing_changes_nothing(model: Model) -> None:
    hidden = model.replay(None, [3, 1, 4])
    assert np.array_equal(model.replay(hidden, []), hidden)
    assert np.array_equal(model.replay(None, []), np.zeros(64, np.float32))


def test_a_hidden_state_of_another_size_is_the_zero_state(model: Model) -> None:
    other = np.ones(32, np.float32)
    assert np.array_equal(model.replay(other, [3, 1]), model.replay(None, [3, 1]))
    assert np.array_equal(model.replay(other, []), np.zeros(64, np.float32))


def test_a_replay_leaves_its_start_as_it_is(model: Model) -> None:
    start = model.replay(None, [3])
    before = start.copy()
    model.replay(start, [1, 4])
    assert np.array_equal(start, before)


def test_order_matters(model: Model) -> None:
    assert not np.allclose(model.replay(None, [3, 1]), model.replay(None, [1, 3]), atol=1e-3)


@STEADY
@given(st.lists(INDICES, max_size=5), st.lists(INDICES, max_size=500), st.integers(1, MAX_TOP))
def test_the_top_is_the_best_of_what_is_not_excluded(
    model: Model, items: list[int], exclude: list[int], limit: int
) -> None:
    # Some items may be excluded twice.
    hidden = model.replay(None, items)
    ranked = model.top(hidden, exclude, limit)

    whole = model.top(hidden, (), MAX_TOP)
    best = [item for item in whole if item.index not in exclude]
    common = min(len(ranked), len(best))
    assert [item.index for item in ranked[:common]] == [item.index for item in best[:common]]
    # The last bit of a score depends on the length of the list: the calibration's vector instructions.
    assert [item.score for item in ranked[:common]] == pytest.approx([item.score for item in best[:common]], abs=2e-6)
    assert len(ranked) == min(limit, ITEMS - len(set(exclude)))
    assert not {item.index for item in ranked} & set(exclude)
    assert len({item.index for item in ranked}) == len(ranked)
    assert [item.score for item in ranked] == sorted((item.score for item in ranked), reverse=True)


def test_few_eligible_items_give_a_short_ranking(model: Model) -> None:
    hidden = model.replay(None, [3])
    assert {item.index for item in model.top(hidden, range(ITEMS - 3), MAX_TOP)} == {397, 398, 399}
    assert len(model.top(hidden, (), ITEMS + 1)) == ITEMS
    assert model.top(hidden, range(ITEMS), 20) == []


def test_of_equal_scores_the_lower_index_comes_first(model: Model) -> None:
    hidden = np.zeros(64, np.float32)  # gives all items the same score
    assert [item.index for item in model.top(hidden, (), MAX_TOP)] == list(range(MAX_TOP))
    assert [item.index for item in model.top(hidden, (0, 2), 4)] == [1, 3, 4, 5]


def test_popular_items_are_the_most_frequent_of_the_training_data(model: Model) -> None:
    best = model.popular((), MAX_TOP)
    shares = [item.score for item in best]
    assert len(best) == MAX_TOP
    assert shares == sorted(shares, reverse=True)
    assert 0 < shares[-1] <= shares[0] < 1
    assert model.popular([best[0].index, best[2].index], 2) == [best[1], best[3]]
    assert model.popular(range(ITEMS), 5) == []


def test_after_the_most_popular_items_come_others(model: Model) -> None:
    few = tuple(model.manifest.popular[:5])
    model.manifest = msgspec.structs.replace(model.manifest, popular=few)
    popular = model.popular([few[0].index, few[2].index], 20)
    assert [item.index for item in popular[:3]] == [few[1].index, few[3].index, few[4].index]
    assert len({item.index for item in popular} - {few[0].index, few[2].index}) == 20
    assert {item.score for item in popular[3:]} == {0.0}


def same(ranked: list[RankedItem], expected: list[RankedItem]) -> bool:
    """Compare rankings up to rounding: sums may be added in another order."""
    return [item.index for item in ranked] == [item.index for item in expected] and [
        item.score for item in ranked
    ] == pytest.approx([item.score for item in expected], rel=PARITY)


def test_unavailable_items_are_ranked_by_no_method(model: Model) -> None:
    # GIVEN a model's ranking of all items
    hidden = model.replay(None, [3, 5])
    whole = model.top(hidden, (), MAX_TOP)
    best = [each.index for each in whole[:30:2]]

    # WHEN some items are unavailable
    mask = np.zeros(ITEMS, np.bool_)
    mask[best] = True

    # THEN no ranking has them, and the others are unchanged
    left = [each for each in whole if each.index not in best]
    assert model.top(hidden, (), 20, unavailable=mask) == left[:20]
    assert model.top(hidden, [left[0].index], 20, unavailable=mask) == left[1:21]
    assert same(model.rank(hidden, [best[0], left[2].index, left[1].index], (), 9, unavailable=mask), left[1:3])
    popular = [each.index for each in model.popular((), ITEMS)]
    assert [each.index for each in model.popular((), ITEMS, unavailable=mask)] == [
        index for index in popular if not mask[index]
    ]
    assert model.popular((), ITEMS, best, mask) == []


def test_a_list_is_ranked_as_the_whole_catalogue_ranks_it(model: Model) -> None:
    hidden = model.replay(None, [8])
    listed = [30, 2, 399, 2, 100]
    expected = [item for item in model.top(hidden, (), ITEMS) if item.index in listed]
    assert same(model.rank(hidden, listed, (), 20), expected)
    assert same(model.rank(hidden, listed, [30], 2), [item for item in expected if item.index != 30][:2])
    assert model.rank(hidden, [], (), 20) == []


def test_a_list_without_a_session_is_ranked_by_popularity(model: Model) -> None:
    best = model.popular((), MAX_TOP)
    unsold = sorted(set(range(ITEMS)) - {item.index for item in model.manifest.popular})
    assert model.popular((), 20, [best[4].index, *unsold[:1], best[1].index]) == [
        best[1],
        best[4],
        *(RankedItem(index, 0.0) for index in unsold[:1]),
    ]
    assert model.popular([best[1].index], 20, [best[4].index, best[1].index]) == [best[4]]


def test_two_models_in_one_process_are_independent(model: Model, demo: Path, tmp_path: Path) -> None:
    hidden = model.replay(None, [3, 1])
    before = model.top(hidden, (), 20)
    other = Model(open_artifact(another_version(demo, tmp_path)))
    other.top(other.replay(None, [5, 9, 2]), (3,), 50)

    assert model.version != other.version
    assert model.top(hidden, (), 20) == before
    assert np.array_equal(model.replay(None, [3, 1]), hidden)


def certificate_of(demo: Path) -> Certificate:
    return open_artifact(demo).certificate()


def test_the_demo_answers_its_whole_certificate(model: Model, demo: Path) -> None:
    certificate = certificate_of(demo)
    assert len(certificate.sessions) >= 20
    model.check(certificate)


def test_other_scores_than_certified_are_refused(model: Model, demo: Path) -> None:
    # A certificate whose last session has another score, beyond and within the tolerance
    certificate = certificate_of(demo)
    golden = certificate.sessions[-1]
    for share, refused in ((0.03, True), (0.01, False)):
        scores = (*golden.scores[:-1], golden.scores[-1] + share * min(golden.scores))
        changed = msgspec.structs.replace(golden, scores=scores)
        tampered = msgspec.structs.replace(certificate, sessions=(*certificate.sessions[:-1], changed))
        if refused:
            with pytest.raises(ArtifactCorrupt, match=f"^{model.version} scores .* its certificate says"):
                model.check(tampered)
            model.check(tampered, 4)  # the first few are as they were
        else:
            model.check(tampered)


def test_other_items_than_certified_are_refused(model: Model, demo: Path) -> None:
    # A certificate that expects another session's items
    first, second = certificate_of(demo).sessions[:2]
    swapped = msgspec.structs.replace(first, items=second.items, types=second.types)
    with pytest.raises(ArtifactCorrupt, match=f"^{model.version} "):
        model.check(Certificate((swapped,), score_tolerance=100.0))


def test_a_certificate_without_sessions_is_not_passed(model: Model) -> None:
    with pytest.raises(ArtifactCorrupt, match=f"^{model.version} recommends 0 of 0 golden items"):
        model.check(Certificate(()))


def first_session(**changes: Any) -> Callable[[Certificate], Certificate]:
    """Change the first golden session of a certificate."""

    def change(certificate: Certificate) -> Certificate:
        first = msgspec.structs.replace(certificate.sessions[0], **changes)
        return msgspec.structs.replace(certificate, sessions=(first, *certificate.sessions[1:]))

    return change


def all_of_it(**changes: Any) -> Callable[[Certificate], Certificate]:
    return lambda certificate: msgspec.structs.replace(certificate, **changes)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (all_of_it(score_tolerance=0.021), "allows scores to differ by 0.021"),
        (all_of_it(score_tolerance=-1.0), "allows scores to differ by -1"),
        (all_of_it(overlap=0.94), "demands 0.94 of the golden items"),
        (all_of_it(overlap=-1.0), "demands -1 of the golden items"),
        (all_of_it(sessions=()), "has 0 golden sessions"),
        (first_session(items=(), types=()), "has a golden session without events"),
        (first_session(top=(), scores=()), "without 20 to 200 golden items"),
        (first_session(top=("tent-008",) * 201, scores=(1.0,) * 201), "without 20 to 200 golden items"),
        (first_session(scores=(1.0,)), "a golden item has no score"),
        (first_session(types=("view",) * 99), "or an event no type"),
        (first_session(items=("no such item",), types=()), "an item that the catalogue does not have"),
    ],
)
def test_a_certificate_below_the_floors_is_refused(
    demo: Path, tmp_path: Path, change: Callable[[Certificate], Certificate], fault: str
) -> None:
    lax = remade(demo, tmp_path, {CERTIFICATE: encode_document(change(certificate_of(demo)))})
    with pytest.raises(ArtifactCorrupt, match=f"{lax.name}.* {fault}"):
        Model(open_artifact(lax))


def test_a_huge_score_of_an_absent_item_does_not_loosen_the_others(model: Model, demo: Path) -> None:
    # GIVEN a golden session with an item that is not recommended, with a huge score, and another wrong score
    certificate = certificate_of(demo)
    golden = certificate.sessions[-1]
    absent = next(i for i in map(model.vocabulary.item_id, range(ITEMS)) if i not in golden.top)
    changed = msgspec.structs.replace(
        golden, top=(absent, *golden.top[1:]), scores=(1e30, *golden.scores[1:-1], golden.scores[-1] + 5)
    )
    tampered = msgspec.structs.replace(certificate, sessions=(*certificate.sessions[:-1], changed))
    with pytest.raises(ArtifactCorrupt, match="scores golden item"):
        model.check(tampered)


@pytest.mark.parametrize("graph", [STEP_GRAPH, SCORE_GRAPH])
@pytest.mark.parametrize("data", [b"", b"no graph at all"], ids=["empty", "garbage"])
def test_a_graph_that_does_not_open_is_corrupt(demo: Path, tmp_path: Path, graph: str, data: bytes) -> None:
    broken = remade(demo, tmp_path, {graph: data})
    with pytest.raises(ArtifactCorrupt, match=f"^{broken.name} cannot be opened by ONNX Runtime"):
        Model(open_artifact(broken))


@pytest.mark.parametrize("byte", [b"\xff", b"\x01"], ids=["nan", "tiny"])
def test_other_weights_are_refused(demo: Path, tmp_path: Path, byte: bytes) -> None:
    weights = byte * (demo / "weights.bin").stat().st_size
    broken = remade(demo, tmp_path, {"weights.bin": weights})
    with pytest.raises(ArtifactCorrupt, match=f"^{broken.name} "):
        Model(open_artifact(broken))


def test_a_catalogue_of_another_size_is_corrupt(demo: Path, tmp_path: Path) -> None:
    write_vocabulary(tmp_path / "other.bin", ["pot", "tea"])
    broken = remade(demo, tmp_path, {VOCABULARY: (tmp_path / "other.bin").read_bytes()})
    with pytest.raises(ArtifactCorrupt, match=f"^{broken.name}: its vocabulary has 2 ids, its manifest 400 items"):
        Model(open_artifact(broken))


@pytest.mark.parametrize("index", [-1, ITEMS])
def test_a_popular_item_outside_the_catalogue_is_corrupt(demo: Path, tmp_path: Path, index: int) -> None:
    broken = edited(demo, tmp_path, lambda document: document["popular"].append([index, 0.0]))
    with pytest.raises(ArtifactCorrupt, match=f"^{broken.name}: its manifest names a popular item that"):
        Model(open_artifact(broken))
