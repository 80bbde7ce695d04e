"""The table of item rows as it is stored, and how a graph reads some of its rows. Knows no scheme."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from model_export.export.onnx.builder import GraphBuilder
from model_export.export.onnx.parameters import Quantized
from model_export.export.onnx.weights_file import WeightsFile
from model_export.export.schemes.top_k import filled

Floats = NDArray[np.float32]

CHUNK = 1 << 18
"""Rows that are worked on at a time: a table may be larger than memory."""

_ZERO_POINT = 128.0


class Rows(Protocol):
    """Stored rows."""

    def gather(self, graph: GraphBuilder, items: str) -> str:
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

    def gather(self, graph: GraphBuilder, items: str) -> str:
        """See `Rows`."""
        return graph.node("Gather", [graph.stored("table"), items])


@dataclass(frozen=True)
class HalfRows:
    """Rows in float16: half the memory, and an error of at most 2**-11 of each value."""

    @classmethod
    def store(cls, weights: WeightsFile, table: Floats) -> "HalfRows":
        """Write the rows."""
        halves = (chunk.astype(np.float16) for chunk in chunks(table))
        weights.add_chunks("rows", table.shape, np.dtype(np.float16), halves)
        return cls()

    def gather(self, graph: GraphBuilder, items: str) -> str:
        """See `Rows`."""
        return graph.node("Cast", [graph.node("Gather", [graph.stored("rows"), items])], to=TensorProto.FLOAT)


@dataclass(frozen=True)
class CodedRows:
    """Rows in 8 bits around 128, with a scale for each block of a row."""

    block: int

    @classmethod
    def store(cls, weights: WeightsFile, quantized: Quantized, slots: int) -> "CodedRows":
        """Write the codes and their scales, with rows of zeros up to the slots."""
        weights.add("codes", filled(quantized.codes, slots, int(_ZERO_POINT)))
        weights.add("scales", filled(quantized.scales, slots, 0))
        return cls(quantized.block)

    def gather(self, graph: GraphBuilder, items: str) -> str:
        """See `Rows`."""
        codes = graph.node("Gather", [graph.stored("codes"), items])
        floats = graph.node("Cast", [codes], to=TensorProto.FLOAT)
        levels = graph.node("Sub", [floats, graph.constant(_ZERO_POINT)])
        blocks = graph.node("Reshape", [levels, graph.constant([0, -1, self.block])])
        scales = graph.node("Gather", [graph.stored("scales"), items])
        scaled = graph.node("Mul", [blocks, graph.node("Unsqueeze", [scales, graph.constant([2])])])
        return graph.node("Reshape", [scaled, graph.constant([0, -1])])


def chunks(table: Floats) -> Iterator[Floats]:
    """Give a table some rows at a time."""
    for at in range(0, len(table), CHUNK):
        yield np.asarray(table[at : at + CHUNK])
