"""Blend the network's score of an item, its votes and its place in the session into one score.

score = log(exp(scale * network) + exp(weight) * share of the votes + exp(revisit) / age^revisit_decay)

The last term counts for items of the session only. The sum is a mixture of three distributions without their
normaliser, so a score depends on the session and the item alone: it is the same in a list of any length and among any
candidates. The newest event's item has weights of its own, because shops differ most in how often it is the next item.
The weights are gates: they depend on how much the visitor has gone back so far, which says how likely they do it again.
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
MOST_DISTINCT = 20
"""Distinct items of a session that a gate tells apart: few sessions have more to learn from."""
LEAST_SEEN = 1e-3
"""Added to `seen` under the logarithm."""


class Gate(msgspec.Struct, frozen=True):
    """A weight that depends on the session.

    constant + distinct * log(d) + variety * d / n + seen * log(s + `LEAST_SEEN`), where d is the number of distinct
    items, n that of events, and s the share of the votes for items of the session other than the newest.
    """

    constant: float = 0.0
    distinct: float = 0.0
    variety: float = 0.0
    seen: float = 0.0

    def of(self, features: Floats) -> Floats:
        """Return the weights of sessions, float32[..., 1], whose `features` are float32[..., 3]."""
        slopes = np.array([self.distinct, self.variety, self.seen], np.float32)
        return np.asarray((features @ slopes)[..., None] + np.float32(self.constant), np.float32)


class Blend(msgspec.Struct, frozen=True):
    """The weights of a blend, fitted on the validation days.

    Attributes:
        weight: logarithm of the weight of all votes together, on the scale of the network's scores.
        scale: multiplies the network's scores.
        repeat: added to the network's score of the newest event's item.
        repeat_votes: factor of the votes for that item, 0 to 1.
        revisit: logarithm of the weight of the item one event before the newest, for being in the session.
        revisit_decay: an older item's weight is divided by its age, in events, to this power.
    """

    weight: Gate
    scale: float = 1.0
    repeat: Gate = Gate()
    repeat_votes: float = 1.0
    revisit: Gate = Gate(-100.0)
    revisit_decay: float = 1.0

    def scores(self, scores: Floats, votes: Floats, ages: Ages, events: NDArray[np.int64]) -> Floats:
        """Return the blended scores.

        Args:
            scores: float32[..., n], the network's.
            votes: float32[..., n], the memory's; 0 for items that it does not recall.
            ages: int64[..., n], number of events newer than the item's newest one; `UNSEEN` for other items. All items
                of the session are among the n.
            events: int64[...], events of the session.
        """
        kept = np.where(ages == NEWEST, votes * np.float32(self.repeat_votes), votes)
        shares = kept / np.maximum(kept.sum(axis=-1, keepdims=True), np.finfo(np.float32).tiny)
        features = features_of(shares, ages, events)
        with np.errstate(divide="ignore"):
            voted = np.log(shares) + self.weight.of(features)
        repeat = np.where(ages == NEWEST, self.repeat.of(features), np.float32(0.0))
        network = scores * np.float32(self.scale) + repeat
        decay = np.float32(self.revisit_decay) * np.log(np.maximum(ages, 1), dtype=np.float32)
        revisits = np.where(ages > NEWEST, self.revisit.of(features) - decay, np.float32(-np.inf))
        return np.asarray(np.logaddexp(np.logaddexp(network, voted), revisits), np.float32)


def features_of(shares: Floats, ages: Ages, events: NDArray[np.int64]) -> Floats:
    """Return what a gate multiplies its slopes with, float32[..., 3]: see `Gate`, and `Blend.scores` for the rest."""
    distinct = np.maximum((ages != UNSEEN).sum(axis=-1), 1)
    seen = np.where(ages > NEWEST, shares, np.float32(0.0)).sum(axis=-1)
    features = (
        np.log(np.minimum(distinct, MOST_DISTINCT)),
        distinct / np.maximum(events, 1),
        np.log(seen + np.float32(LEAST_SEEN)),
    )
    return np.stack(features, axis=-1).astype(np.float32)


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
