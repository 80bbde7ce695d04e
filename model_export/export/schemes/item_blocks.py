"""Put similar items next to each other: a tree of halvings along the direction in which a group varies most.

Which half comes first is random at the leaves of the tree, so that the runs at the same place of each group are a fair
sample. `block_exchange` then brings together neighbours that a halving has separated.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from model_export.export.schemes.block_exchange import Codes, Floats, exchange_items

SAMPLE = 2048
"""Members of a large group from which its direction is computed."""
LEVELS = 8
"""Lowest levels of the tree, whose groups are halved all at once."""
TURNS = 6
"""Power iterations: a direction close to the leading one halves a group as well."""

_LAST: dict[bytes, NDArray[np.int32]] = {}
"""The last order, by a hash of its input. An export tries several schemes with the same order, which takes minutes."""


def order_items(codes: Codes, leaf: int, scales: Floats) -> NDArray[np.int32]:
    """Return an order of the items in which each run of `leaf` of them lies close together.

    Args:
        codes: int8[items, dims].
        leaf: size of a run; all but the last are full.
        scales: float32[dims], size of one step of each code: distances are measured in these.
    """
    input_hash = hashlib.sha256(np.ascontiguousarray(codes).data)
    input_hash.update(np.ascontiguousarray(scales).data)
    input_hash.update(str((codes.shape, leaf)).encode())
    key = input_hash.digest()
    if key not in _LAST:
        _LAST.clear()
        _LAST[key] = _order_items(codes, leaf, scales)
    return _LAST[key]


def _order_items(codes: Codes, leaf: int, scales: Floats) -> NDArray[np.int32]:
    order = np.arange(len(codes), dtype=np.int32)
    rng = np.random.default_rng(0)
    for unit in (leaf << LEVELS, leaf):
        for begin, end in _split(codes, order, unit, leaf, scales):
            members = order[begin:end]
            members.sort()
            if len(members) == leaf << LEVELS:
                members[:] = members[_halved(codes[members] * scales, leaf, rng)]
    exchange_items(codes, order, leaf, scales)
    order[: len(order) // leaf * leaf].reshape(-1, leaf).sort(axis=1)
    return order


def _split(codes: Codes, order: NDArray[np.int32], unit: int, leaf: int, scales: Floats) -> Iterator[tuple[int, int]]:
    """Split runs until none is larger than a unit, reorder them in place and yield each one's begin and end.

    With the leaf as unit, only the rest is split that does not fill a whole subtree.
    """
    groups = [(0, len(codes))]
    if unit == leaf:
        whole = len(codes) // (leaf << LEVELS) * (leaf << LEVELS)
        groups = [(whole, len(codes))]
    while groups:
        begin, end = groups.pop()
        if end - begin <= unit:
            yield begin, end
            continue
        members = order[begin:end]
        along = codes[members] @ (scales * _direction(codes[members[:: -(-len(members) // SAMPLE)]] * scales))
        half = -(-(end - begin) // (2 * unit)) * unit
        members[:] = members[np.argpartition(along, half)]
        groups += [(begin, begin + half), (begin + half, end)]


def _direction(rows: Floats) -> Floats:
    centred = rows - rows.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return np.asarray(vectors[:, -1], np.float32)


def _halved(rows: Floats, leaf: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the order of a group, a power of two times the leaf, after halving it down to leaves."""
    order = np.arange(len(rows))[None]
    while order.shape[1] > leaf:
        groups = rows[order]
        groups -= groups.mean(axis=1, keepdims=True)
        farthest = np.square(groups).sum(axis=2).argmax(axis=1)
        direction = groups[np.arange(len(groups)), farthest][:, :, None]
        for _ in range(TURNS):
            direction = groups.transpose(0, 2, 1) @ (groups @ direction)
            direction /= np.maximum(np.abs(direction).max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        along = (groups @ direction)[:, :, 0] * rng.choice(np.array([-1, 1], np.float32), len(groups))[:, None]
        half = order.shape[1] // 2
        parts = np.argpartition(along, half, axis=1)
        order = np.take_along_axis(order, parts, axis=1).reshape(-1, half)
    return np.sort(order, axis=1).reshape(-1)
