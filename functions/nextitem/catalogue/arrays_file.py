"""Named arrays in one memory-mapped file.

File, little endian: 8 bytes of magic, the size of the head (u64), the head as JSON, then the arrays, each at the next
multiple of 64 bytes from the end of the head. An array is a view of the file: opening reads the head only.
"""

import math
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from nextitem.errors import ArtifactCorrupt
from nextitem.model.manifest import DECODE_ERRORS
from nextitem.model.vocabulary import map_file

_START = struct.Struct("<8sQ")
ALIGNMENT = 64
"""Bytes of a cache line, and of the widest vector instruction."""
Arrays = Iterable[NDArray[Any]]
_TYPES = frozenset({"<i4", "<u4", "<u8", "<f4", "<f8", "|i1", "|u1"})
_MAX_HEAD_BYTES = 16 << 20


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """An array's type as numpy writes it, its shape, and where it begins, in bytes from the first array."""

    type: str
    shape: tuple[int, ...]
    start: int


class _Head(msgspec.Struct, frozen=True):
    about: msgspec.Raw
    arrays: dict[str, _Place]


class ArraysFile(NamedTuple):
    """An open file: what its writer said about it, as JSON, and its read-only arrays by name."""

    about: bytes
    arrays: Mapping[str, NDArray[Any]]


def open_arrays(path: Path, magic: bytes) -> ArraysFile:
    """Map a file of arrays.

    Args:
        path: the file.
        magic: its first 8 bytes, which say what its arrays are.

    Raises:
        ArtifactCorrupt: it is no such file, it is truncated, or an array would reach out of it.
    """
    try:
        data = map_file(path)
        begin, size = _START.unpack_from(data)
        if begin != magic or size > _MAX_HEAD_BYTES:
            raise ArtifactCorrupt(f"{path.name} is not a file of this kind, or one of another release")
        end = _START.size + size
        head = msgspec.json.decode(data[_START.size : end], type=_Head)
        rest = data[_aligned(end) :]
        arrays = {name: _view(rest, place) for name, place in head.arrays.items()}
        last = max((place.start + _bytes(place) for place in head.arrays.values()), default=0)
        if last != len(rest):
            raise ArtifactCorrupt(f"{path.name} is truncated or has bytes that belong to no array")
        return ArraysFile(bytes(head.about), arrays)
    except (OSError, ValueError, TypeError, OverflowError, struct.error, *DECODE_ERRORS) as error:
        raise ArtifactCorrupt(f"{path.name} cannot be read: {error}") from error


def write_arrays(path: Path, magic: bytes, about: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a file of arrays.

    Args:
        path: the file; one of that name is overwritten.
        magic: see `open_arrays`.
        about: anything that msgspec can write as JSON.
        arrays: numpy arrays, of the types in `_TYPES`.
    """
    places, start = {}, 0
    for name, array in arrays.items():
        if array.dtype.str not in _TYPES:
            raise ValueError(f"array {name} is of type {array.dtype.str}; the file takes {', '.join(sorted(_TYPES))}")
        places[name] = _Place(array.dtype.str, array.shape, _aligned(start) if array.nbytes else 0)
        start = places[name].start + array.nbytes if array.nbytes else start
    head = msgspec.json.encode(_Head(msgspec.Raw(msgspec.json.encode(about)), places))
    first = _aligned(_START.size + len(head)) if start else _START.size + len(head)
    with path.open("wb") as file:
        file.write(_START.pack(magic, len(head)) + head)
        for name, array in arrays.items():
            if array.nbytes:
                file.write(b"\0" * (first + places[name].start - file.tell()))
                file.write(np.ascontiguousarray(array).data)


def crc_of(arrays: Arrays, start: int = 0) -> int:
    """Return the CRC-32 of arrays, one after the other: 0.15 ms for a megabyte, a quarter of the time of a SHA-256.

    Args:
        arrays: contiguous ones, as `open_arrays` gives them.
        start: the CRC-32 of what comes before them.
    """
    for array in arrays:
        if array.nbytes:  # `crc32` refuses a view of no bytes
            start = zlib.crc32(np.ascontiguousarray(array).data, start)
    return start


def _view(data: memoryview, place: _Place) -> NDArray[Any]:
    if place.type not in _TYPES or place.start < 0 or place.start % ALIGNMENT or any(size < 0 for size in place.shape):
        raise ValueError("an array's place is impossible")
    count = math.prod(place.shape)
    if not count:
        return np.empty(place.shape, place.type)
    return np.frombuffer(data, place.type, count, place.start).reshape(place.shape)


def _bytes(place: _Place) -> int:
    return math.prod(place.shape) * np.dtype(place.type).itemsize


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
