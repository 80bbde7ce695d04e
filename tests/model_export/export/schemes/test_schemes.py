"""The contract of every scoring scheme, with a catalogue whose last block is not full."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

from model_export.export.build_graphs import write_graphs
from model_export.export.onnx.parameters import Parameters, parameters_of
from model_export.export.schemes.fp32 import Fp32
from model_export.export.schemes.ivf import Ivf
from model_export.export.schemes.nbits import EightBit, FourBit
from model_export.export.schemes.scan import Scan
from model_export.export.schemes.scheme import Scheme
from nextitem.model.manifest import MAX_TOP, SCORE_GRAPH
from tests.model_export.tiny import random_run

HIDDEN = 32
ITEMS = 70_001
"""More items than TopK takes without blocks, and one more than whole blocks."""
TWIN = 69_998
"""An item with the same row as the items 7 and 40,000."""

Floats = NDArray[np.float32]


class Scorer:
    """An opened score graph."""

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
        """The best items and their scores, without padding and excluded items."""
        mask = np.zeros(len(self.parameters.table) if unavailable else 0, np.bool_)
        mask[list(unavailable)] = True
        feeds = {
            "unavailable": mask,
            "hidden": state.reshape(1, 1, -1),
            "only": np.array(only, np.int64),
            "exclude": np.array(exclude, np.int64),
            "k": np.array([k]),
            "new_rows": np.empty((0, self.parameters.hidden), np.float32),
        }
        scores, items, self.rows = self._session.run(None, feeds)
        kept = np.isfinite(scores)
        return items[kept].tolist(), scores[kept].tolist()

    def rows_of(self, items: Sequence[int]) -> Floats:
        """The rows of some items as the graph reads them."""
        self.top(np.zeros(self.parameters.hidden, np.float32), only=items)
        return np.asarray(self.rows[: len(items)], np.float32)

    def exact(self, state: Floats) -> Floats:
        """The score of every item, computed in float64."""
        scored = self.parameters.scored(state[None])[0].astype(np.float64)
        return np.asarray(self.parameters.table.astype(np.float64) @ scored, np.float32)


def clustered(items: int, hidden: int = HIDDEN) -> tuple[Parameters, Floats]:
    """A table of a few directions with a little noise, like a trained one, and states in these directions."""
    rng = np.random.default_rng(5)
    axes = rng.standard_normal((6, hidden), np.float32)
    table = rng.standard_normal((items, 6), np.float32) @ axes + 0.1 * rng.standard_normal((items, hidden), np.float32)
    if items > TWIN:
        table[[40_000, TWIN]] = table[7]
    states = rng.standard_normal((60, 6), np.float32) @ axes
    return parameters_of(random_run(items, hidden, table=table)), states


class SchemeContract:
    """The contract of a scheme. Subclasses set `scheme` and the allowed errors."""

    scheme: Scheme
    off = 1e-3
    """Largest error of a score, as a share of the largest score."""
    overlap = 0.99

    @pytest.fixture(scope="class")
    @classmethod
    def opened(cls, tmp_path_factory: pytest.TempPathFactory) -> tuple[Scorer, Floats]:
        parameters, states = clustered(ITEMS)
        return Scorer(tmp_path_factory.mktemp("scheme"), cls.scheme, parameters, states), states[:20]

    def test_finds_the_best(self, opened: tuple[Scorer, Floats]) -> None:
        scorer, states = opened
        shared = 0
        for state in states:
            items, scores = scorer.top(state)
            exact = scorer.exact(state)
            assert scores == sorted(scores, reverse=True)
            np.testing.assert_allclose(scores, exact[items], atol=self.off * np.abs(exact).max())
            shared += len(set(items) & set(np.argsort(-exact, kind="stable")[:20].tolist()))
        assert shared >= self.overlap * 20 * len(states)

    def test_shows_the_rows_of_a_list(self, opened: tuple[Scorer, Floats]) -> None:
        scorer, _ = opened
        listed = [ITEMS - 1, 0, 7, 40_000, 7]
        rows = scorer.parameters.table[listed]
        np.testing.assert_allclose(scorer.rows_of(listed), rows, atol=self.off * np.abs(rows).max() * HIDDEN**0.5)

    @pytest.mark.parametrize("k", [1, 20, MAX_TOP])
    def test_answers_k_items_beside_excluded_ones(self, opened: tuple[Scorer, Floats], k: int) -> None:
        scorer, states = opened
        items, _ = scorer.top(states[0], k)
        assert len(set(items)) == k
        others = np.argsort(-scorer.exact(states[0]))[:500].tolist()
        barred = {*items, *others}
        left, _ = scorer.top(states[0], k, exclude=[*others, *items])
        assert len(set(left)) == k
        assert not barred & set(left)
        assert all(0 <= item < ITEMS for item in left)

    def test_finds_the_best_available_items(self, opened: tuple[Scorer, Floats]) -> None:
        scorer, states = opened
        exact = scorer.exact(states[3])
        order = np.argsort(-exact, kind="stable")
        unavailable = sorted({*range(0, ITEMS, 2), *order[:200].tolist()})
        gone = set(unavailable)
        left = [item for item in order.tolist() if item not in gone]
        items, scores = scorer.top(states[3], 20, unavailable=unavailable, exclude=left[:1])
        best = left[1:21]
        assert len(set(items)) == 20
        assert not set(unavailable) & set(items)
        assert len(set(items) & set(best)) >= 20 * self.overlap - 1
        np.testing.assert_allclose(scores, exact[items], atol=self.off * np.abs(exact).max())

    @pytest.mark.parametrize("share", [0.05, 0.6, 0.97])
    def test_finds_the_best_whatever_share_is_unavailable(self, opened: tuple[Scorer, Floats], share: float) -> None:
        scorer, states = opened
        gone = np.random.default_rng(6).random(ITEMS) < share
        unavailable = np.flatnonzero(gone).tolist()
        shared = 0
        for state in states[:8]:
            items, _ = scorer.top(state, unavailable=unavailable)
            assert len(set(items)) == 20
            assert not gone[items].any()
            exact = np.where(gone, -np.inf, scorer.exact(state))
            shared += len(set(items) & set(np.argsort(-exact, kind="stable")[:20].tolist()))
        assert shared >= self.overlap * 20 * 8

    def test_finds_the_next_best_if_the_best_are_unavailable(self, opened: tuple[Scorer, Floats]) -> None:
        scorer, states = opened
        order = np.argsort(-scorer.exact(states[4]), kind="stable")
        items, _ = scorer.top(states[4], 20, unavailable=order[:1500].tolist())
        # So far down, scores lie close together.
        assert len(set(items)) == 20
        assert set(items) <= set(order[1500:1560].tolist())

    def test_a_list_leaves_out_unavailable_items(self, opened: tuple[Scorer, Floats]) -> None:
        scorer, states = opened
        items, _ = scorer.top(states[1], 10, only=[3, 4, 5, 6], unavailable=[4, 5])
        assert sorted(items) == [3, 6]

    def test_answers_the_few_available_items(self, opened: tuple[Scorer, Floats]) -> None:
        scorer, states = opened
        left = [0, 1, 64, 127, 128, ITEMS - 1]
        unavailable = sorted(set(range(ITEMS)) - set(left))
        assert sorted(scorer.top(states[1], 20, unavailable=unavailable)[0]) == left
        assert scorer.top(states[1], 20, unavailable=range(ITEMS))[0] == []

    def test_of_equal_scores_the_lower_index_comes_first(self, opened: tuple[Scorer, Floats]) -> None:
        scorer, states = opened
        row, twins = scorer.parameters.table[7], [7, 40_000, TWIN]
        for number, state in enumerate(states[:8]):
            towards = row + 0.02 * np.linalg.norm(row) / np.linalg.norm(state) * state
            for k in (3, 20):
                items, scores = scorer.top(towards, k)
                few, _ = scorer.top(towards, k, only=sorted({*twins, *range(100, 120 + number)}))
                assert items[:3] == twins == few[:3]
                assert scores[0] == scores[1] == scores[2]

    def test_ranks_a_list(self, opened: tuple[Scorer, Floats]) -> None:
        scorer, states = opened
        exact = scorer.exact(states[1])
        order = np.argsort(-exact)
        listed = sorted([int(order[-1]), int(order[0]), *range(500, 560)])
        items, scores = scorer.top(states[1], 100, exclude=[510], only=listed)
        assert sorted(items) == [item for item in listed if item != 510]
        assert items[0] == order[0]
        assert items[-1] == order[-1]
        np.testing.assert_allclose(scores, exact[items], atol=self.off * np.abs(exact).max())
        assert scorer.top(states[1], 5, exclude=[510], only=listed)[0] == items[:5]

    def test_ranks_the_whole_catalogue(self, opened: tuple[Scorer, Floats]) -> None:
        scorer, states = opened
        items, _ = scorer.top(states[2], ITEMS, exclude=[3])
        assert sorted(items) == [item for item in range(ITEMS) if item != 3]

    @pytest.mark.parametrize("count", [1, 127, 128, 129])
    def test_answers_a_whole_small_catalogue(self, tmp_path: Path, count: int) -> None:
        parameters, states = clustered(count)
        scorer = Scorer(tmp_path, self.scheme, parameters, states)
        items, _ = scorer.top(states[0], count + 5, exclude=[count - 1])
        assert sorted(items) == list(range(count - 1))

    @pytest.mark.parametrize("count", [5, 257])
    def test_padding_never_displaces_items(self, tmp_path: Path, count: int) -> None:
        parameters, states = clustered(count, 256)
        scorer = Scorer(tmp_path, self.scheme, parameters, states[20:])
        for state in states[:20]:
            order = np.argsort(-scorer.exact(state), kind="stable").tolist()
            assert sorted(scorer.top(state, 5, exclude=order[:-5])[0]) == sorted(order[-5:])
            assert sorted(scorer.top(state, 20, unavailable=order[:-20])[0]) == sorted(order[-20:])

    def test_a_state_of_zeros_gives_items(self, opened: tuple[Scorer, Floats]) -> None:
        scorer, _ = opened
        items, scores = scorer.top(np.zeros(HIDDEN, np.float32), MAX_TOP)
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


def test_an_inverted_file_refuses_small_catalogues() -> None:
    scheme = Ivf(percent=5)
    assert "pays from 250000 items on" in scheme.refusal(249_999, 128)
    assert scheme.refusal(250_000, 128) == ""
