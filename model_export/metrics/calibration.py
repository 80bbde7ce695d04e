"""How far probabilities are from how often they come true."""

import numpy as np
from numpy.typing import NDArray

BINS = 20
"""Bins of equal counts. Most probabilities are small: bins of equal width would leave nearly all in the first."""


def calibration_error(probabilities: NDArray[np.floating], came: NDArray[np.bool_]) -> float:
    """Return the expected calibration error: the mean distance of the mean probability from the share that came true.

    Args:
        probabilities: [n], each from 0 to 1; they are sorted into `BINS` bins of equal counts.
        came: bool[n], whether each came true.

    Example:
        >>> calibration_error(np.array([0.25] * 4), np.array([True, False, False, False]))
        0.0
    """
    order = np.argsort(probabilities, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if len(part)]
    distances = [abs(float(probabilities[part].mean() - came[part].mean())) for part in bins]
    return float(np.average(distances, weights=[len(part) for part in bins])) if bins else 0.0
