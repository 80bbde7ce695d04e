"""A memory and the blend that was learned for it, as one scorer: what the score graph is proved against."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.memory.blend import Blend, ages_of
from model_export.memory.recall import Memory

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class BlendedMemory:
    """A memory that knows how much it counts."""

    memory: Memory
    blend: Blend

    @property
    def items(self) -> int:
        """Size of the catalogue."""
        return len(self.memory.index.item_rarity)

    def scores(self, scores: Floats, session: NDArray[np.int32]) -> Floats:
        """Return the blended score of every item.

        Args:
            scores: float32[items], the network's.
            session: int32[n], item codes, oldest first; none recalls nothing.
        """
        votes = np.zeros(len(scores), np.float32)
        items, found = self.memory.votes(session)
        votes[items] = found
        ages = ages_of(np.arange(len(scores)), session)
        return self.blend.scores(scores, self.blend.shares(votes, ages), ages)
