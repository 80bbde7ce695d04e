"""Bring similar items closer together than halving does: two runs that lie close to each other exchange items.

Halving separates some neighbours. An item that is separated from its neighbours lies far from the centre of its run, so
a search for it looks into other runs. A pair of runs is divided again along the line through their centres (balanced
2-means), if that brings its items closer together.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.int8]
Indices = NDArray[np.int64]

GROUP = 4096
"""Number of items whose runs are paired with each other: it fits into the caches."""
PASSES = 6
"""Passes over all groups; every other pass is shifted by half a group."""
ROUNDS = 6
"""Times that a pass pairs the runs of a group."""
NEAREST = 6
"""A run is paired with one of its 6 nearest runs, because the nearest would be the same each time."""
TURNS = 2
"""Iterations of 2-means for a pair."""
_MIN_GAIN = 1e-5
"""Gain, as a share of the centres' squares, below which it may be rounding."""


def exchange_items(codes: Codes, order: NDArray[np.int32], leaf: int, scales: Floats) -> None:
    """Exchange items between the full runs of an order, in place.

    Args:
        codes: int8[items, dims].
        order: the items; runs lie close to each other where they lie next to each other.
        leaf: size of a run.
        scales: float32[dims], size of one step of each code.
    """
    whole = len(order) // leaf * leaf
    rng = np.random.default_rng(0)
    for number in range(PASSES):
        for begin in range(number % 2 * GROUP // 2, whole, GROUP):
            members = order[begin : min(begin + GROUP, whole)].reshape(-1, leaf)
            if len(members) > NEAREST + 1:
                _exchange_in_group(codes[members] * scales, members, rng)


def _exchange_in_group(rows: Floats, members: NDArray[np.int32], rng: np.random.Generator) -> None:
    """Pair the runs of a group, float32[runs, leaf, dims], and divide each pair's items again, in place."""
    leaf = members.shape[1]
    centres = rows.mean(axis=1)
    for _ in range(ROUNDS):
        left, right = _pairs(centres, rng)
        both = np.concatenate([rows[left], rows[right]], axis=1)
        total = centres[left] + centres[right]
        line = centres[left] - centres[right]
        for _ in range(TURNS):
            along = np.matmul(both, line[:, :, None])[:, :, 0]
            parts = np.argpartition(-along, leaf, axis=1)
            weights = np.zeros_like(along)
            np.put_along_axis(weights, parts[:, :leaf], 1 / leaf, axis=1)
            first = np.matmul(weights[:, None, :], both)[:, 0]
            line = 2 * first - total
        before, after = (_squares(*pair) for pair in ((centres[left], centres[right]), (first, total - first)))
        better = np.flatnonzero(after - before > _MIN_GAIN * before)
        left, right, parts = left[better], right[better], parts[better]
        divided = np.take_along_axis(both[better], parts[:, :, None], axis=1)
        rows[left], rows[right] = divided[:, :leaf], divided[:, leaf:]
        moved = np.take_along_axis(np.concatenate([members[left], members[right]], axis=1), parts, axis=1)
        members[left], members[right] = moved[:, :leaf], moved[:, leaf:]
        centres[left], centres[right] = first[better], (total - first)[better]


def _squares(left: Floats, right: Floats) -> Floats:
    """Return the sum of two centres' squares: the larger it is, the closer the items lie to their centres."""
    return np.asarray(np.square(left).sum(axis=1) + np.square(right).sum(axis=1), np.float32)


def _pairs(centres: Floats, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Pair runs with one of their nearest; each run is in one pair at most."""
    distances = np.square(centres).sum(axis=1) - 2 * (centres @ centres.T)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, NEAREST, axis=1)[:, :NEAREST]
    partner = nearest[np.arange(len(centres)), rng.integers(0, NEAREST, len(centres))].tolist()
    taken: set[int] = set()
    pairs = []
    for run in rng.permutation(len(centres)).tolist():
        if run not in taken and partner[run] not in taken:
            taken |= {run, partner[run]}
            pairs.append((run, partner[run]))
    left, right = np.array(pairs, np.int64).T
    return left, right
