"""The best of many scores, found by blocks, are the first of a stable sort."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto
from onnxruntime import InferenceSession

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.top_k import BLOCK, padded_slots, top_k


@pytest.mark.parametrize(("slots", "kind"), [(1, "float32"), (300, "int32"), (65_537, "float32"), (262_144, "int32")])
def test_equals_a_stable_sort(tmp_path: Path, slots: int, kind: str) -> None:
    slots = padded_slots(slots) if slots > 300 else slots
    scores = np.random.default_rng(0).integers(0, 5000, slots).astype(kind)
    with WeightsFile(tmp_path / "weights.bin") as weights:
        graph = GraphBuilder(weights)
        scores_input = graph.input("scores", {"int32": TensorProto.INT32, "float32": TensorProto.FLOAT}[kind], [slots])
        count_input = graph.input("count", TensorProto.INT64, [1])
        graph.output("places", top_k(scores_input, slots, count_input)[0], TensorProto.INT64, ["n"])
        unordered, _ = top_k(scores_input, slots, count_input, ordered=False)
        graph.output("unordered", unordered, TensorProto.INT64, ["n"])
    session = InferenceSession(graph.model("best").SerializeToString())
    order = np.argsort(-scores, kind="stable")
    for count in (20, 700, slots + 9):
        places, unordered_places = session.run(None, {"scores": scores, "count": np.array([count])})
        assert places.tolist() == order[:count].tolist()
        assert sorted(unordered_places) == sorted(order[:count])


@pytest.mark.parametrize("items", [1, 65_536, 65_537, 65_664, 1_000_001])
def test_padding_is_less_than_a_block(items: int) -> None:
    assert items <= padded_slots(items) < items + BLOCK
    assert items <= 65_536 or padded_slots(items) % BLOCK == 0
