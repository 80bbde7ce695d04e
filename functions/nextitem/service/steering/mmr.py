"""Order items by maximal marginal relevance (MMR): what a visitor may want, but unlike what the answer has already.

The rule of Carbonell and Goldstein (1998), https://doi.org/10.1145/290941.291025. The next item is the one with the
largest ``(1 - weight) * relevance - weight * similarity``:

- `relevance`: the item's score, or what it is drawn by, scaled so that the best of the ranked items has 1 and the last
  one 0.
- `similarity`: the largest cosine of its row and the row of an item that has a place; 0 while there is none.

Of equal values the item that is ranked higher comes first.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from nextitem.model.engine import RankedItem

Vectors = NDArray[np.float32]


class Mmr(msgspec.Struct, frozen=True):
    """How much an answer avoids similar items.

    Attributes:
        weight: of the similarity, 0 to 1.
        rows_of: the rows of some items, float32[items, hidden]. Their lengths do not matter.
    """

    weight: float
    rows_of: Callable[[Sequence[int]], Vectors]


class Placed:
    """The directions of the items of an answer, while its places are filled."""

    def __init__(self, mmr: Mmr) -> None:
        self._mmr = mmr
        self._known: dict[int, Vectors] = {}
        self._directions: list[Vectors] = []

    def add(self, index: int) -> None:
        """Note that an item has a place."""
        direction = self._known.get(index)
        self._directions.append(self._look_up([index])[0] if direction is None else direction)

    def in_order(self, ranked: Sequence[RankedItem], precedences: Sequence[float]) -> Iterator[RankedItem]:
        """Yield items by their marginal relevance at the time when each is asked for.

        Args:
            ranked: the items.
            precedences: by what they are ranked, in descending order: their scores, unless they are drawn.
        """
        if not ranked:
            return
        candidates = self._look_up([item.index for item in ranked])
        scores = np.array(precedences)
        relevance = (scores - scores[-1]) / ((scores[0] - scores[-1]) or 1)
        similarity, compared = np.zeros(len(ranked)), 0
        is_left = np.ones(len(ranked), np.bool_)
        for _ in ranked:
            for direction in self._directions[compared:]:
                cosines = (candidates @ direction).astype(np.float64)  # a product in float32 rounds
                similarity = np.maximum(similarity, cosines) if compared else cosines
                compared += 1
            value = (1 - self._mmr.weight) * relevance - self._mmr.weight * similarity
            best = int(np.where(is_left, value, -np.inf).argmax())
            is_left[best] = False
            yield ranked[best]

    def _look_up(self, indices: Sequence[int]) -> Vectors:
        rows = self._mmr.rows_of(indices)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        directions: Vectors = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
        self._known.update(zip(indices, directions, strict=True))
        return directions
