"""Score items with a memory and its blend: the reference that the score graph is compared with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.memory.blend import Blend, ages_of
from model_export.memory.recall import Memory

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class BlendedMemory:
    """A memory and the weights of its blend with the network."""

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
            session: int32[n], item codes, oldest first; an empty session recalls nothing.
        """
        all_votes = np.zeros(len(scores), np.float32)
        items, votes = self.memory.votes(session)
        all_votes[items] = votes
        ages = ages_of(np.arange(len(scores)), session)
        return self.blend.scores(scores, all_votes, ages, np.asarray(len(session)))
