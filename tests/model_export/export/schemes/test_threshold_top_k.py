"""About the best of many scores: no better score is left out, and there are as many as are needed."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from onnx import TensorProto
from onnxruntime import InferenceSession

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.threshold_top_k import STEP, WIDTH, top_by_threshold
from model_export.export.schemes.top_k import BLOCK

Find = Callable[[NDArray[np.int32], int], NDArray[np.int64]]
SLOTS = 313 * BLOCK


@pytest.fixture(scope="module")
def find(tmp_path_factory: pytest.TempPathFactory) -> Find:
    """Finds about `count` slots of scores, and at least a quarter of that."""
    with WeightsFile(tmp_path_factory.mktemp("threshold") / "weights.bin") as weights:
        graph = GraphBuilder(weights)
        scores = graph.input("scores", TensorProto.INT32, ["n"])
        count, least = (graph.input(name, TensorProto.INT64, [1]) for name in ("count", "least"))
        graph.output("slots", top_by_threshold(scores, SLOTS, count, least, BLOCK), TensorProto.INT64, ["m"])
    session = InferenceSession(graph.model("best").SerializeToString())

    def run(scores: NDArray[np.int32], count: int) -> NDArray[np.int64]:
        (slots,) = session.run(None, {"scores": scores, "count": np.array([count]), "least": np.array([count // 4])})
        return np.asarray(slots, np.int64)

    return run


def check_best(slots: NDArray[np.int64], scores: NDArray[np.int32], count: int) -> None:
    """Check that slots are ascending and enough, and that no better score is left out."""
    assert (np.diff(slots) > 0).all()
    left = np.delete(scores, slots)
    assert not left.size or not slots.size or left.max() <= scores[slots].min()
    assert len(slots) >= min(count // 4, len(scores))


@pytest.mark.parametrize("count", [1, 100, 1000])
def test_finds_about_as_many_as_are_wanted(find: Find, count: int) -> None:
    for seed in range(20):
        scores = np.random.default_rng(seed).integers(-(1 << 20), 1 << 20, SLOTS).astype(np.int32)
        slots = find(scores, count)
        check_best(slots, scores, count)
        assert abs(len(slots) - count) <= 5 * np.sqrt(STEP * count) + STEP


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_leaves_out_no_better_score(find: Find, data: st.DataObject) -> None:
    # Mostly equal scores, with others anywhere.
    blocks = data.draw(st.integers(1, 80))
    scores = data.draw(arrays(np.int32, blocks * WIDTH, elements=st.integers(-9, 9), fill=st.just(0)))
    count = data.draw(st.integers(1, 1600))
    check_best(find(scores, count), scores, count)


@pytest.mark.parametrize("better", ["none", "only in the sample", "never in the sample"])
def test_works_with_a_useless_sample(find: Find, better: str) -> None:
    scores = np.zeros(SLOTS, np.int32)
    if better != "none":
        in_sample = np.arange(SLOTS) % STEP == 0
        is_better = in_sample if better == "only in the sample" else ~in_sample
        scores[is_better] = np.random.default_rng(3).integers(1, 1000, is_better.sum())
    slots = find(scores, 264)
    check_best(slots, scores, 264)
    assert len(slots) <= 2 * WIDTH * 264
