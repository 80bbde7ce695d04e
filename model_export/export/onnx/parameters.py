"""The network's weights as the graphs want them. Knows torch's layout and ONNX's, and nothing of files.

torch stacks a GRU's gates as r, z, n; ONNX as z, r, h (https://onnx.ai/onnx/operators/onnx__GRU.html). torch's
definition is ONNX's with ``linear_before_reset=1``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.memory import BlendedMemory
from model_export.training.run_folder import Run

Floats = NDArray[np.float32]

MAX_BLOCK = 128
_ZERO_POINT = 128
_LEVELS = 127
_ZERO_POINT_4 = 8
_LEVELS_4 = 7


@dataclass(frozen=True)
class Layer:
    """One GRU layer in ONNX's layout: w, r [1, 3 * hidden, hidden] and b [1, 6 * hidden]."""

    w: Floats
    r: Floats
    b: Floats


@dataclass(frozen=True)
class Parameters:
    """What the graphs compute with.

    Attributes:
        table: float32[items, hidden], rows of unit length where scores are cosines.
        layers: the GRU.
        normalised: whether the hidden state is brought to unit length before scoring.
        scale: multiplies the scores.
        memory: what the scores are blended with; None for the network alone.
    """

    table: Floats
    layers: tuple[Layer, ...]
    normalised: bool
    scale: float
    memory: BlendedMemory | None = None

    @property
    def hidden(self) -> int:
        """HiddenState size."""
        return int(self.table.shape[1])

    def scored(self, states: Floats) -> Floats:
        """Return hidden states, float32[n, hidden], as they are multiplied with rows."""
        if not self.normalised:
            return states
        lengths = np.maximum(np.linalg.norm(states, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        return np.asarray(states / lengths * self.scale, np.float32)


@dataclass(frozen=True)
class Quantized:
    """The table in 8 bits: codes uint8[items, hidden] around 128, and a scale for each block of a row.

    Attributes:
        codes: uint8[items, hidden].
        scales: float32[items, hidden / block].
        block: values that share a scale: the largest power of two up to `MAX_BLOCK` that divides the hidden size.
    """

    codes: NDArray[np.uint8]
    scales: Floats
    block: int

    def table(self) -> Floats:
        """Return the table that the codes stand for, float32[items, hidden]."""
        items, hidden = self.codes.shape
        blocks = self.codes.astype(np.float32).reshape(items, -1, self.block) - _ZERO_POINT
        return np.asarray((blocks * self.scales[:, :, None]).reshape(items, hidden), np.float32)


def parameters_of(run: Run) -> Parameters:
    """Return a run's parameters."""
    table = run.weights["table"]
    if run.record.normalised:
        # As torch.nn.functional.normalize does it, its floor included.
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
    return Parameters(table.astype(np.float32, copy=False), layers, run.record.normalised, scale, run.memory)


def quantize(table: Floats) -> Quantized:
    """Round a table to 8 bits, symmetrically, with one scale for each block of a row."""
    items, hidden = table.shape
    block = min(MAX_BLOCK, hidden & -hidden)
    blocks = table.reshape(items, -1, block)
    scales = np.maximum(np.abs(blocks).max(axis=2), np.finfo(np.float32).tiny) / _LEVELS
    codes = np.rint(blocks / scales[:, :, None]) + _ZERO_POINT
    return Quantized(codes.astype(np.uint8).reshape(items, hidden), scales.astype(np.float32), block)


def quantize_to_4_bits(table: Floats, block: int) -> tuple[NDArray[np.uint8], Floats]:
    """Round a table to 4 bits around 8, two codes in a byte, the first in its lower half.

    Returns:
        The codes, uint8[items, hidden / 2], and the scales, float32[items, hidden / block].
    """
    items, hidden = table.shape
    blocks = table.reshape(items, -1, block)
    scales = np.maximum(np.abs(blocks).max(axis=2), np.finfo(np.float32).tiny) / _LEVELS_4
    codes = (np.rint(blocks / scales[:, :, None]) + _ZERO_POINT_4).astype(np.uint8).reshape(items, hidden // 2, 2)
    return codes[:, :, 0] | codes[:, :, 1] << 4, scales.astype(np.float32)


def _gates(stacked: Floats) -> Floats:
    reset, update, new = np.split(stacked, 3)
    return np.concatenate([update, reset, new])
