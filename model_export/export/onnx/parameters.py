"""Convert a run's weights from torch's layout to ONNX's.

torch stacks a GRU's gates as r, z, n; ONNX as z, r, h (https://onnx.ai/onnx/operators/onnx__GRU.html). torch's
definition is ONNX's with ``linear_before_reset=1``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.memory import BlendedMemory
from model_export.training.run_folder import Run
from nextitem.model.manifest import Calibration

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
        table: float32[items, hidden], rows of unit length where scores are cosines, and so each network's part but for
            the square root of their number.
        layers: the GRU.
        normalised: whether each network's part of the hidden state is scaled to unit length before scoring.
        networks: the networks that score as one: see `training.merge`.
        scale: multiplies the scores.
        memory: the session memory of the same items; None for the network alone.
        calibration: what makes scores probabilities; None for scores as they are.
        types: float32[types, hidden], added to an item's row at the GRU's input; None if there is one type of events.

    Raises:
        ValueError: the memory is of another catalogue.
    """

    table: Floats
    layers: tuple[Layer, ...]
    normalised: bool
    scale: float
    networks: int = 1
    memory: BlendedMemory | None = None
    types: Floats | None = None
    calibration: Calibration | None = None

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
            return np.asarray(states * np.float32(self.scale))
        return np.asarray(_normalised(states, self.networks, float(np.finfo(np.float32).tiny)) * self.scale, np.float32)


def parameters_of(run: Run) -> Parameters:
    """Return a run's parameters."""
    table, networks = run.weights["table"], run.record.networks
    if run.record.normalised:
        # The same as torch.nn.functional.normalize, its floor included.
        table = _normalised(table, networks, 1e-12) * networks**-0.5
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
    scale = networks**-0.5 / run.record.temperature if run.record.normalised else 1.0 / networks
    return Parameters(
        table.astype(np.float32, copy=False),
        layers,
        run.record.normalised,
        scale,
        networks,
        run.memory,
        run.weights.get("types"),
        run.record.calibration,
    )


def _normalised(values: Floats, networks: int, floor: float) -> Floats:
    """Scale each network's part of some rows to unit length."""
    parts = values.reshape(len(values), networks, -1)
    lengths = np.maximum(np.linalg.norm(parts, axis=2, keepdims=True), floor)
    return np.asarray((parts / lengths).reshape(values.shape), np.float32)


def _gates(stacked: Floats) -> Floats:
    reset, update, new = np.split(stacked, 3)
    return np.concatenate([update, reset, new])
