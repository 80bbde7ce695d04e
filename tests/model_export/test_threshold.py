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

from model_export.export.builder import GraphBuilder
from model_export.export.schemes.selection import BLOCK
from model_export.export.schemes.threshold import SHARE, WIDTH, about
from model_export.export.weightsfile import WeightsFile

Find = Callable[[NDArray[np.int32], int], NDArray[np.int64]]
SLOTS = 313 * BLOCK


@pytest.fixture(scope="module")
def find(tmp_path_factory: pytest.TempPathFactory) -> Find:
    """The slots found among scores, with so many blocks of the sample wanted."""
    with WeightsFile(tmp_path_factory.mktemp("threshold") / "weights.bin") as weights:
        graph = GraphBuilder(weights)
        scores = graph.input("scores", TensorProto.INT32, ["n"])
        places = about(graph, scores, SLOTS, graph.input("sampled", TensorProto.INT64, [1]), BLOCK)
    output = helper.make_tensor_value_info(places, TensorProto.INT64, ["m"])
    session = InferenceSession(graph.model("about", [output]).SerializeToString())

    def run(scores: NDArray[np.int32], sampled: int) -> NDArray[np.int64]:
        (found,) = session.run(None, {"scores": scores, "sampled": np.array([sampled])})
        return np.asarray(found, np.int64)

    return run


def holds(found: NDArray[np.int64], scores: NDArray[np.int32], sampled: int) -> None:
    """Each slot once and ascending, none better left out, and no fewer than were wanted of the sample."""
    assert (np.diff(found) > 0).all()
    left = np.delete(scores, found)
    assert not left.size or not found.size or left.max() <= scores[found].min()
    assert len(found) >= min(sampled, len(scores))


@pytest.mark.parametrize("sampled", [1, 26, 66, 250])
def test_about_as_many_are_found_as_are_wanted(find: Find, sampled: int) -> None:
    for seed in range(20):
        # GIVEN scores in no order
        scores = np.random.default_rng(seed).integers(-(1 << 20), 1 << 20, SLOTS).astype(np.int32)
        # WHEN the best are looked for
        found = find(scores, sampled)
        # THEN they are the best, and about so many
        holds(found, scores, sampled)
        assert len(found) <= 4 * SHARE * sampled


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_the_scores_none_better_is_left_out(find: Find, data: st.DataObject) -> None:
    # GIVEN few blocks or many, of scores that are mostly equal, with others anywhere
    blocks = data.draw(st.integers(1, 80))
    scores = data.draw(arrays(np.int32, blocks * WIDTH, elements=st.integers(-9, 9), fill=st.just(0)))
    sampled = data.draw(st.integers(1, 400))
    # WHEN the best are looked for
    # THEN they are the best, and enough
    holds(find(scores, sampled), scores, sampled)


@pytest.mark.parametrize("where", ["alike", "only in the sample", "never in the sample"])
def test_a_sample_that_tells_nothing_costs_no_answer(find: Find, where: str) -> None:
    # GIVEN scores that are all the same, or good ones that the sample has all or none of
    scores = np.zeros((SLOTS // WIDTH // SHARE, SHARE, WIDTH), np.int32)
    rng = np.random.default_rng(3)
    if where != "alike":
        better = slice(0, 1) if where == "only in the sample" else slice(1, None)
        scores[:, better] = rng.integers(1, 1000, scores[:, better].shape)
    flat = scores.reshape(-1)
    # WHEN the best are looked for
    found = find(flat, 66)
    # THEN they are the best, and the list stays short
    holds(found, flat, 66)
    assert len(found) <= 2 * SHARE * WIDTH * 66
