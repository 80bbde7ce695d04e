"""Find the directions in which the scores of a catalogue differ most: a truncated pass keeps only these.

With A = E[h hT] over states and L = chol(A), a score h.e is (L^-1 h).(LT e), and L^-1 h is the same in all directions.
The error of scoring by d of them is least along the first eigenvectors of LT cov(E) L. Centring the rows adds the same
to all scores of a state, so it changes no order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SAMPLE = 200_000
"""Rows from which the covariance and the range of the codes are computed."""
FLOOR = 1e-3
"""Share of the mean variance that is added to every direction: held-out states do not span all of them."""


@dataclass(frozen=True)
class Rotation:
    """Maps rows and states so that their inner product is about the score, up to a constant for each state.

    Attributes:
        centre: float32[hidden], subtracted from rows.
        rows: float32[hidden, dims], applied to rows.
        states: float32[hidden, dims], applied to states.
    """

    centre: Floats
    rows: Floats
    states: Floats


def sample(table: Floats) -> Floats:
    """Return evenly spaced rows of a table, at most `SAMPLE`."""
    return np.asarray(table[:: -(-len(table) // SAMPLE)], np.float32)


def rotation(rows: Floats, states: Floats, dims: int) -> Rotation:
    """Return the best rotation into `dims` dimensions; with all of them, the rows' own axes.

    Args:
        rows: a sample of the table.
        states: states as they are scored.
        dims: 1 to hidden.
    """
    hidden = rows.shape[1]
    centre = rows.mean(axis=0, dtype=np.float64)
    if dims == hidden:
        axes = np.eye(hidden, dtype=np.float32)
        return Rotation(centre.astype(np.float32), axes, axes)
    moments = states.T.astype(np.float64) @ states / max(1, len(states))
    mean = np.trace(moments) / hidden
    moments += np.eye(hidden) * (FLOOR * mean if mean > 0 else 1.0)  # without any states, all directions are equal
    lower = np.linalg.cholesky(moments)
    centred = rows - centre
    covariance = centred.T @ centred / len(rows)
    _, vectors = np.linalg.eigh(lower.T @ covariance @ lower)
    kept = vectors[:, ::-1][:, :dims]
    onto_rows = lower @ kept
    onto_states = np.linalg.solve(lower.T, kept)
    return Rotation(centre.astype(np.float32), onto_rows.astype(np.float32), onto_states.astype(np.float32))
