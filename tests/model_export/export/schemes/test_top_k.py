"""The best of many scores by blocks is what a sort gives, ties included."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnxruntime import InferenceSession

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.top_k import BLOCK, best, padded

KINDS = {"int32": TensorProto.INT32, "float32": TensorProto.FLOAT}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("slots", [1, 300, padded(65_537), padded(262_144), padded(300_000)])
def test_the_best_are_those_of_a_stable_sort(tmp_path: Path, slots: int, kind: str) -> None:
    # GIVEN scores of which many are equal
    scores = np.random.default_rng(0).integers(0, 5000, slots).astype(kind)
    with WeightsFile(tmp_path / "weights.bin") as weights:
        graph = GraphBuilder(weights)
        given = graph.input("given", KINDS[kind], [slots])
        count_given = graph.input("count", TensorProto.INT64, [1])
        places, values = best(graph, given, slots, count_given)
        unordered, _ = best(graph, given, slots, count_given, ordered=False)
    outputs = [helper.make_tensor_value_info(one, TensorProto.INT64, ["n"]) for one in (places, unordered)]
    outputs.append(helper.make_tensor_value_info(values, KINDS[kind], ["n"]))
    session = InferenceSession(graph.model("best", outputs).SerializeToString())
    order = np.argsort(-scores, kind="stable")
    for count in (1, 20, 700, slots, slots + 9):
        # WHEN some of the best are asked for
        found, any_order, best_scores = session.run(None, {"given": scores, "count": np.array([count])})
        # THEN they are the first of a stable sort
        assert found.tolist() == order[:count].tolist()
        assert best_scores.tolist() == scores[order[:count]].tolist()
        # AND the same ones where no order is wanted
        assert sorted(any_order) == sorted(order[:count])


@pytest.mark.parametrize("items", [1, 65_536, 65_537, 65_664, 1_000_001])
def test_padding_is_less_than_a_block(items: int) -> None:
    # GIVEN any catalogue
    # WHEN it is padded
    # THEN nothing is cut, and no more is added than to fill a block, where there are blocks
    assert items <= padded(items) < items + BLOCK
    assert items <= 65_536 or padded(items) % BLOCK == 0
