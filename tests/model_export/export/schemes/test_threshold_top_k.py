"""About the best of many scores: none better is left out, and there are as many as are needed."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnxruntime import InferenceSession

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.threshold_top_k import STEP, WIDTH, about
from model_export.export.schemes.top_k import BLOCK

Find = Callable[[NDArray[np.int32], int], NDArray[np.int64]]
SLOTS = 313 * BLOCK


@pytest.fixture(scope="module")
def find(tmp_path_factory: pytest.TempPathFactory) -> Find:
    """The slots found among scores, of which about so many are wanted, and a quarter asked for."""
    with WeightsFile(tmp_path_factory.mktemp("threshold") / "weights.bin") as weights:
        graph = GraphBuilder(weights)
        scores = graph.input("scores", TensorProto.INT32, ["n"])
        count = graph.input("count", TensorProto.INT64, [1])
        places = about(graph, scores, SLOTS, count, graph.input("asked", TensorProto.INT64, [1]), BLOCK)
    output = helper.make_tensor_value_info(places, TensorProto.INT64, ["m"])
    session = InferenceSession(graph.model("about", [output]).SerializeToString())

    def run(scores: NDArray[np.int32], count: int) -> NDArray[np.int64]:
        (found,) = session.run(None, {"scores": scores, "count": np.array([count]), "asked": np.array([count // 4])})
        return np.asarray(found, np.int64)

    return run


def holds(found: NDArray[np.int64], scores: NDArray[np.int32], count: int) -> None:
    """Each slot once and ascending, none better left out, and no fewer than were asked for."""
    assert (np.diff(found) > 0).all()
    left = np.delete(scores, found)
    assert not left.size or not found.size or left.max() <= scores[found].min()
    assert len(found) >= min(count // 4, len(scores))


@pytest.mark.parametrize("count", [1, 100, 264, 1000])
def test_about_as_many_are_found_as_are_wanted(find: Find, count: int) -> None:
    for seed in range(20):
        # GIVEN scores in no order
        scores = np.random.default_rng(seed).integers(-(1 << 20), 1 << 20, SLOTS).astype(np.int32)
        # WHEN the best are looked for
        found = find(scores, count)
        # THEN they are the best, and about so many
        holds(found, scores, count)
        assert abs(len(found) - count) <= 5 * np.sqrt(STEP * count) + STEP


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_the_scores_none_better_is_left_out(find: Find, data: st.DataObject) -> None:
    # GIVEN few blocks or many, of scores that are mostly equal, with others anywhere
    blocks = data.draw(st.integers(1, 80))
    scores = data.draw(arrays(np.int32, blocks * WIDTH, elements=st.integers(-9, 9), fill=st.just(0)))
    count = data.draw(st.integers(1, 1600))
    # WHEN the best are looked for
    # THEN they are the best, and enough
    holds(find(scores, count), scores, count)


@pytest.mark.parametrize("where", ["alike", "only in the sample", "never in the sample"])
def test_a_sample_that_tells_nothing_costs_no_answer(find: Find, where: str) -> None:
    # GIVEN scores that are all the same, or good ones that the sample has all or none of
    scores = np.zeros(SLOTS, np.int32)
    if where != "alike":
        sampled = np.arange(SLOTS) % STEP == 0
        better = sampled if where == "only in the sample" else ~sampled
        scores[better] = np.random.default_rng(3).integers(1, 1000, better.sum())
    # WHEN the best are looked for
    found = find(scores, 264)
    # THEN they are the best, and the list stays short
    holds(found, scores, 264)
    assert len(found) <= 2 * WIDTH * 264
