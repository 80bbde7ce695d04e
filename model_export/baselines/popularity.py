"""Popularity: every session is offered what occurs most often in train.

It knows nothing of the session it recommends to; that is the point of it as a floor.
"""

import numpy as np
from numpy.typing import NDArray

from model_export.sessions import Sessions


class Popularity:
    """Scores an item by its number of train events."""

    def __init__(self, train: Sessions) -> None:
        self._counts = np.bincount(train.codes, minlength=len(train.catalogue)).astype(np.float64)

    def scores(self, prefix: NDArray[np.int32]) -> NDArray[np.float64]:  # noqa: ARG002
        """float64[items], the same for every prefix."""
        return self._counts
