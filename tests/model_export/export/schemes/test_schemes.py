"""What every scoring scheme promises, each over a catalogue that fills no block."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

from model_export.export.onnx.parameters import Parameters, parameters_of
from model_export.export.onnx_graphs import write_graphs
from model_export.export.schemes.fp32 import Fp32
from model_export.export.schemes.ivf import Ivf
from model_export.export.schemes.nbits import EightBit, FourBit
from model_export.export.schemes.scan import Scan
from model_export.export.schemes.scheme import Scheme
from nextitem.model.manifest import MAX_TOP, SCORE_GRAPH
from tests.model_export.tiny import random_run

HIDDEN = 32
ITEMS = 70_001
"""More than TopK takes without blocks, and one more than whole blocks."""
TWIN = 69_998
"""An item whose row is that of the items 7 and 40,000 too."""

Floats = NDArray[np.float32]


class Scorer:
    """A score graph at work."""

    def __init__(self, folder: Path, scheme: Scheme, parameters: Parameters, states: Floats) -> None:
        write_graphs(folder, parameters, scheme, parameters.scored(states))
        options = SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = InferenceSession(str(folder / SCORE_GRAPH), options)
        self.parameters = parameters

    def top(
        self,
        state: Floats,
        k: int = 20,
        exclude: Sequence[int] = (),
        only: Sequence[int] = (),
        unavailable: Sequence[int] = (),
    ) -> tuple[list[int], list[float]]:
        """Items and scores, without those that are no item."""
        mask = np.zeros(len(self.parameters.table) if unavailable else 0, np.bool_)
        mask[list(unavailable)] = True
        feeds = {
            "unavailable": mask,
            "hidden": state.reshape(1, 1, -1),
            "only": np.array(only, np.int64),
            "exclude": np.array(exclude, np.int64),
            "k": np.array([k]),
        }
        scores, items = self._session.run(None, feeds)
        kept = np.isfinite(scores)
        return items[kept].tolist(), scores[kept].tolist()

    def exact(self, state: Floats) -> Floats:
        """The score of every item in float64, rounded."""
        scored = self.parameters.scored(state[None])[0].astype(np.float64)
        return np.asarray(self.parameters.table.astype(np.float64) @ scored, np.float32)


def clustered(items: int, hidden: int = HIDDEN) -> tuple[Parameters, Floats]:
    """A table of a few directions with a little noise, as training leaves it, and states that lie among them."""
    rng = np.random.default_rng(5)
    axes = rng.standard_normal((6, hidden), np.float32)
    table = rng.standard_normal((items, 6), np.float32) @ axes + 0.1 * rng.standard_normal((items, hidden), np.float32)
    if items > TWIN:
        table[[40_000, TWIN]] = table[7]
    states = rng.standard_normal((60, 6), np.float32) @ axes
    return parameters_of(random_run(items, hidden, table=table)), states


class SchemeContract:
    """What any scheme promises; subclasses give `scheme`, and how far its scores may be off."""

    scheme: Scheme
    off = 1e-3
    """Largest error of a score, as a share of the largest score."""
    overlap = 0.99

    @pytest.fixture(scope="class")
    @classmethod
    def given(cls, tmp_path_factory: pytest.TempPathFactory) -> tuple[Scorer, Floats]:
        parameters, states = clustered(ITEMS)
        return Scorer(tmp_path_factory.mktemp("scheme"), cls.scheme, parameters, states), states[:20]

    def test_it_finds_the_best(self, given: tuple[Scorer, Floats]) -> None:
        # GIVEN a table with structure
        scorer, states = given
        shared = 0
        for state in states:
            # WHEN the best are asked for
            items, scores = scorer.top(state)
            # THEN they come by descending score, and their scores are what they should be
            exact = scorer.exact(state)
            assert scores == sorted(scores, reverse=True)
            np.testing.assert_allclose(scores, exact[items], atol=self.off * np.abs(exact).max())
            shared += len(set(items) & set(np.argsort(-exact, kind="stable")[:20].tolist()))
        # AND nearly all of the best are among them
        assert shared >= self.overlap * 20 * len(states)

    @pytest.mark.parametrize("k", [1, 20, MAX_TOP])
    def test_excluded_items_make_room_for_others(self, given: tuple[Scorer, Floats], k: int) -> None:
        # GIVEN the best items
        scorer, states = given
        items, _ = scorer.top(states[0], k)
        assert len(set(items)) == k
        # WHEN they are excluded, some of them twice, and many more beside
        others = np.argsort(-scorer.exact(states[0]))[:500].tolist()
        barred = {*items, *others}
        left, _ = scorer.top(states[0], k, exclude=[*others, *items])
        # THEN as many others come
        assert len(set(left)) == k
        assert not barred & set(left)
        assert all(0 <= item < ITEMS for item in left)

    def test_unavailable_items_are_as_if_they_were_not_there(self, given: tuple[Scorer, Floats]) -> None:
        # GIVEN every other item, and the best 200
        scorer, states = given
        exact = scorer.exact(states[3])
        order = np.argsort(-exact, kind="stable")
        unavailable = sorted({*range(0, ITEMS, 2), *order[:200].tolist()})
        gone = set(unavailable)
        left = [item for item in order.tolist() if item not in gone]
        # WHEN they are unavailable, and the next one is excluded
        items, scores = scorer.top(states[3], 20, unavailable=unavailable, exclude=left[:1])
        # THEN the best of the others come, with their scores
        best = left[1:21]
        assert len(set(items)) == 20
        assert not set(unavailable) & set(items)
        assert len(set(items) & set(best)) >= 20 * self.overlap - 1
        np.testing.assert_allclose(scores, exact[items], atol=self.off * np.abs(exact).max())

    @pytest.mark.parametrize("share", [0.05, 0.6, 0.97])
    def test_whatever_share_is_unavailable_the_best_others_are_found(
        self, given: tuple[Scorer, Floats], share: float
    ) -> None:
        # GIVEN some share of the catalogue unavailable, by chance
        scorer, states = given
        gone = np.random.default_rng(6).random(ITEMS) < share
        unavailable = np.flatnonzero(gone).tolist()
        shared = 0
        for state in states:
            # WHEN the best are asked for
            items, _ = scorer.top(state, unavailable=unavailable)
            # THEN twenty available ones come
            assert len(set(items)) == 20
            assert not gone[items].any()
            exact = np.where(gone, -np.inf, scorer.exact(state))
            shared += len(set(items) & set(np.argsort(-exact, kind="stable")[:20].tolist()))
        # AND nearly all of the best are among them
        assert shared >= self.overlap * 20 * len(states)

    def test_where_the_best_alone_are_unavailable_the_next_ones_come(self, given: tuple[Scorer, Floats]) -> None:
        # GIVEN more of the best items than a short list holds, and nothing else, unavailable
        scorer, states = given
        order = np.argsort(-scorer.exact(states[4]), kind="stable")
        # WHEN the best are asked for
        items, _ = scorer.top(states[4], 20, unavailable=order[:1500].tolist())
        # THEN twenty of those right after them come: so far down, scores lie close together
        assert len(set(items)) == 20
        assert set(items) <= set(order[1500:1560].tolist())

    def test_a_list_holds_no_unavailable_item(self, given: tuple[Scorer, Floats]) -> None:
        scorer, states = given
        items, _ = scorer.top(states[1], 10, only=[3, 4, 5, 6], unavailable=[4, 5])
        assert sorted(items) == [3, 6]

    def test_where_nearly_all_is_unavailable_the_rest_comes(self, given: tuple[Scorer, Floats]) -> None:
        scorer, states = given
        left = [0, 1, 64, 127, 128, ITEMS - 1]
        unavailable = sorted(set(range(ITEMS)) - set(left))
        assert sorted(scorer.top(states[1], 20, unavailable=unavailable)[0]) == left
        assert scorer.top(states[1], 20, unavailable=range(ITEMS))[0] == []

    def test_of_equal_scores_the_lower_index_is_first(self, given: tuple[Scorer, Floats]) -> None:
        # GIVEN three items with the same row, and states that like it best, more or less
        scorer, states = given
        row, twins = scorer.parameters.table[7], [7, 40_000, TWIN]
        for number, state in enumerate(states):
            liking = row + 0.02 * np.linalg.norm(row) / np.linalg.norm(state) * state
            # WHEN the best are asked for, of all items or of a list of any length
            for k in (3, 20):
                items, scores = scorer.top(liking, k)
                few, _ = scorer.top(liking, k, only=sorted({*twins, *range(100, 120 + number)}))
                # THEN they come by their index
                assert items[:3] == twins == few[:3]
                assert scores[0] == scores[1] == scores[2]

    def test_a_list_is_ranked_by_itself(self, given: tuple[Scorer, Floats]) -> None:
        # GIVEN some items, among them the worst of all
        scorer, states = given
        exact = scorer.exact(states[1])
        order = np.argsort(-exact)
        listed = sorted([int(order[-1]), int(order[0]), *range(500, 560)])
        # WHEN only these are to be ranked, one of them excluded
        items, scores = scorer.top(states[1], 100, exclude=[510], only=listed)
        # THEN all others come, by their scores
        assert sorted(items) == [item for item in listed if item != 510]
        assert items[0] == order[0]
        assert items[-1] == order[-1]
        np.testing.assert_allclose(scores, exact[items], atol=self.off * np.abs(exact).max())
        # AND no more than were asked for
        assert scorer.top(states[1], 5, exclude=[510], only=listed)[0] == items[:5]

    def test_the_whole_catalogue_can_be_ranked(self, given: tuple[Scorer, Floats]) -> None:
        # GIVEN a catalogue
        scorer, states = given
        # WHEN as many items are asked for as there are
        items, _ = scorer.top(states[2], ITEMS, exclude=[3])
        # THEN each comes once, and nothing that is no item
        assert sorted(items) == [item for item in range(ITEMS) if item != 3]

    @pytest.mark.parametrize("count", [1, 2, 127, 128, 129, 1000])
    def test_small_catalogues_are_answered_whole(self, tmp_path: Path, count: int) -> None:
        # GIVEN a catalogue around the size of a block
        parameters, states = clustered(count)
        scorer = Scorer(tmp_path, self.scheme, parameters, states)
        # WHEN all but one of its items are asked for, and more
        items, _ = scorer.top(states[0], count + 5, exclude=[count - 1])
        # THEN they come
        assert sorted(items) == list(range(count - 1))

    @pytest.mark.parametrize("count", [5, 257])
    def test_no_padding_stands_before_the_worst_items(self, tmp_path: Path, count: int) -> None:
        # GIVEN a catalogue that nearly a whole block of padding follows
        parameters, states = clustered(count, 256)
        scorer = Scorer(tmp_path, self.scheme, parameters, states[20:])
        for state in states[:20]:
            order = np.argsort(-scorer.exact(state), kind="stable").tolist()
            # WHEN all but the worst are excluded, or unavailable
            # THEN these come
            assert sorted(scorer.top(state, 5, exclude=order[:-5])[0]) == sorted(order[-5:])
            assert sorted(scorer.top(state, 20, unavailable=order[:-20])[0]) == sorted(order[-20:])

    def test_a_state_of_zeros_gives_items_too(self, given: tuple[Scorer, Floats]) -> None:
        # GIVEN a state that tells nothing
        scorer, _ = given
        # WHEN the best are asked for
        items, scores = scorer.top(np.zeros(HIDDEN, np.float32), MAX_TOP)
        # THEN some come by their index, none better than another
        assert len(set(items)) == MAX_TOP
        assert items == sorted(items)
        assert set(scores) == {0.0}


class TestFp32(SchemeContract):
    scheme = Fp32()
    off = 1e-6
    overlap = 1.0


class TestFp32ByRows(TestFp32):
    scheme = Fp32(by_rows=True)


class TestEightBit(SchemeContract):
    scheme = EightBit()
    off = 0.02
    overlap = 0.9


class TestFourBit(SchemeContract):
    scheme = FourBit()


class TestEightBitRescored(SchemeContract):
    scheme = Scan(dims=None, candidates=64)


class TestTruncated(SchemeContract):
    scheme = Scan(dims=8, candidates=256)


class TestIvf(SchemeContract):
    scheme = Ivf(percent=5, dims=16, candidates=1000)
    overlap = 0.95


def test_an_inverted_file_leaves_small_catalogues_alone() -> None:
    # GIVEN a scheme that looks into some blocks WHEN a catalogue has few or many items
    scheme = Ivf(percent=5)
    # THEN it is tried on the many only
    assert "pays from 250000 items on" in scheme.refusal(249_999, 128)
    assert scheme.refusal(250_000, 128) == ""
