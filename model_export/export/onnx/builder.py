"""Writes one ONNX graph node by node, its large tensors into the common weights file. Knows no model.

Graphs are built by hand because parity is to be proved and not hoped for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from model_export.export.onnx.weights_file import WeightsFile

OPSET = 21
IR_VERSION = 10
"""Read by ONNX Runtime 1.20 and later."""

MICROSOFT = "com.microsoft"

_KINDS = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.bool_): TensorProto.BOOL,
}


@dataclass
class _Held:
    """What a graph and its branches hold together: the whole graph has it."""

    initializers: dict[str, TensorProto] = field(default_factory=dict)
    inputs: list[ValueInfoProto] = field(default_factory=list)
    made: int = 0


class GraphBuilder:
    """A graph in the making. Values are known by their names; each verb returns the name of what it makes."""

    def __init__(self, weights: WeightsFile, held: _Held | None = None) -> None:
        self._weights = weights
        self._held = held or _Held()
        self.nodes: list[NodeProto] = []

    def node(self, kind: str, inputs: Sequence[str], outputs: int = 1, *, domain: str = "", **settings: Any) -> str:
        """Add a node and return its first output; the others are named by `other`."""
        name = self._name(kind.lower())
        names = [name, *(other(name, at) for at in range(1, outputs))]
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **settings))
        return name

    def rename(self, value: str, name: str) -> None:
        """Give a value the name that the outside knows it by."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))

    def constant(self, values: "NDArray[np.generic] | Sequence[int] | int | float") -> str:
        """Hold a small tensor in the graph itself: whole numbers become int64, a float float32."""
        array = np.asarray(values, np.float32 if isinstance(values, float) else None)
        name = self._name("constant")
        kind = _KINDS[array.dtype]
        self._held.initializers[name] = helper.make_tensor(name, kind, array.shape, array.tobytes(), raw=True)
        return name

    def stored(self, name: str, shape: Sequence[int] | None = None, *, mapped: bool = False) -> str:
        """Refer to a tensor of the weights file.

        Args:
            name: as it was added.
            shape: its own, or another of the same size.
            mapped: keep ONNX Runtime from repacking it into memory of the process: as an input with a default it is
                no constant, so that it stays in the mapped file, is shared between processes and costs no time to open.
        """
        alias = name if shape is None else f"{name}_{'x'.join(map(str, shape))}"
        if alias not in self._held.initializers:
            tensor = self._weights.tensor(name, shape)
            tensor.name = alias
            self._held.initializers[alias] = tensor
            if mapped:
                self._held.inputs.append(helper.make_tensor_value_info(alias, tensor.data_type, list(tensor.dims)))
        return alias

    def input(self, name: str, kind: int, shape: Sequence[int | str]) -> str:
        """Declare an input of the graph."""
        self._held.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def branch(self) -> "GraphBuilder":
        """Return a builder of a subgraph that sees this graph's values."""
        return GraphBuilder(self._weights, self._held)

    def choice(
        self, condition: str, then: "GraphBuilder", otherwise: "GraphBuilder", outputs: Sequence[Sequence[str]]
    ) -> list[str]:
        """Run one of two branches.

        Args:
            condition: a bool.
            then: the branch of true.
            otherwise: that of false.
            outputs: for each output its value in `then` and in `otherwise`.

        Returns:
            The outputs' names.
        """
        graphs = [
            helper.make_graph(
                branch.nodes, name, [], [helper.make_empty_tensor_value_info(pair[at]) for pair in outputs]
            )
            for at, (name, branch) in enumerate((("then", then), ("otherwise", otherwise)))
        ]
        first = self.node("If", [condition], len(outputs), then_branch=graphs[0], else_branch=graphs[1])
        return [first, *(other(first, at) for at in range(1, len(outputs)))]

    def model(self, name: str, outputs: Iterable[ValueInfoProto]) -> ModelProto:
        """Return the whole."""
        graph: GraphProto = helper.make_graph(
            self.nodes, name, self._held.inputs, list(outputs), list(self._held.initializers.values())
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="nextitem")

    def _name(self, kind: str) -> str:
        self._held.made += 1
        return f"{kind}_{self._held.made}"


def other(name: str, at: int) -> str:
    """Return the name of a node's output but the first."""
    return f"{name}_{at}"
