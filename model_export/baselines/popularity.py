"""Popularity: every session is offered what occurs most often in train.

It knows nothing of the session it recommends to; that is the point of it as a floor.
"""

import numpy as np
from numpy.typing import NDArray

from model_export.baselines.scoring import Scored
from model_export.data.sessions import Sessions


class Popularity:
    """Scores an item by its number of train events."""

    def __init__(self, train: Sessions) -> None:
        self.items = len(train.catalogue)
        counts = np.bincount(train.codes, minlength=self.items).astype(np.float64)
        self._scored = Scored(np.arange(self.items), counts)

    def scored(self, prefix: NDArray[np.int32]) -> Scored:  # noqa: ARG002 - the same for every prefix
        """See `Scorer.scored`."""
        return self._scored
