"""Puts alike items next to each other: a tree of halvings along the direction in which a group varies most."""

import numpy as np
from numpy.typing import NDArray

SAMPLE = 2048
"""Members that a group's direction is taken from."""


def ordered(codes: NDArray[np.int8], leaf: int) -> NDArray[np.int32]:
    """Return an order of the items in which each run of `leaf` of them lies close together.

    Args:
        codes: int8[items, dims], whose distances count.
        leaf: size of a run; all but the last are full.
    """
    order = np.arange(len(codes), dtype=np.int32)
    groups = [(0, len(codes))]
    while groups:
        begin, end = groups.pop()
        if end - begin <= leaf:
            order[begin:end].sort()
            continue
        members = order[begin:end]
        direction = _direction(codes[members[:: -(-len(members) // SAMPLE)]])
        along = codes[members] @ direction
        half = -(-(end - begin) // (2 * leaf)) * leaf
        members[:] = members[np.argpartition(along, half)]
        groups += [(begin, begin + half), (begin + half, end)]
    return order


def _direction(codes: NDArray[np.int8]) -> NDArray[np.float32]:
    floats = codes.astype(np.float32)
    floats -= floats.mean(axis=0)
    _, vectors = np.linalg.eigh(floats.T @ floats)
    return np.asarray(vectors[:, -1], np.float32)
