"""Build the two graphs of an artifact.

`step`: items int64[t], hidden float32[layers, 1, h], new_rows float32[c, h] -> hidden. t >= 1, so one graph serves an
event and a replay. A model of several types of events also takes types int64[t].

`score`: hidden, only int64[n], exclude int64[m], unavailable bool[items + c or 0], k int64[1], new_rows float32[c, h]
-> scores float32[k], items int64[k]: the best of `only`, or of the whole catalogue if `only` is empty. A score is the
logarithm of the probability that the item is the next one, where the run has a calibration. Excluded and unavailable
items, and padding (item -1), come last with -inf. A third output, item_rows float32[at least n, h], has
the rows of `only` that were scored: those of the table, and some row in the place of a new item. With a session memory
the graph also takes session int64[s], the session's items, oldest first.

`new_rows` are the rows of c items that the table does not have; c may be 0. They are on the scale of the table's rows:
of unit length where scores are cosines. These items have the indices from `items` on, in all inputs and outputs.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto

from model_export.export.memory_graph import Recalled, blend_scores, recall, store_memory
from model_export.export.new_items import NewItems
from model_export.export.onnx.builder import GraphBuilder, Value
from model_export.export.onnx.parameters import Parameters
from model_export.export.onnx.weights_file import Floats, WeightsFile
from model_export.export.schemes.rows import LAST_ROWS
from model_export.export.schemes.scheme import PreparedScheme, Query, Scheme
from model_export.export.schemes.slots import any_unavailable
from model_export.export.schemes.top_k import sorted_distinct
from nextitem.model.manifest import SCORE_GRAPH, STEP_GRAPH, WEIGHTS

_TYPES = "type_rows"
_INFINITY = float("inf")


@dataclass(frozen=True)
class WrittenGraphs:
    """A pair of graphs in a folder.

    Attributes:
        prepared: the scheme of the score graph.
        nodes: nodes of the score graph that run for an answer from the whole catalogue.
    """

    prepared: PreparedScheme
    nodes: int


def write_graphs(folder: Path, parameters: Parameters, scheme: Scheme, states: Floats) -> WrittenGraphs:
    """Write `step.onnx`, `score.onnx` and their common weights file.

    Args:
        folder: an existing folder.
        parameters: the network.
        scheme: the scoring scheme.
        states: float32[n, hidden], states as they are scored, to calibrate the scheme with.
    """
    with WeightsFile(folder / WEIGHTS) as weights:
        prepared = scheme.prepare(weights, parameters.table, states)
        for number, layer in enumerate(parameters.layers):
            for name, values in (("w", layer.w), ("r", layer.r), ("b", layer.b)):
                weights.add(f"{name}{number}", values)
        if parameters.types is not None:
            weights.add(_TYPES, parameters.types)
        if parameters.memory is not None:
            store_memory(weights, parameters.memory)
    score, nodes = _ScoreGraph(GraphBuilder(weights), parameters, prepared).build()
    for name, model in ((STEP_GRAPH, _step_model(weights, parameters, prepared)), (SCORE_GRAPH, score)):
        (folder / name).write_bytes(model.SerializeToString(deterministic=True))
    return WrittenGraphs(prepared, nodes)


def _step_model(weights: WeightsFile, parameters: Parameters, prepared: PreparedScheme) -> ModelProto:
    graph = GraphBuilder(weights)
    shape = [len(parameters.layers), 1, parameters.hidden]
    items = graph.input("items", TensorProto.INT64, ["t"])
    hidden = graph.input("hidden", TensorProto.FLOAT, shape)
    new = NewItems.read(graph, len(parameters.table), parameters.hidden)
    rows = new.rows_of(items, prepared.rows)
    if parameters.types is not None:
        rows = rows + graph.stored(_TYPES).gather(graph.input("types", TensorProto.INT64, ["t"]))
    sequence = rows.reshape(-1, 1, parameters.hidden)
    axis, last_states = graph.constant([0]), []
    for number in range(len(parameters.layers)):
        before = hidden.slice(number, number + 1, axis)
        layer = [graph.stored(f"{name}{number}") for name in "wrb"]
        states, last_state = graph.nodes_of(
            "GRU", [sequence, *layer, None, before], 2, hidden_size=parameters.hidden, linear_before_reset=1
        )
        last_states.append(last_state)
        if number + 1 < len(parameters.layers):
            sequence = graph.node("Squeeze", states, [1])
    graph.output("hidden_after", graph.concat(*last_states), TensorProto.FLOAT, shape)
    return graph.model("step")


class _ScoreGraph:
    """Builds the score graph."""

    def __init__(self, graph: GraphBuilder, parameters: Parameters, prepared: PreparedScheme) -> None:
        self._graph, self._parameters, self._prepared = graph, parameters, prepared

    def build(self) -> tuple[ModelProto, int]:
        """Return the graph, and the number of nodes that run for an answer from the whole catalogue."""
        graph = self._graph
        hidden = graph.input("hidden", TensorProto.FLOAT, [len(self._parameters.layers), 1, self._parameters.hidden])
        only = graph.input("only", TensorProto.INT64, ["n"])
        exclude = graph.input("exclude", TensorProto.INT64, ["m"])
        unavailable = graph.input("unavailable", TensorProto.BOOL, ["w"])
        k = graph.input("k", TensorProto.INT64, [1])
        new = NewItems.read(graph, len(self._parameters.table), self._parameters.hidden)
        state = self._state(hidden)
        column = state.reshape(self._parameters.hidden, 1)
        memory, recalled = self._parameters.memory, None
        if memory is not None:
            recalled = recall(graph, memory, graph.input("session", TensorProto.INT64, ["s"]), new.total())

        query = Query(k, exclude.shape(), unavailable)
        with graph.branch() as from_catalogue:
            known = replace(query, unavailable=unavailable.slice(0, new.known))
            best, best_scores = new.appended(*self._candidates(state, known, recalled), column)
        with graph.branch() as from_list:
            listed = only.identity()
        with graph.branch(from_catalogue):
            best = best.identity()
        with graph.branch(from_list):
            listed_scores, listed_rows = new.scores_of(only, column, lambda items: self._listed(state, items))
        with graph.branch(from_catalogue):
            no_rows = graph.constant(np.empty((0, self._parameters.hidden), np.float32)).identity()
        is_listed = only.size() > 0
        choices = (listed, best), (listed_scores, best_scores), (listed_rows, no_rows)
        items, scores, rows = graph.choice(is_listed, from_list, from_catalogue, *choices)
        if memory is not None and recalled is not None:
            scores = blend_scores(graph, memory, recalled, items, scores)
        self._output_best(items, scores, exclude, query)
        graph.output("item_rows", rows, TensorProto.FLOAT, ["rows", self._parameters.hidden])
        return graph.model("score"), len(graph.nodes) + len(from_catalogue)

    def _state(self, hidden: Value) -> Value:
        """Return the state as it is multiplied with rows, float32[1, hidden]."""
        parameters = self._parameters
        state = hidden.gather([-1], axis=0).reshape(parameters.networks, parameters.hidden // parameters.networks)
        if parameters.normalised:
            state = self._graph.node("LpNormalization", state, axis=-1, p=2)
        if parameters.scale != 1.0:
            state = state * parameters.scale
        return state.reshape(1, parameters.hidden)

    def _candidates(self, state: Value, query: Query, recalled: Recalled | None) -> tuple[Value, Value]:
        """Return items among which the catalogue's best are, and the network's scores of them."""
        if recalled is None:
            candidates = self._prepared.candidates(self._graph, state, query)
            return candidates.items, candidates.scores or self._exact_scores(state, candidates.items)
        # One more candidate, because a blend may lower the score of the newest event's item.
        candidates = self._prepared.candidates(self._graph, state, replace(query, excluded=query.excluded + 1))
        # Ascending, so that of equal scores the lower index comes first.
        items = sorted_distinct(self._graph.concat(candidates.items, recalled.items))
        # All from rows: scores of the scheme's own pass would differ a little from those of recalled items.
        return items, self._exact_scores(state, items.max(0))

    def _exact_scores(self, state: Value, items: Value) -> Value:
        """Return the scores of some items from their rows, float32[n]."""
        return self._scored_rows(state, items)[0]

    def _listed(self, state: Value, items: Value) -> tuple[Value, Value]:
        """Return the scores of some items, float32[n], and their rows with padding, float32[n + 3, hidden]."""
        scores, stored = self._scored_rows(state, items)
        return scores, self._prepared.rows.restored(stored)

    def _scored_rows(self, state: Value, items: Value) -> tuple[Value, Value]:
        """Return the scores of some items, float32[n], and their stored rows with padding, float32[n + 3, hidden]."""
        padded = self._graph.concat(items, np.zeros(LAST_ROWS, np.int64))
        stored = self._prepared.rows.gather(self._graph, padded)
        column = self._prepared.rows.scaled(state.reshape(self._parameters.hidden, 1))
        return (stored @ column).reshape(-1).slice(0, -LAST_ROWS), stored

    def _output_best(self, items: Value, scores: Value, exclude: Value, query: Query) -> None:
        """Output the best k items; excluded and unavailable items come last."""
        # -1 (no item) is excluded too, so that the list to compare with is never empty.
        excluded = self._graph.concat(exclude, [-1])
        equal = items.unsqueeze(1).equals(excluded).cast(TensorProto.UINT8)
        is_excluded = equal.reduce("Max", 1, keepdims=False).cast(TensorProto.BOOL)
        available = self._without_unavailable(scores, items, query.unavailable)
        eligible = is_excluded.select(-_INFINITY, available)
        best_scores, places = eligible.top_k(query.k.min(items.shape()))
        self._graph.output("scores", self._calibrated(best_scores), TensorProto.FLOAT, ["top"])
        self._graph.output("items", items.gather(places), TensorProto.INT64, ["top"])

    def _calibrated(self, scores: Value) -> Value:
        """Return the logarithms of the probabilities of some scores, in the same order; -inf stays."""
        calibration = self._parameters.calibration
        if calibration is None:
            return scores
        below = (scores - calibration.level) * (-1.0 / calibration.temperature)
        return self._graph.node("Softplus", below) * -1.0

    def _without_unavailable(self, scores: Value, items: Value, unavailable: Value) -> Value:
        """Return the scores of some items, -inf for unavailable ones."""
        with self._graph.branch() as masked:
            is_unavailable = unavailable.gather(items.max([0]))
            left = is_unavailable.select(-_INFINITY, scores)
        condition = any_unavailable(unavailable)
        with self._graph.branch() as unmasked:
            same = scores.identity()
        return self._graph.choice(condition, masked, unmasked, (left, same))[0]
