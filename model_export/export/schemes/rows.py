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
LARGEST = 32767
"""Largest level of a row in int16."""

LAST_ROWS = 3
"""Rows of padding for a product of rows and a state. ONNX Runtime sums the last rows, up to three, in another order:
equal rows would differ by where they stand."""


class Rows(Protocol):
    """Stored rows. A product needs no row on the table's own scale: scale the one column instead of a thousand rows."""

    def gather(self, graph: GraphBuilder, items: Value) -> Value:
        """Return float32[n, hidden], the rows of int64[n] items as stored; -1 gives the row of some item."""
        ...

    def restored(self, stored: Value) -> Value:
        """Return stored rows, float32[n, hidden], on the table's scale."""
        ...

    def scaled(self, column: Value) -> Value:
        """Return the column, float32[hidden, 1], with which stored rows have the products of restored ones."""
        ...


class _Unscaled:
    """Rows that are stored on the table's scale."""

    def restored(self, stored: Value) -> Value:
        """See `Rows`."""
        return stored

    def scaled(self, column: Value) -> Value:
        """See `Rows`."""
        return column


@dataclass(frozen=True)
class ExactRows(_Unscaled):
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
class ShortRows:
    """Rows in int16, with a scale for each dimension, the same for all rows.

    As large as in float16 and as fast, but closer: float16 has 11 bits of a value and the best of a million items lie
    so close together that it loses 1 of 2,000 of them (decision 49).

    Attributes:
        scales: float32[hidden], the size of a step in each dimension.
    """

    scales: Floats

    @classmethod
    def store(cls, weights: WeightsFile, table: Floats) -> "ShortRows":
        """Write the rows."""
        reach = np.zeros(table.shape[1], np.float32)
        for chunk in chunks(table):
            reach = np.maximum(reach, np.maximum(chunk.max(axis=0), -chunk.min(axis=0)))
        scales: Floats = (np.maximum(reach, np.finfo(np.float32).tiny * LARGEST) / LARGEST).astype(np.float32)
        levels = (np.rint(chunk / scales).astype(np.int16) for chunk in chunks(table))
        weights.add_chunks("rows", table.shape, np.dtype(np.int16), levels)
        return cls(scales)

    def gather(self, graph: GraphBuilder, items: Value) -> Value:
        """See `Rows`."""
        return graph.stored("rows").gather(items).cast(TensorProto.FLOAT)

    def restored(self, stored: Value) -> Value:
        """See `Rows`."""
        return stored * self.scales

    def scaled(self, column: Value) -> Value:
        """See `Rows`."""
        return column * self.scales[:, None]


@dataclass(frozen=True)
class CodedRows(_Unscaled):
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
