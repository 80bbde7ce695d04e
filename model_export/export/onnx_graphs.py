"""Builds the two graphs of an artifact.

`step`: items int64[t], hidden float32[layers, 1, h] -> hidden; t >= 1, so one graph serves an event and a replay.
`score`: hidden, only int64[n], exclude int64[m], unavailable bool[items or 0], k int64[1] -> scores float32[k], items
int64[k]: the best of `only`, or of the whole catalogue where that is empty. What is no item (an excluded or unavailable
one, padding) comes last with -inf. With a session memory it also takes session int64[s], the session's items, oldest
first.

Knows no run and no session, and no particular scoring scheme.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper

from model_export.export.memory_graph import Recalled, blended, recalled, store
from model_export.export.onnx.builder import GraphBuilder, other
from model_export.export.onnx.parameters import Parameters
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.scheme import Floats, Prepared, Scheme, Wanted
from model_export.export.schemes.top_k import ascending
from nextitem.model.manifest import SCORE_GRAPH, STEP_GRAPH, WEIGHTS

_LAST_ROWS = 3


@dataclass(frozen=True)
class Written:
    """What was written: what the scheme prepared, and how many nodes of `score` the whole catalogue's answer takes."""

    prepared: Prepared
    nodes: int


def write_graphs(folder: Path, parameters: Parameters, scheme: Scheme, states: Floats) -> Written:
    """Write `step.onnx`, `score.onnx` and their common weights file.

    Args:
        folder: where to.
        parameters: the network.
        scheme: how the catalogue is scored.
        states: float32[n, hidden], states as they are scored, to calibrate the scheme by.

    """
    with WeightsFile(folder / WEIGHTS) as weights:
        prepared = scheme.prepare(weights, parameters.table, states)
        for number, layer in enumerate(parameters.layers):
            for name, values in (("w", layer.w), ("r", layer.r), ("b", layer.b)):
                weights.add(f"{name}{number}", values)
        if parameters.memory is not None:
            store(weights, parameters.memory)
    score, nodes = _score(weights, parameters, prepared)
    for name, model in ((STEP_GRAPH, _step(weights, parameters, prepared)), (SCORE_GRAPH, score)):
        (folder / name).write_bytes(model.SerializeToString(deterministic=True))
    return Written(prepared, nodes)


def _step(weights: WeightsFile, parameters: Parameters, prepared: Prepared) -> ModelProto:
    graph = GraphBuilder(weights)
    shape = [len(parameters.layers), 1, parameters.hidden]
    items = graph.input("items", TensorProto.INT64, ["t"])
    hidden = graph.input("hidden", TensorProto.FLOAT, shape)
    rows = prepared.rows.gather(graph, items)
    sequence = graph.node("Reshape", [rows, graph.constant([-1, 1, parameters.hidden])])
    axis, ends = graph.constant([0]), []
    for number in range(len(parameters.layers)):
        bounds = graph.constant([number]), graph.constant([number + 1])
        before = graph.node("Slice", [hidden, *bounds, axis])
        layer = [graph.stored(f"{name}{number}") for name in "wrb"]
        whole = graph.node(
            "GRU", [sequence, *layer, "", before], 2, hidden_size=parameters.hidden, linear_before_reset=1
        )
        ends.append(other(whole, 1))
        if number + 1 < len(parameters.layers):
            sequence = graph.node("Squeeze", [whole, graph.constant([1])])
    graph.rename(graph.node("Concat", ends, axis=0), "hidden_after")
    return graph.model("step", [helper.make_tensor_value_info("hidden_after", TensorProto.FLOAT, shape)])


def _score(weights: WeightsFile, parameters: Parameters, prepared: Prepared) -> tuple[ModelProto, int]:
    graph = GraphBuilder(weights)
    hidden = graph.input("hidden", TensorProto.FLOAT, [len(parameters.layers), 1, parameters.hidden])
    only = graph.input("only", TensorProto.INT64, ["n"])
    exclude = graph.input("exclude", TensorProto.INT64, ["m"])
    unavailable = graph.input("unavailable", TensorProto.BOOL, ["w"])
    k = graph.input("k", TensorProto.INT64, [1])
    state = _state(graph, parameters, hidden)
    memory = parameters.memory
    remembered = None
    if memory is not None:
        remembered = recalled(graph, memory, graph.input("session", TensorProto.INT64, ["s"]))

    listed = graph.branch()
    every = graph.branch()
    wanted = Wanted(k, graph.node("Shape", [exclude]), unavailable)
    whole = _whole(every, parameters, prepared, state, wanted, remembered)
    pairs = (
        (listed.node("Identity", [only]), every.node("Identity", [whole[0]])),
        (_rescored(listed, parameters, prepared, state, only), whole[1]),
    )
    some = graph.node("Greater", [graph.node("Size", [only]), graph.constant(0)])
    items, scores = graph.choice(some, listed, every, pairs)
    if memory is not None and remembered is not None:
        scores = blended(graph, memory, remembered, items, scores)

    # -1, that is no item, is barred like the excluded ones; so there is always one to compare with.
    bars = graph.node("Concat", [exclude, graph.constant([-1])], axis=0)
    pair = graph.node("Equal", [graph.node("Unsqueeze", [items, graph.constant([1])]), bars])
    equal = graph.node("Cast", [pair], to=TensorProto.UINT8)
    barred = graph.node(
        "Cast", [graph.node("ReduceMax", [equal, graph.constant([1])], keepdims=0)], to=TensorProto.BOOL
    )
    left = _without(graph, scores, items, unavailable)
    eligible = graph.node("Where", [barred, graph.constant(float("-inf")), left])
    top = graph.node("TopK", [eligible, graph.node("Min", [k, graph.node("Shape", [items])])], 2)
    graph.rename(top, "scores")
    graph.rename(graph.node("Gather", [items, other(top, 1)]), "items")
    outputs = (("scores", TensorProto.FLOAT), ("items", TensorProto.INT64))
    values = [helper.make_tensor_value_info(name, kind, ["top"]) for name, kind in outputs]
    return graph.model("score", values), len(graph.nodes) + len(every.nodes)


def _without(graph: GraphBuilder, scores: str, items: str, unavailable: str) -> str:
    """Return the scores of some items, -inf for unavailable ones."""
    some, none = graph.branch(), graph.branch()
    real = some.node("Max", [items, some.constant([0])])
    barred = some.node("Gather", [unavailable, real])
    left = some.node("Where", [barred, some.constant(float("-inf")), scores])
    any_unavailable = graph.node("Greater", [graph.node("Size", [unavailable]), graph.constant(0)])
    return graph.choice(any_unavailable, some, none, [(left, none.node("Identity", [scores]))])[0]


def _whole(
    graph: GraphBuilder,
    parameters: Parameters,
    prepared: Prepared,
    state: str,
    wanted: Wanted,
    remembered: Recalled | None,
) -> tuple[str, str]:
    """Items among which the catalogue's best are, and the network's scores of them."""
    if remembered is None:
        found = prepared.candidates(graph, state, wanted)
        return found.items, found.scores or _rescored(graph, parameters, prepared, state, found.items)
    # One more: a blend may put the newest event's item down.
    barred = graph.node("Add", [wanted.barred, graph.constant(1)])
    found = prepared.candidates(graph, state, replace(wanted, barred=barred))
    twice = graph.node("Gather", [remembered.listed, graph.node("Max", [found.items, graph.constant(0)])])
    others = graph.node("Where", [twice, graph.constant(-1), found.items])
    # Ascending: of equal scores the lower index is to come first.
    items = graph.node("Concat", [others, remembered.items], axis=0)
    items = ascending(graph, items, graph.node("Shape", [items]))
    # The pass's own scores would do for some of them, and be a little off those of the others.
    return items, _rescored(graph, parameters, prepared, state, graph.node("Max", [items, graph.constant(0)]))


def _state(graph: GraphBuilder, parameters: Parameters, hidden: str) -> str:
    top_layer = graph.node("Gather", [hidden, graph.constant([-1])], axis=0)
    state = graph.node("Reshape", [top_layer, graph.constant([1, parameters.hidden])])
    if not parameters.normalised:
        return state
    unit = graph.node("LpNormalization", [state], axis=-1, p=2)
    return graph.node("Mul", [unit, graph.constant(parameters.scale)])


def _rescored(graph: GraphBuilder, parameters: Parameters, prepared: Prepared, state: str, items: str) -> str:
    # ONNX Runtime sums the last rows, up to three, in another order: equal rows would differ by where they stand.
    padded = graph.node("Concat", [items, graph.constant(np.zeros(_LAST_ROWS, np.int64))], axis=0)
    rows = prepared.rows.gather(graph, padded)
    column = graph.node("Reshape", [state, graph.constant([parameters.hidden, 1])])
    scores = graph.node("Reshape", [graph.node("MatMul", [rows, column]), graph.constant([-1])])
    return graph.node("Slice", [scores, graph.constant([0]), graph.constant([-_LAST_ROWS])])
