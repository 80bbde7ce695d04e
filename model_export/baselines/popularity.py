"""Popularity: recommend the most frequent items of train to every session."""

import numpy as np
from numpy.typing import NDArray

from model_export.baselines.scoring import ItemScores
from model_export.data.sessions import Sessions


class Popularity:
    """Scores an item by its number of train events."""

    def __init__(self, train: Sessions) -> None:
        self.items = len(train.catalogue)
        counts = np.bincount(train.codes, minlength=self.items).astype(np.float64)
        self._scores = ItemScores(np.arange(self.items), counts)

    def score(self, _prefix: NDArray[np.int32], /) -> ItemScores:
        """See `Scorer.score`; the same for every prefix."""
        return self._scores
