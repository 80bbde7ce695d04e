"""One file of tensors that ONNX graphs refer to: 4096-aligned, so that it is memory-mapped and shared.

Format: https://onnx.ai/onnx/repo-docs/ExternalData.html. Knows no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from onnx import StringStringEntryProto, TensorProto

ALIGNMENT = 4096
"""A page: what a memory map begins at."""

_TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.uint8): TensorProto.UINT8}


@dataclass(frozen=True)
class _Place:
    offset: int
    length: int
    kind: int
    shape: tuple[int, ...]


class WeightsFile:
    """Writes tensors one after another, then refers to them as often as wanted, under any shape of their size."""

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

    def add(self, name: str, values: NDArray[np.float32] | NDArray[np.uint8]) -> None:
        """Write a tensor, little endian, in row order."""
        at = self._file.tell()
        offset = -(-at // ALIGNMENT) * ALIGNMENT
        data = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
        self._file.write(b"\0" * (offset - at) + data)
        self._places[name] = _Place(offset, len(data), _TYPES[values.dtype], values.shape)

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
