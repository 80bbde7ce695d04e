"""The shop: its products, and any number of sessions. Everything depends on seeds only."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from model_export.simulator.chance import Chance
from model_export.simulator.clock import Period
from model_export.simulator.products import Product, make_products
from model_export.simulator.shelves import Shelves
from model_export.simulator.shopper import Intent, Shopper

START = 1_767_225_600.0
"""2026-01-01T00:00:00Z, the default start of the traffic."""
DAYS = 14.0
"""Default length of the period."""

MIN_LENGTH = 2
MAX_LENGTH = 30
_LOOK_ON = 0.8
"""Probability that a session goes on after each item: a mean length of about six."""


@dataclass(frozen=True, slots=True)
class Session:
    """The items that a shopper looks at in a visit."""

    session_id: str
    item_ids: tuple[str, ...]
    times: tuple[float, ...]
    """Epoch seconds in whole milliseconds, ascending, one per item."""
    intents: tuple[Intent, ...]
    """The reason for each item: an explanation, hidden from models."""


class Shop:
    """A simulated shop.

    Args:
        seed: decides popularity and companions; names and prices are always the same.
        products: number of products.

    Raises:
        ValueError: if `products` is outside `MIN_PRODUCTS` to `MAX_PRODUCTS`.
    """

    def __init__(self, seed: int = 7, products: int = 400) -> None:
        self.products: tuple[Product, ...] = make_products(seed, products)
        self._seed = seed
        self._shelves = Shelves(seed, self.products)
        self._by_id = {product.item_id: product for product in self.products}

    def product(self, item_id: str) -> Product:
        """Return the product of that id.

        Raises:
            KeyError: if the shop sells no such item.
        """
        return self._by_id[item_id]

    def sessions(self, count: int, *, seed: int, start: float = START, days: float = DAYS) -> Iterator[Session]:
        """Yield `count` sessions in order of their start; none is kept in memory.

        Args:
            count: number of sessions.
            seed: decides the shoppers' walks; the same seed gives the same sessions.
            start: epoch seconds at which the period begins.
            days: length of the period, in which every event lies.

        Raises:
            ValueError: if `count` is negative or the period is unusable.
        """
        if count < 0:
            raise ValueError(f"count must not be negative, but is {count}")
        period = Period(start, days)
        return (self._session(index, count, seed, period) for index in range(count))

    def session(self, index: int, count: int, *, seed: int, start: float = START, days: float = DAYS) -> Session:
        """Return session `index` of `sessions(count, …)` without making the others.

        Load generators share the work this way: worker w of n takes the indices w, w + n, w + 2n, ... `count` decides
        the times only: item ids are the same for each count.

        Raises:
            ValueError: if `index` is outside 0..count-1 or the period is unusable.
        """
        if not 0 <= index < count:
            raise ValueError(f"index must be 0 to {count - 1}, not {index}")
        return self._session(index, count, seed, Period(start, days))

    def _session(self, index: int, count: int, seed: int, period: Period) -> Session:
        chance = Chance(self._seed, "session", seed, index)
        length = MIN_LENGTH
        while length < MAX_LENGTH and chance.happens(_LOOK_ON):
            length += 1
        steps = tuple(islice(Shopper(self._shelves, chance).walk(), length))
        return Session(
            session_id=f"shop-{seed}-{index:07d}",
            item_ids=tuple(step.product.item_id for step in steps),
            times=period.visit(index, count, length, chance),
            intents=tuple(step.intent for step in steps),
        )
