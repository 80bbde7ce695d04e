"""The table of item rows as it is stored, and how a graph reads some of its rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from onnx import TensorProto

from model_export.export.onnx.builder import GraphBuilder, Value
from model_export.export.onnx.weights_file import Floats, WeightsFile
from model_export.export.schemes.rounding import ZERO_POINT, Quantized
from model_export.export.schemes.top_k import pad

CHUNK = 1 << 18
"""Rows that are processed at a time: a table may be larger than memory."""


LAST_ROWS = 3
"""Rows of padding for a product of rows and a state. ONNX Runtime sums the last rows, up to three, in another order:
equal rows would differ by where they stand."""


class Rows(Protocol):
    """Stored rows."""

    def gather(self, graph: GraphBuilder, items: Value) -> Value:
        """Return float32[n, hidden], the rows of int64[n] items; -1 gives the row of some item."""
        ...


@dataclass(frozen=True)
class ExactRows:
    """Rows in float32."""

    @classmethod
    def store(cls, weights: WeightsFile, table: Floats) -> "ExactRows":
        """Write the rows."""
        weights.add_chunks("table", table.shape, np.dtype(np.float32), chunks(table))
        return cls()

    def gather(self, graph: GraphBuilder, items: Value) -> Value:
        """See `Rows`."""
        return graph.stored("table").gather(items)


@dataclass(frozen=True)
class HalfRows:
    """Rows in float16: half the memory, and an error of at most 2**-11 of each value."""

    @classmethod
    def store(cls, weights: WeightsFile, table: Floats) -> "HalfRows":
        """Write the rows."""
        halves = (chunk.astype(np.float16) for chunk in chunks(table))
        weights.add_chunks("rows", table.shape, np.dtype(np.float16), halves)
        return cls()

    def gather(self, graph: GraphBuilder, items: Value) -> Value:
        """See `Rows`."""
        return graph.stored("rows").gather(items).cast(TensorProto.FLOAT)


@dataclass(frozen=True)
class CodedRows:
    """Rows in 8 bits, with a scale for each block of a row."""

    block: int

    @classmethod
    def store(cls, weights: WeightsFile, quantized: Quantized, slots: int) -> "CodedRows":
        """Write the codes and their scales, with rows of zeros up to the number of slots."""
        weights.add("codes", pad(quantized.codes, slots, ZERO_POINT))
        weights.add("scales", pad(quantized.scales, slots, 0))
        return cls(quantized.block)

    def gather(self, graph: GraphBuilder, items: Value) -> Value:
        """See `Rows`."""
        levels = graph.stored("codes").gather(items).cast(TensorProto.FLOAT) - float(ZERO_POINT)
        blocks = levels.reshape(0, -1, self.block)
        scales = graph.stored("scales").gather(items)
        return (blocks * scales.unsqueeze(2)).reshape(0, -1)


def chunks(table: Floats) -> Iterator[Floats]:
    """Yield a table some rows at a time."""
    for at in range(0, len(table), CHUNK):
        yield np.asarray(table[at : at + CHUNK])
