"""Builds the two graphs of an artifact by hand, for parity is proved and not hoped for.

`step`: items int64[t], hidden float32[layers, 1, h] -> hidden; t >= 1, so one graph serves an event and a replay.
`score`: hidden, exclude int64[m], k int64[1] -> scores float32[k], items int64[k]; excluded items come last with -inf.

Knows no run and no session.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from model_export.export.parameters import Parameters, Quantized
from model_export.export.weightsfile import WeightsFile
from nextitem.manifest import SCORE_GRAPH, STEP_GRAPH, WEIGHTS

OPSET = 21
IR_VERSION = 10
"""Read by ONNX Runtime 1.20 and later."""

ACCURACY_LEVEL = 4
"""`MatMulNBits` on int8 activations: without it, it is some twenty times slower."""

_MICROSOFT = "com.microsoft"
_ZERO_POINT = 128.0


def write_graphs(folder: Path, parameters: Parameters, quantized: Quantized | None) -> None:
    """Write `step.onnx`, `score.onnx` and their common weights file.

    Args:
        folder: where to.
        parameters: the network.
        quantized: its table in 8 bits; None writes the fp32 graphs that the quantized ones are compared with.
    """
    with WeightsFile(folder / WEIGHTS) as weights:
        if quantized is None:
            weights.add("table", parameters.table)
            weights.add("table_t", np.ascontiguousarray(parameters.table.T))
        else:
            weights.add("codes", quantized.codes)
            weights.add("scales", quantized.scales)
        for number, layer in enumerate(parameters.layers):
            for name, values in (("w", layer.w), ("r", layer.r), ("b", layer.b)):
                weights.add(f"{name}{number}", values)
    for name, model in (
        (STEP_GRAPH, _step(weights, parameters, quantized)),
        (SCORE_GRAPH, _score(weights, parameters, quantized)),
    ):
        (folder / name).write_bytes(model.SerializeToString(deterministic=True))


def _step(weights: WeightsFile, parameters: Parameters, quantized: Quantized | None) -> ModelProto:
    hidden = parameters.hidden
    if quantized is None:
        initializers = [weights.tensor("table")]
        nodes = [helper.make_node("Gather", ["table", "items"], ["rows"])]
    else:
        initializers = [
            weights.tensor("codes"),
            weights.tensor("scales"),
            _constant("zero_point", np.array(_ZERO_POINT, np.float32)),
            _constant("blocks", np.array([0, -1, quantized.block])),
            _constant("last", np.array([2])),
        ]
        nodes = [
            helper.make_node("Gather", ["codes", "items"], ["row_codes"]),
            helper.make_node("Cast", ["row_codes"], ["row_floats"], to=TensorProto.FLOAT),
            helper.make_node("Sub", ["row_floats", "zero_point"], ["row_levels"]),
            helper.make_node("Reshape", ["row_levels", "blocks"], ["row_blocks"]),
            helper.make_node("Gather", ["scales", "items"], ["row_scales"]),
            helper.make_node("Unsqueeze", ["row_scales", "last"], ["block_scales"]),
            helper.make_node("Mul", ["row_blocks", "block_scales"], ["rows"]),
        ]
    initializers.append(_constant("sequence", np.array([-1, 1, hidden])))
    if len(parameters.layers) > 1:
        initializers.append(_constant("layer_axis", np.array([1])))
    nodes.append(helper.make_node("Reshape", ["rows", "sequence"], ["x0"]))
    initializers.append(_constant("layer_of_state", np.array([0])))
    last = len(parameters.layers) - 1
    for number in range(last + 1):
        initializers += [weights.tensor(f"{name}{number}") for name in "wrb"]
        initializers += [
            _constant(f"from{number}", np.array([number])),
            _constant(f"to{number}", np.array([number + 1])),
        ]
        state_in = [f"x{number}", f"w{number}", f"r{number}", f"b{number}", "", f"h{number}"]
        sequence = f"y{number}" if number < last else ""  # the last layer's sequence feeds nothing
        nodes += [
            helper.make_node("Slice", ["hidden", f"from{number}", f"to{number}", "layer_of_state"], [f"h{number}"]),
            helper.make_node("GRU", state_in, [sequence, f"end{number}"], hidden_size=hidden, linear_before_reset=1),
        ]
        if number < last:
            nodes.append(helper.make_node("Squeeze", [sequence, "layer_axis"], [f"x{number + 1}"]))
    ends = [f"end{number}" for number in range(last + 1)]
    nodes.append(helper.make_node("Concat", ends, ["hidden_after"], axis=0))
    state = [len(parameters.layers), 1, hidden]
    inputs = [_value("items", TensorProto.INT64, ["t"]), _value("hidden", TensorProto.FLOAT, state)]
    return _model("step", nodes, inputs, [_value("hidden_after", TensorProto.FLOAT, state)], initializers)


def _score(weights: WeightsFile, parameters: Parameters, quantized: Quantized | None) -> ModelProto:
    items, hidden = parameters.table.shape
    initializers = [
        _constant("top_layer", np.array([-1])),
        _constant("flat", np.array([1, hidden])),
        _constant("lowest", np.array(-np.inf, np.float32)),
        _constant("one_axis", np.array([-1])),
    ]
    nodes = [
        helper.make_node("Gather", ["hidden", "top_layer"], ["state_3d"], axis=0),
        helper.make_node("Reshape", ["state_3d", "flat"], ["state"]),
    ]
    state = "state"
    if parameters.normalised:
        initializers.append(_constant("scale", np.array(parameters.scale, np.float32)))
        nodes += [
            helper.make_node("LpNormalization", ["state"], ["unit"], axis=-1, p=2),
            helper.make_node("Mul", ["unit", "scale"], ["scaled"]),
        ]
        state = "scaled"
    if quantized is None:
        initializers.append(weights.tensor("table_t"))
        nodes.append(helper.make_node("MatMul", [state, "table_t"], ["all_2d"]))
    else:
        initializers += [
            weights.tensor("codes", [items, hidden // quantized.block, quantized.block]),
            weights.tensor("scales", [items * (hidden // quantized.block)]),
        ]
        nodes.append(
            helper.make_node(
                "MatMulNBits",
                [state, "codes", "scales"],
                ["all_2d"],
                domain=_MICROSOFT,
                K=hidden,
                N=items,
                bits=8,
                block_size=quantized.block,
                accuracy_level=ACCURACY_LEVEL,
            )
        )
    nodes += [
        helper.make_node("Reshape", ["all_2d", "one_axis"], ["all"]),
        helper.make_node("Shape", ["exclude"], ["excluded"]),
        helper.make_node("Expand", ["lowest", "excluded"], ["barred"]),
        helper.make_node("ScatterElements", ["all", "exclude", "barred"], ["eligible"], axis=0),
        helper.make_node("TopK", ["eligible", "k"], ["scores", "items"], axis=0, largest=1, sorted=1),
    ]
    inputs = [
        _value("hidden", TensorProto.FLOAT, [len(parameters.layers), 1, hidden]),
        _value("exclude", TensorProto.INT64, ["m"]),
        _value("k", TensorProto.INT64, [1]),
    ]
    outputs = [_value("scores", TensorProto.FLOAT, ["top"]), _value("items", TensorProto.INT64, ["top"])]
    return _model("score", nodes, inputs, outputs, initializers)


def _model(
    name: str,
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    initializers: Sequence[TensorProto],
) -> ModelProto:
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="nextitem")


def _value(name: str, kind: int, shape: Sequence[int | str]) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _constant(name: str, values: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> TensorProto:
    kind = TensorProto.FLOAT if values.dtype == np.float32 else TensorProto.INT64
    return helper.make_tensor(name, kind, values.shape, values.tobytes(), raw=True)
