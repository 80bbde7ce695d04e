"""The requests of a step: visitors of a catalogue of any size, in an open loop."""

import random
from collections.abc import Iterator

from bench.common.random_model import item_ids
from bench.load.plan import Step, poisson_arrivals

VISITORS = 500
"""Sessions that are open at the same time; each arrival is the next event of one of them."""
MEAN_EVENTS = 5.0
"""Mean length of a session, geometrically distributed."""
POPULARITY = 1.1
"""Exponent of the Pareto distribution of the items' ranks: few items get most events."""


class Visits:
    """Plans steps over a catalogue; the same seed gives the same sessions and items.

    Args:
        items: number of items, see `bench.common.random_model.item_ids`.
        seed: decides everything.
    """

    def __init__(self, items: int, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - not for secrets
        self._events = _events(items, self._chance)

    def step(self, rate: float, seconds: float) -> Step:
        """Return the next step: random arrivals at a mean rate (per second)."""
        return Step(rate, seconds, tuple(poisson_arrivals(rate, seconds, self._chance, self._events)))


def _events(items: int, chance: random.Random) -> Iterator[tuple[str, str, str]]:
    """Yield session, item and event ids; sessions are interleaved."""
    ids = item_ids(items)
    visitors, begun = [(f"visitor-{number}", 0) for number in range(VISITORS)], VISITORS
    while True:
        place = chance.randrange(VISITORS)
        session, seen = visitors[place]
        rank = int(chance.paretovariate(POPULARITY) - 1)
        yield session, ids[rank * 7919 % items], f"{session}-{seen}"  # a prime: popular items lie all over the table
        if chance.random() < 1 / MEAN_EVENTS:
            session, seen, begun = f"visitor-{begun}", -1, begun + 1
        visitors[place] = (session, seen + 1)
