"""One file of tensors that ONNX graphs refer to: 4096-aligned, so that it is memory-mapped and shared.

Format: https://onnx.ai/onnx/repo-docs/ExternalData.html.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from onnx import StringStringEntryProto, TensorProto

Floats = NDArray[np.float32]

ALIGNMENT = 4096
"""A page: a memory map begins at one."""

_TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float16): TensorProto.FLOAT16,
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.int16): TensorProto.INT16,
    np.dtype(np.int32): TensorProto.INT32,
}


@dataclass(frozen=True)
class _Place:
    offset: int
    length: int
    kind: int
    shape: tuple[int, ...]


class WeightsFile:
    """Writes tensors one after another; afterwards graphs refer to them, in any shape of the same size."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._file = path.open("wb")
        self._places: dict[str, _Place] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, name: str, values: NDArray[Any]) -> None:
        """Write a tensor, little endian, in row order."""
        self.add_chunks(name, values.shape, values.dtype, [values])

    def add_chunks(
        self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], chunks: Iterable[NDArray[Any]]
    ) -> None:
        """Write a tensor that is too large to hold, as consecutive chunks along its first axis.

        Raises:
            ValueError: the chunks do not make up the shape.
        """
        at = self._file.tell()
        offset = -(-at // ALIGNMENT) * ALIGNMENT
        self._file.write(b"\0" * (offset - at))
        self._file.flush()  # numpy writes to the file beneath
        for chunk in chunks:
            data = np.ascontiguousarray(chunk, dtype.newbyteorder("<"))
            data.tofile(self._file)
        self._file.seek(0, SEEK_END)
        length = self._file.tell() - offset
        if length != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} is {length} bytes, not {shape} of {dtype}")
        self._places[name] = _Place(offset, length, _TYPES[dtype], shape)

    def tensor(self, name: str, shape: Sequence[int] | None = None) -> TensorProto:
        """Return a reference to a tensor, in its own shape or another of the same size."""
        place = self._places[name]
        entries = (("location", self._name), ("offset", str(place.offset)), ("length", str(place.length)))
        return TensorProto(
            name=name,
            data_type=place.kind,
            dims=list(shape or place.shape),
            data_location=TensorProto.EXTERNAL,
            external_data=[StringStringEntryProto(key=key, value=value) for key, value in entries],
        )
