"""Blend the network's score of an item, its votes and its place in the session into one score.

score = log(exp(network) + exp(weight) * share of the votes + exp(revisit) / age^revisit_decay)

The last term counts for items of the session only. The sum is a mixture of three distributions without their
normaliser, so a score depends on the session and the item alone: it is the same in a list of any length and among any
candidates. The newest event's item has weights of its own, because shops differ most in how often it is the next item.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ages = NDArray[np.int64]

NEWEST = 0
"""The age of the newest event's item."""
UNSEEN = -1
"""The age of an item that is not in the session."""


class Blend(msgspec.Struct, frozen=True):
    """The weights of a blend, fitted on the validation days.

    Attributes:
        weight: logarithm of the weight of all votes together, on the scale of the network's scores.
        repeat_score: added to the network's score of the newest event's item.
        repeat_votes: factor of the votes for that item, 0 to 1.
        revisit: logarithm of the weight of the item one event before the newest, for being in the session.
        revisit_decay: an older item's weight is divided by its age, in events, to this power.
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
            ages: int64[..., n], number of events newer than the item's newest one; `UNSEEN` for other items.
        """
        with np.errstate(divide="ignore"):
            votes = np.log(shares) + np.float32(self.weight)
        network = scores + np.where(ages == NEWEST, np.float32(self.repeat_score), np.float32(0.0))
        decay = np.float32(self.revisit_decay) * np.log(np.maximum(ages, 1), dtype=np.float32)
        revisits = np.where(ages > NEWEST, np.float32(self.revisit) - decay, np.float32(-np.inf))
        return np.asarray(np.logaddexp(np.logaddexp(network, votes), revisits), np.float32)


def ages_of(items: NDArray[np.int64], session: NDArray[np.int32]) -> Ages:
    """Return the ages of some items in a session.

    Args:
        items: int64[n], distinct, in ascending order.
        session: int32[m], item codes, oldest first.

    Example:
        >>> ages_of(np.arange(4), np.array([2, 1, 2, 0], np.int32)).tolist()
        [0, 2, 1, -1]
    """
    ages = np.full(len(items), UNSEEN)
    places = np.minimum(np.searchsorted(items, session), len(items) - 1)
    known = items[places] == session
    # numpy keeps the last assignment to an index, and the last one is a repeated item's newest event.
    ages[places[known]] = (len(session) - 1 - np.arange(len(session)))[known]
    return ages
