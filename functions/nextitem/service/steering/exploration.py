"""Let new items have places that their scores do not give them, so that visitors show what they are worth.

The items of these places are drawn by the model's own probabilities, without chance: a hash of the session's log and of
the item stands for the random number, so a retry gets the same answer and another session another draw.
"""

import math
from collections.abc import Callable, Sequence
from hashlib import blake2b

import msgspec
import numpy as np

from nextitem.catalogue.selection import of_indices
from nextitem.catalogue.served_items import ServedItems
from nextitem.model.engine import RankedItem
from nextitem.service.steering.compose import Plan, Promotion
from nextitem.service.steering.pool import Pool
from nextitem.service.steering.ranker import Ranker

MOST_DRAWN = 50
"""Best new items among which is drawn at once: a hash costs a microsecond, and worse items would hardly be drawn."""
_HASH_BYTES = 8
_MOST_KEY = 64
"""Length of the longest key of BLAKE2b."""


def explored(plan: Plan, share: float, ranker: Ranker, items: ServedItems, seed: bytes) -> Plan:
    """Return a plan that gives new items a share of the places beyond their scores.

    Args:
        plan: the plan; its promotions come first.
        share: of the places, over 0, at most 1.
        ranker: scores the items of the answer.
        items: the items of the model that answers, new ones among them.
        seed: names the session's log.
    """
    count = len(items)
    new = of_indices(np.arange(items.of_model, count, dtype=np.int64), count)
    drawn = DrawingRanker(ranker, items.item_id, seed)
    return msgspec.structs.replace(plan, promotions=(*plan.promotions, Promotion(new, share, "new", drawn)))


class DrawingRanker(Ranker):
    """Ranks items in an order that is drawn by their probabilities, as if one were taken out after the other.

    The best `MOST_DRAWN` items of a pool are drawn among, then the next ones: whatever the number of places, so that a
    longer answer begins with a shorter one's items.

    Adding a Gumbel variable to the logarithm of each probability gives that order
    (https://en.wikipedia.org/wiki/Gumbel_distribution#Gumbel_reparameterization_tricks). The scores stay as they are.
    """

    at_once = MOST_DRAWN

    def __init__(self, ranker: Ranker, item_id: Callable[[int], str], seed: bytes) -> None:
        self._ranker, self._item_id, self._seed = ranker, item_id, seed[:_MOST_KEY]

    def best(self, pool: Pool, exclude: Sequence[int], k: int) -> list[RankedItem]:
        """See `Ranker`: the best k items, in the order of the draw."""
        return sorted(self._ranker.best(pool, exclude, k), key=self.precedence, reverse=True)

    def boosted(self, score: float, factor: float) -> float:
        """See `Ranker`."""
        return self._ranker.boosted(score, factor)

    def precedence(self, item: RankedItem) -> float:
        """See `Ranker`: the logarithm of the probability, and a draw."""
        return item.score + self._gumbel(item.index)

    def _gumbel(self, index: int) -> float:
        digest = blake2b(self._item_id(index).encode(), key=self._seed, digest_size=_HASH_BYTES).digest()
        uniform = (int.from_bytes(digest) + 0.5) / 256**_HASH_BYTES
        return -math.log(-math.log(min(uniform, 1 - 1e-16)))
