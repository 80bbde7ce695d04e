"""How votes and scores become one: an item's score is log(exp(network) + exp(weight) * share of the votes).

That is a mixture of both distributions without their normaliser, so that a score depends on nothing but the session and
the item: it is the same in a list of any length and among any candidates. Repeats get weights of their own, for shops
differ most in how often the next item is the one that was just looked at.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Blend(msgspec.Struct, frozen=True):
    """The weights of a blend, learned on the validation days.

    Attributes:
        weight: logarithm of what all votes together weigh, on the scale of the network's scores.
        repeat_score: added to the network's score of the newest event's item.
        repeat_votes: what is left of the votes for that item, 0 to 1.
    """

    weight: float
    repeat_score: float = 0.0
    repeat_votes: float = 1.0

    def shares(self, votes: Floats, repeats: NDArray[np.bool_]) -> Floats:
        """Return each item's share of the votes along the last axis; zeros where there are no votes."""
        kept = np.where(repeats, votes * np.float32(self.repeat_votes), votes)
        total = kept.sum(axis=-1, keepdims=True)
        return np.asarray(kept / np.maximum(total, np.finfo(np.float32).tiny), np.float32)

    def scores(self, scores: Floats, shares: Floats, repeats: NDArray[np.bool_]) -> Floats:
        """Return the blended scores.

        Args:
            scores: float32[..., n], the network's.
            shares: float32[..., n], from `shares`.
            repeats: bool[..., n], where the item is that of the newest event.
        """
        with np.errstate(divide="ignore"):
            votes = np.log(shares) + np.float32(self.weight)
        own = scores + np.where(repeats, np.float32(self.repeat_score), np.float32(0.0))
        return np.asarray(np.logaddexp(own, votes), np.float32)
