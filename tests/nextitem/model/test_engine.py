"""The demo model at work: replay, ranking, exclusion, popularity, and the certificate that lets it serve."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.errors import ArtifactCorrupt
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model, RankedItem
from nextitem.model.manifest import (
    CERTIFICATE,
    MAX_TOP,
    SCORE_GRAPH,
    STEP_GRAPH,
    VOCABULARY,
    Certificate,
    encode_document,
)
from nextitem.model.vocabulary import write_vocabulary
from tests.nextitem.parts import STEADY, another_version, remade

ITEMS = 400
"""The demo model's catalogue."""
PARITY = 1e-5
INDICES = st.integers(0, ITEMS - 1)


@STEADY
@given(st.lists(INDICES, min_size=1, max_size=64), st.data())
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
    # GIVEN a hidden state WHEN the best are asked for, some items excluded, repeatedly perhaps
    hidden = model.replay(None, items)
    ranked = model.top(hidden, exclude, limit)

    # THEN they are the best of the whole ranking without them, as many as there are
    whole = model.top(hidden, (), MAX_TOP)
    best = [one for one in whole if one.index not in exclude]
    assert ranked[: len(best)] == best[: len(ranked)]
    assert len(ranked) == min(limit, ITEMS - len(set(exclude)))
    assert not {one.index for one in ranked} & set(exclude)
    assert len({one.index for one in ranked}) == len(ranked)
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)


def test_where_few_are_eligible_few_are_answered(model: Model) -> None:
    hidden = model.replay(None, [3])
    assert {one.index for one in model.top(hidden, range(ITEMS - 3), MAX_TOP)} == {397, 398, 399}
    assert len(model.top(hidden, (), ITEMS + 1)) == ITEMS
    assert model.top(hidden, range(ITEMS), 20) == []


def test_of_equal_scores_the_lower_index_comes_first(model: Model) -> None:
    # GIVEN a hidden state of zeros, for which every item has the same score
    hidden = np.zeros(64, np.float32)

    # THEN they come in the order of their indices
    assert [one.index for one in model.top(hidden, (), MAX_TOP)] == list(range(MAX_TOP))
    assert [one.index for one in model.top(hidden, (0, 2), 4)] == [1, 3, 4, 5]


def test_the_popular_are_the_training_data_s_best_sellers(model: Model) -> None:
    best = model.popular((), MAX_TOP)
    shares = [one.score for one in best]
    assert len(best) == MAX_TOP
    assert shares == sorted(shares, reverse=True)
    assert 0 < shares[-1] <= shares[0] < 1
    assert model.popular([best[0].index, best[2].index], 2) == [best[1], best[3]]
    assert model.popular(range(ITEMS), 5) == []


def test_after_the_best_sellers_come_others(model: Model) -> None:
    # GIVEN a model whose manifest names few best sellers WHEN more are asked for, two of them barred
    few = tuple(model.manifest.popular[:5])
    model.manifest = msgspec.structs.replace(model.manifest, popular=few)
    found = model.popular([few[0].index, few[2].index], 20)
    # THEN the other best sellers come first, and others after them, each once
    assert [one.index for one in found[:3]] == [few[1].index, few[3].index, few[4].index]
    assert len({one.index for one in found} - {few[0].index, few[2].index}) == 20
    assert {one.score for one in found[3:]} == {0.0}


def same(found: list[RankedItem], expected: list[RankedItem]) -> bool:
    """Whether rankings are the same but for the last bits of sums that were added up in another order."""
    return [one.index for one in found] == [one.index for one in expected] and [
        one.score for one in found
    ] == pytest.approx([one.score for one in expected], rel=PARITY)


def test_unavailable_items_are_as_if_they_were_not_there(model: Model, demo: Path) -> None:
    # GIVEN a model whose items are all available
    one = Model(open_artifact(demo))
    hidden = model.replay(None, [3, 5])
    whole = model.top(hidden, (), MAX_TOP)
    best = [each.index for each in whole[:30:2]]

    # WHEN some items become unavailable, an unknown one among them
    one.set_unavailable([*map(model.vocabulary.item_id, best), "no such item"])

    # THEN no answer has them, whatever is asked, and all else is as it was
    left = [each for each in whole if each.index not in best]
    assert one.top(hidden, (), 20) == left[:20]
    assert one.top(hidden, [left[0].index], 20) == left[1:21]
    assert same(one.rank(hidden, [best[0], left[2].index, left[1].index], (), 9), left[1:3])
    assert not {each.index for each in one.popular((), MAX_TOP)} & set(best)
    one.check(one.certificate)  # golden sessions are those of the export

    # WHEN they are available again THEN it is as before
    one.set_unavailable([])
    assert one.top(hidden, (), MAX_TOP) == whole


def test_a_list_is_ranked_as_the_whole_catalogue_ranks_it(model: Model) -> None:
    hidden = model.replay(None, [8])
    listed = [30, 2, 399, 2, 100]
    expected = [one for one in model.top(hidden, (), ITEMS) if one.index in listed]
    assert same(model.rank(hidden, listed, (), 20), expected)
    assert same(model.rank(hidden, listed, [30], 2), [one for one in expected if one.index != 30][:2])
    assert model.rank(hidden, [], (), 20) == []


def test_a_list_of_which_nothing_tells_is_ranked_by_popularity(model: Model) -> None:
    best = model.popular((), MAX_TOP)
    unsold = sorted(set(range(ITEMS)) - {one.index for one in model.manifest.popular})
    assert model.popular((), 20, [best[4].index, *unsold[:1], best[1].index]) == [
        best[1],
        best[4],
        *(RankedItem(index, 0.0) for index in unsold[:1]),
    ]
    assert model.popular([best[1].index], 20, [best[4].index, best[1].index]) == [best[4]]


def test_models_side_by_side_share_nothing(model: Model, demo: Path, tmp_path: Path) -> None:
    # GIVEN what one model answers WHEN another is opened and steps other sessions
    hidden = model.replay(None, [3, 1])
    before = model.top(hidden, (), 20)
    other = Model(open_artifact(another_version(demo, tmp_path)))
    other.top(other.replay(None, [5, 9, 2]), (3,), 50)

    # THEN it answers the same again, from the same state and from the start
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
    # GIVEN a certificate whose last session has another score, by more and by less than it tolerates
    certificate = certificate_of(demo)
    golden = certificate.sessions[-1]
    for share, refused in ((0.03, True), (0.01, False)):
        scores = (*golden.scores[:-1], golden.scores[-1] + share * golden.scores[0])
        changed = msgspec.structs.replace(golden, scores=scores)
        tampered = msgspec.structs.replace(certificate, sessions=(*certificate.sessions[:-1], changed))
        if refused:
            with pytest.raises(ArtifactCorrupt, match=f"^{model.version} scores .* its certificate says"):
                model.check(tampered)
            model.check(tampered, 4)  # the first few are as they were
        else:
            model.check(tampered)


def test_other_items_than_certified_are_refused(model: Model, demo: Path) -> None:
    # GIVEN a certificate that expects the items that another session's visitor wants
    first, second = certificate_of(demo).sessions[:2]
    swapped = msgspec.structs.replace(first, items=second.items)
    with pytest.raises(ArtifactCorrupt, match=f"^{model.version} "):
        model.check(Certificate((swapped,), score_tolerance=100.0))


def test_an_empty_certificate_certifies_nothing(model: Model) -> None:
    with pytest.raises(ArtifactCorrupt, match="0 of 0"):
        model.check(Certificate(()))


def test_a_certificate_whose_scores_are_incomplete_is_refused(demo: Path, tmp_path: Path) -> None:
    certificate = certificate_of(demo)
    short = msgspec.structs.replace(certificate.sessions[0], scores=certificate.sessions[0].scores[:-1])
    changed = remade(demo, tmp_path, {CERTIFICATE: encode_document(Certificate((short,)))})
    with pytest.raises(ArtifactCorrupt, match=rf"certificate\.json of {changed.name}"):
        Model(open_artifact(changed))


@pytest.mark.parametrize("graph", [STEP_GRAPH, SCORE_GRAPH])
@pytest.mark.parametrize("data", [b"", b"no graph at all"], ids=["empty", "garbage"])
def test_a_graph_that_does_not_open_is_corrupt(demo: Path, tmp_path: Path, graph: str, data: bytes) -> None:
    # GIVEN an artifact whose digests are right and whose graph was never one
    broken = remade(demo, tmp_path, {graph: data})
    with pytest.raises(ArtifactCorrupt, match=f"^{broken.name} cannot be opened by ONNX Runtime"):
        Model(open_artifact(broken))


def test_weights_that_answer_otherwise_are_refused(demo: Path, tmp_path: Path) -> None:
    weights = bytearray((demo / "weights.bin").read_bytes())
    weights[:25_600] = weights[:25_600][::-1]  # the item table, 400 x 64 bytes
    broken = remade(demo, tmp_path, {"weights.bin": bytes(weights)})
    with pytest.raises(ArtifactCorrupt, match=f"^{broken.name} "):
        Model(open_artifact(broken))


def test_a_catalogue_of_another_size_is_corrupt(demo: Path, tmp_path: Path) -> None:
    write_vocabulary(tmp_path / "other.bin", ["pot", "tea"])
    broken = remade(demo, tmp_path, {VOCABULARY: (tmp_path / "other.bin").read_bytes()})
    with pytest.raises(ArtifactCorrupt, match=f"^{broken.name}: 2 ids for 400 items"):
        Model(open_artifact(broken))


def test_scores_that_are_no_numbers_are_refused(demo: Path, tmp_path: Path) -> None:
    # GIVEN weights whose floats are all NaN, and a certificate that forgives any other items
    certificate = msgspec.structs.replace(certificate_of(demo), overlap=0.0)
    weights = b"\xff" * (demo / "weights.bin").stat().st_size
    broken = remade(demo, tmp_path, {"weights.bin": weights, CERTIFICATE: encode_document(certificate)})
    with pytest.raises(ArtifactCorrupt, match=f"^{broken.name} scores .* nan"):
        Model(open_artifact(broken))
