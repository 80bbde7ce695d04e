"""Brings alike items closer together than halving does: two runs that lie close by divide their items anew.

Halving cuts through neighbours, and an item that is cut off from its own lies far from the centre of its run: requests
that want it do not find it. A pair of runs is divided anew along the line through their centres (balanced 2-means), if
that brings its items closer.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.int8]
Indices = NDArray[np.int64]

GROUP = 4096
"""Items whose runs are paired with each other: as many as the caches hold."""
PASSES = 6
"""Times that all groups are gone through, every other time shifted by half a group."""
ROUNDS = 6
"""Times that a group's runs are paired in a pass."""
NEAREST = 6
"""Runs of which one is paired with: the nearest alone would always be the same."""
TURNS = 2
"""Times that a pair's line is drawn through the centres that it led to."""
_LEAST = 1e-5
"""Gain, as a share of the centres' squares, below which it may be rounding."""


def exchanged(codes: Codes, order: NDArray[np.int32], leaf: int, scales: Floats) -> None:
    """Exchange items between the full runs of an order, in place.

    Args:
        codes: int8[items, dims].
        order: the items; runs lie close to each other where they lie next to each other.
        leaf: size of a run.
        scales: float32[dims], what a step of each code is worth.
    """
    whole = len(order) // leaf * leaf
    chance = np.random.default_rng(0)
    for number in range(PASSES):
        for begin in range(number % 2 * GROUP // 2, whole, GROUP):
            members = order[begin : min(begin + GROUP, whole)].reshape(-1, leaf)
            if len(members) > NEAREST + 1:
                _settle(codes[members] * scales, members, chance)


def _settle(rows: Floats, members: NDArray[np.int32], chance: np.random.Generator) -> None:
    """Pair the runs of a group, float32[runs, leaf, dims], some times, and let each pair divide its items anew."""
    leaf = members.shape[1]
    centres = rows.mean(axis=1)
    for _ in range(ROUNDS):
        one, two = _pairs(centres, chance)
        both = np.concatenate([rows[one], rows[two]], axis=1)
        total = centres[one] + centres[two]
        line = centres[one] - centres[two]
        for _ in range(TURNS):
            along = np.matmul(both, line[:, :, None])[:, :, 0]
            parts = np.argpartition(-along, leaf, axis=1)
            weights = np.zeros_like(along)
            np.put_along_axis(weights, parts[:, :leaf], 1 / leaf, axis=1)
            first = np.matmul(weights[:, None, :], both)[:, 0]
            line = 2 * first - total
        before, after = (_squares(*pair) for pair in ((centres[one], centres[two]), (first, total - first)))
        better = np.flatnonzero(after - before > _LEAST * before)
        one, two, parts = one[better], two[better], parts[better]
        divided = np.take_along_axis(both[better], parts[:, :, None], axis=1)
        rows[one], rows[two] = divided[:, :leaf], divided[:, leaf:]
        moved = np.take_along_axis(np.concatenate([members[one], members[two]], axis=1), parts, axis=1)
        members[one], members[two] = moved[:, :leaf], moved[:, leaf:]
        centres[one], centres[two] = first[better], (total - first)[better]


def _squares(one: Floats, two: Floats) -> Floats:
    """Return the sum of two centres' squares: the larger, the closer are the items, for theirs are what they are."""
    return np.asarray(np.square(one).sum(axis=1) + np.square(two).sum(axis=1), np.float32)


def _pairs(centres: Floats, chance: np.random.Generator) -> tuple[Indices, Indices]:
    """Return pairs of runs, each run in one at most, each with one of its nearest."""
    distances = np.square(centres).sum(axis=1) - 2 * (centres @ centres.T)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, NEAREST, axis=1)[:, :NEAREST]
    wished = nearest[np.arange(len(centres)), chance.integers(0, NEAREST, len(centres))].tolist()
    taken: set[int] = set()
    pairs = []
    for run in chance.permutation(len(centres)).tolist():
        if run not in taken and wished[run] not in taken:
            taken |= {run, wished[run]}
            pairs.append((run, wished[run]))
    one, two = np.array(pairs, np.int64).T
    return one, two
