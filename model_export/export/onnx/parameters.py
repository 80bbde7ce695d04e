"""Convert a run's weights from torch's layout to ONNX's.

torch stacks a GRU's gates as r, z, n; ONNX as z, r, h (https://onnx.ai/onnx/operators/onnx__GRU.html). torch's
definition is ONNX's with ``linear_before_reset=1``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.memory import BlendedMemory
from model_export.training.run_folder import Run

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """One GRU layer in ONNX's layout: w, r [1, 3 * hidden, hidden] and b [1, 6 * hidden]."""

    w: Floats
    r: Floats
    b: Floats


@dataclass(frozen=True)
class Parameters:
    """The weights that the graphs compute with.

    Attributes:
        table: float32[items, hidden], rows of unit length where scores are cosines.
        layers: the GRU.
        normalised: whether the hidden state is scaled to unit length before scoring.
        scale: multiplies the scores.
        memory: the session memory of the same items; None for the network alone.
        types: float32[types, hidden], added to an item's row at the GRU's input; None if there is one type of events.

    Raises:
        ValueError: the memory is of another catalogue.
    """

    table: Floats
    layers: tuple[Layer, ...]
    normalised: bool
    scale: float
    memory: BlendedMemory | None = None
    types: Floats | None = None

    def __post_init__(self) -> None:
        """Check that table and memory have the same items: an index of one would mean another item in the other."""
        if self.memory is not None and self.memory.items != len(self.table):
            raise ValueError(f"a session memory of {self.memory.items} items beside a table of {len(self.table)}")

    @property
    def hidden(self) -> int:
        """Hidden size."""
        return int(self.table.shape[1])

    def scored(self, states: Floats) -> Floats:
        """Return hidden states, float32[n, hidden], as the scores multiply them with rows."""
        if not self.normalised:
            return states
        lengths = np.maximum(np.linalg.norm(states, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        return np.asarray(states / lengths * self.scale, np.float32)


def parameters_of(run: Run) -> Parameters:
    """Return a run's parameters."""
    table = run.weights["table"]
    if run.record.normalised:
        # The same as torch.nn.functional.normalize, its floor included.
        table = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    layers = tuple(
        Layer(
            w=_gates(run.weights[f"gru.weight_ih_l{layer}"])[None],
            r=_gates(run.weights[f"gru.weight_hh_l{layer}"])[None],
            b=np.concatenate(
                [_gates(run.weights[f"gru.bias_ih_l{layer}"]), _gates(run.weights[f"gru.bias_hh_l{layer}"])]
            )[None],
        )
        for layer in range(run.record.layers)
    )
    scale = 1.0 / run.record.temperature if run.record.normalised else 1.0
    types = run.weights.get("types")
    return Parameters(table.astype(np.float32, copy=False), layers, run.record.normalised, scale, run.memory, types)


def _gates(stacked: Floats) -> Floats:
    reset, update, new = np.split(stacked, 3)
    return np.concatenate([update, reset, new])
