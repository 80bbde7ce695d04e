"""Measure how deep the best items of a catalogue lie in a rough ranking: so many must be scored exactly.

The depth depends on how much of the scores the rough dimensions keep, which differs between models: for the best 20 of
a million items, 1 of 2,000 lay deeper than the 530th place of one model and the 870th of another (decision 49). A list
that is too short loses them, however many blocks of an inverted file are looked into.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from model_export.export.onnx.weights_file import Floats
from model_export.export.schemes.rotation import Rotation, rotation, sample
from model_export.export.schemes.rows import chunks

BEST = 20
"""Items whose places are measured."""
STATES = 256
"""States that are measured, at most: half of all. The others fit the rotation."""
FEWEST = 32
"""Measured states from which on a share of 1 of 2,000 says anything."""
FOUND = 0.9995
"""Share of the best items that the depth must reach."""
MARGIN = 1.2
"""The depth of other states is a little larger than that of the measured ones."""
DEEPEST = 4096
"""Largest depth that is told apart: rescoring that many takes as long as scoring a million items roughly."""

_LAST: dict[bytes, int | None] = {}
"""The last depth, by a hash of its input. An export tries several schemes with the same dimensions."""


def measured_depth(table: Floats, states: Floats, dims: int) -> int | None:
    """Return the number of items of a rough ranking that hold almost all of the best, or None with too few states.

    The rotation of the measurement is fitted to other states than it measures: on its own states it loses too little.

    Args:
        table: float32[items, hidden]. It may be mapped and larger than memory, so it is read in chunks.
        states: float32[n, hidden], states as they are scored.
        dims: rotated dimensions of the rough ranking.
    """
    if len(states) < 2 * FEWEST:
        return None
    rows = sample(table)
    input_hash = hashlib.sha256(np.ascontiguousarray(rows[:: -(-len(rows) // DEEPEST)]).data)
    input_hash.update(np.ascontiguousarray(states).data)
    input_hash.update(str((table.shape, dims)).encode())
    key = input_hash.digest()
    if key not in _LAST:
        measured, others = states[1::2][:STATES], np.concatenate([states[::2], states[1::2][STATES:]])
        places = _places_of_best(table, measured, rotation(rows, others, dims))
        _LAST.clear()
        _LAST[key] = int(np.ceil(MARGIN * np.quantile(places, FOUND)))
    return _LAST[key]


def _places_of_best(table: Floats, states: Floats, rotated: Rotation) -> NDArray[np.int64]:
    """Return the places of the best `BEST` items of each state in its rough ranking, 1 to `DEEPEST`."""
    rough_states = states @ rotated.states
    none = np.empty((len(states), 0), np.float32)
    exact, rough, deepest = none, none, none  # the best so far, their rough scores, and the best rough scores
    for chunk in chunks(table):
        exact_scores, rough_scores = states @ chunk.T, rough_states @ ((chunk - rotated.centre) @ rotated.rows).T
        exact, rough = np.hstack([exact, exact_scores]), np.hstack([rough, rough_scores])
        best = _best(exact, BEST)
        exact, rough = np.take_along_axis(exact, best, axis=1), np.take_along_axis(rough, best, axis=1)
        deepest = np.hstack([deepest, rough_scores])
        deepest = np.take_along_axis(deepest, _best(deepest, DEEPEST), axis=1)
    ahead = [np.searchsorted(np.sort(-ranked), -scores) for ranked, scores in zip(deepest, rough, strict=True)]
    return np.minimum(np.concatenate(ahead) + 1, DEEPEST)


def _best(scores: Floats, count: int) -> NDArray[np.int64]:
    """Return the places of the best scores of each row, in any order."""
    return np.argpartition(-scores, min(count, scores.shape[1]) - 1, axis=1)[:, :count]
