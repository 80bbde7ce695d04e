"""Build one ONNX graph, with its large tensors in the common weights file.

Values read like numpy arrays. Each operation adds a node to the graph, or to the branch that is open:

    graph = GraphBuilder(weights)
    items = graph.input("items", TensorProto.INT64, ["n"])
    rows = graph.stored("table").gather(items.max(0))
    graph.output("scores", (rows @ state).reshape(-1), TensorProto.FLOAT, ["n"])
    model = graph.model("score")
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from model_export.export.onnx.weights_file import WeightsFile

OPSET = 21
IR_VERSION = 10
"""Read by ONNX Runtime 1.20 and later."""

MICROSOFT = "com.microsoft"

Constant: TypeAlias = "NDArray[np.generic] | Sequence[int] | int | float"
Operand: TypeAlias = "Value | Constant"
Branch: TypeAlias = list[NodeProto]
"""The nodes of a subgraph. It sees the values of the graph around it."""

_KINDS = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.int16): TensorProto.INT16,
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.bool_): TensorProto.BOOL,
}


def _operation(kind: str) -> "Callable[[Value, Operand], Value]":
    return lambda value, other: value.graph.node(kind, value, other)


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of a graph. Every operation adds a node and returns its result; constants become int64 or float32."""

    graph: "GraphBuilder"
    name: str

    __add__ = _operation("Add")
    __sub__ = _operation("Sub")
    __mul__ = _operation("Mul")
    __truediv__ = _operation("Div")
    __mod__ = _operation("Mod")
    __pow__ = _operation("Pow")
    __matmul__ = _operation("MatMul")
    __lt__ = _operation("Less")
    __le__ = _operation("LessOrEqual")
    __gt__ = _operation("Greater")
    __ge__ = _operation("GreaterOrEqual")
    __and__ = _operation("And")
    # Element-wise, like the operators above.
    equals = _operation("Equal")
    min = _operation("Min")
    max = _operation("Max")

    def __invert__(self) -> "Value":
        return self.graph.node("Not", self)

    def log(self) -> "Value":
        """Return the natural logarithm."""
        return self.graph.node("Log", self)

    def select(self, if_true: Operand, if_false: Operand) -> "Value":
        """Choose element by element; this value is the condition."""
        return self.graph.node("Where", self, if_true, if_false)

    def cast(self, kind: int) -> "Value":
        """Convert to another type, such as `TensorProto.INT64`."""
        return self.graph.node("Cast", self, to=kind)

    def identity(self) -> "Value":
        """Copy a value into the open branch: an output of a branch must be made in it."""
        return self.graph.node("Identity", self)

    def reduce(
        self,
        kind: Literal["Min", "Max", "Sum", "Mean", "L2"],
        axis: int | None = None,
        *,
        keepdims: bool | None = None,
    ) -> "Value":
        """Reduce one axis, or all of them. Without `keepdims` the axis stays, with length 1."""
        axes = [] if axis is None else [self.graph.constant([axis])]
        return self.graph.node(f"Reduce{kind}", self, *axes, keepdims=_flag(keepdims))

    def shape(self) -> "Value":
        """Return the lengths of the axes, int64[axes]."""
        return self.graph.node("Shape", self)

    def size(self) -> "Value":
        """Return the number of elements, int64[]."""
        return self.graph.node("Size", self)

    def reshape(self, *lengths: int) -> "Value":
        """Change the shape; one length may be -1, and 0 keeps the length of that axis."""
        return self.graph.node("Reshape", self, lengths)

    def unsqueeze(self, axis: int) -> "Value":
        """Insert an axis of length 1."""
        return self.graph.node("Unsqueeze", self, [axis])

    def slice(
        self, start: Operand, end: Operand, axis: "Operand | None" = None, step: "Operand | None" = None
    ) -> "Value":
        """Return a range of each axis, or of one axis."""
        bounds = (bound for bound in (start, end, axis, step) if bound is not None)
        return self.graph.node("Slice", self, *([bound] if isinstance(bound, int) else bound for bound in bounds))

    def gather(self, indices: Operand, axis: int | None = None) -> "Value":
        """Return the elements at some indices along an axis, the first by default."""
        return self.graph.node("Gather", self, indices, axis=axis)

    def scatter(
        self, indices: Operand, updates: Operand, reduction: Literal["add", "min", "max"] | None = None
    ) -> "Value":
        """Return a copy with elements of the first axis replaced, or reduced with the existing elements."""
        return self.graph.node("ScatterElements", self, indices, updates, reduction=reduction)

    def compress(self, mask: "Value", axis: int | None = None) -> "Value":
        """Return the elements where a mask is true."""
        return self.graph.node("Compress", self, mask, axis=axis)

    def nonzero(self) -> "Value":
        """Return the indices of true elements, int64[axes, n]."""
        return self.graph.node("NonZero", self)

    def top_k(
        self, count: "Value", *, largest: bool | None = None, ordered: bool | None = None
    ) -> tuple["Value", "Value"]:
        """Return the best `count` values, int64[1], and their indices; of equal ones the lower index comes first.

        ONNX's defaults stand for what is None: the largest ones, in order.
        """
        values, indices = self.graph.nodes_of("TopK", [self, count], 2, largest=_flag(largest), sorted=_flag(ordered))
        return values, indices


class GraphBuilder:
    """A graph in the making. `nodes` are those outside of all branches."""

    def __init__(self, weights: WeightsFile) -> None:
        self._weights = weights
        self._initializers: dict[str, TensorProto] = {}
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []
        self._named = 0
        self.nodes: Branch = []
        self._open = self.nodes

    def node(self, kind: str, *inputs: "Operand | None", domain: str = "", **attributes: Any) -> Value:
        """Add a node with one output. An input that is None is left out, and so is such an attribute."""
        return self.nodes_of(kind, inputs, 1, domain=domain, **attributes)[0]

    def nodes_of(
        self, kind: str, inputs: "Sequence[Operand | None]", outputs: int, *, domain: str = "", **attributes: Any
    ) -> list[Value]:
        """Add a node with several outputs."""
        names_of_inputs = ["" if value is None else self.value(value).name for value in inputs]
        name = self._new_name(kind.lower())
        names = [name, *(f"{name}_{number}" for number in range(1, outputs))]
        self._open.append(helper.make_node(kind, names_of_inputs, names, domain=domain, **attributes))
        return [Value(self, name) for name in names]

    def value(self, operand: Operand) -> Value:
        """Return a value as it is, or a constant as a value."""
        return operand if isinstance(operand, Value) else self.constant(operand)

    def constant(self, values: Constant) -> Value:
        """Hold a small tensor in the graph itself: whole numbers become int64, a float float32."""
        array = np.asarray(values, np.float32 if isinstance(values, float) else None)
        name = self._new_name("constant")
        kind = _KINDS[array.dtype]
        self._initializers[name] = helper.make_tensor(name, kind, array.shape, array.tobytes(), raw=True)
        return Value(self, name)

    def full(self, length: Operand, value: np.generic) -> Value:
        """Return a vector of a length, int64[1], that has one value everywhere."""
        return self.node("ConstantOfShape", length, value=numpy_helper.from_array(np.asarray(value).reshape(1)))

    def concat(self, *values: Operand, axis: int = 0) -> Value:
        """Join values along an axis."""
        return self.node("Concat", *values, axis=axis)

    def stored(self, name: str, shape: Sequence[int] | None = None, *, mapped: bool = False) -> Value:
        """Refer to a tensor of the weights file.

        Args:
            name: its name in the weights file.
            shape: its own shape, or another of the same size.
            mapped: keep ONNX Runtime from repacking it into memory of the process. The tensor becomes an input with a
                default and is no constant, so it stays in the mapped file, is shared between processes and costs no
                time to open.
        """
        alias = name if shape is None else f"{name}_{'x'.join(map(str, shape))}"
        if alias not in self._initializers:
            tensor = self._weights.tensor(name, shape)
            tensor.name = alias
            self._initializers[alias] = tensor
            if mapped:
                self._inputs.append(helper.make_tensor_value_info(alias, tensor.data_type, list(tensor.dims)))
        return Value(self, alias)

    def input(self, name: str, kind: int, shape: Sequence[int | str]) -> Value:
        """Declare an input of the graph."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return Value(self, name)

    def output(self, name: str, value: Value, kind: int, shape: Sequence[int | str]) -> None:
        """Declare an output of the graph."""
        self._open.append(helper.make_node("Identity", [value.name], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    @contextmanager
    def branch(self, branch: Branch | None = None) -> Iterator[Branch]:
        """Add nodes to a branch within the block: to a new one, or to one that was begun before."""
        outer = self._open
        self._open = [] if branch is None else branch
        try:
            yield self._open
        finally:
            self._open = outer

    def choice(self, condition: Value, then: Branch, otherwise: Branch, *outputs: tuple[Value, Value]) -> list[Value]:
        """Run one of two branches.

        Args:
            condition: bool[].
            then: the branch that runs if it is true.
            otherwise: the branch that runs if it is false.
            outputs: for each output its value in `then` and in `otherwise`.
        """
        graphs = [
            helper.make_graph(nodes, name, [], [helper.make_empty_tensor_value_info(pair[at].name) for pair in outputs])
            for at, (name, nodes) in enumerate((("then", then), ("otherwise", otherwise)))
        ]
        return self.nodes_of("If", [condition], len(outputs), then_branch=graphs[0], else_branch=graphs[1])

    def model(self, name: str) -> ModelProto:
        """Return the whole graph as a model."""
        initializers = list(self._initializers.values())
        graph = helper.make_graph(self.nodes, name, self._inputs, self._outputs, initializers)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="nextitem")

    def _new_name(self, kind: str) -> str:
        self._named += 1
        return f"{kind}_{self._named}"


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)
