"""How network, votes and the session itself become one score of an item.

score = log(exp(network) + exp(weight) * share of the votes + exp(revisit) / age^revisit_decay), the last for items of
the session itself. That is a mixture of three distributions without their normaliser, so that a score depends on the
session and the item alone: it is the same in a list of any length and among any candidates. The newest event's item has
weights of its own, for shops differ most in how often the next item is the one just looked at.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ages = NDArray[np.int64]

NEWEST = 0
"""The age of the newest event's item."""
UNSEEN = -1
"""Stands for the age of an item that the session does not have."""


class Blend(msgspec.Struct, frozen=True):
    """The weights of a blend, learned on the validation days.

    Attributes:
        weight: logarithm of what all votes together weigh, on the scale of the network's scores.
        repeat_score: added to the network's score of the newest event's item.
        repeat_votes: what is left of the votes for that item, 0 to 1.
        revisit: logarithm of what the item of the event before the newest one weighs, for being that.
        revisit_decay: the power of its age, in events, that the weight of an older one falls by.
    """

    weight: float
    repeat_score: float = 0.0
    repeat_votes: float = 1.0
    revisit: float = -100.0
    revisit_decay: float = 1.0

    def shares(self, votes: Floats, ages: Ages) -> Floats:
        """Return each item's share of the votes along the last axis; zeros where there are no votes."""
        kept = np.where(ages == NEWEST, votes * np.float32(self.repeat_votes), votes)
        total = kept.sum(axis=-1, keepdims=True)
        return np.asarray(kept / np.maximum(total, np.finfo(np.float32).tiny), np.float32)

    def scores(self, scores: Floats, shares: Floats, ages: Ages) -> Floats:
        """Return the blended scores.

        Args:
            scores: float32[..., n], the network's.
            shares: float32[..., n], from `shares`.
            ages: int64[..., n], how many events are newer than the item's newest one; `UNSEEN` for most.
        """
        with np.errstate(divide="ignore"):
            votes = np.log(shares) + np.float32(self.weight)
        own = scores + np.where(ages == NEWEST, np.float32(self.repeat_score), np.float32(0.0))
        loss = np.float32(self.revisit_decay) * np.log(np.maximum(ages, 1), dtype=np.float32)
        again = np.where(ages > NEWEST, np.float32(self.revisit) - loss, np.float32(-np.inf))
        return np.asarray(np.logaddexp(np.logaddexp(own, votes), again), np.float32)


def ages_of(items: NDArray[np.int64], session: NDArray[np.int32]) -> Ages:
    """Return the ages of some items.

    Args:
        items: int64[n], distinct, in ascending order.
        session: int32[m], item codes, oldest first.
    """
    found = np.full(len(items), UNSEEN)
    place = np.minimum(np.searchsorted(items, session), len(items) - 1)
    known = items[place] == session
    # Of an item that repeats, the last one assigned stands: its newest event.
    found[place[known]] = (len(session) - 1 - np.arange(len(session)))[known]
    return found
