"""The shop: its products, and any number of sessions. Everything depends on seeds only."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice
from operator import attrgetter

from model_export.simulator.actions import Action, EventType, actions_of
from model_export.simulator.chance import Chance
from model_export.simulator.clock import DAY, DAYS, START, Period
from model_export.simulator.products import Product, make_products
from model_export.simulator.shelves import Shelves
from model_export.simulator.shopper import Intent, Shopper, Step

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
    actions: tuple[Action, ...] = ()
    """Likes, carts and purchases, in the order of time."""

    def events(self) -> Iterator[Action]:
        """Yield the views and the other actions in the order of time."""
        views = (Action(item_id, time, EventType.VIEW) for item_id, time in zip(self.item_ids, self.times, strict=True))
        return merge(views, self.actions, key=attrgetter("time"))


class Shop:
    """A simulated shop.

    Args:
        seed: decides popularity and companions; names and prices are always the same.
        products: number of products.
        arrivals: share of the products whose sale begins in the period from `START` over `DAYS`. No shopper finds a
            product before it does.
        sold_out: share of the products that run out in this period. No visit that begins later finds them.

    Raises:
        ValueError: if `products` is outside `MIN_PRODUCTS` to `MAX_PRODUCTS`, or a share outside 0 to `MAX_SHARE`.
    """

    def __init__(self, seed: int = 7, products: int = 400, *, arrivals: float = 0.0, sold_out: float = 0.0) -> None:
        self.products: tuple[Product, ...] = make_products(seed, products, arrivals=arrivals, sold_out=sold_out)
        self._seed = seed
        self._changes = bool(arrivals or sold_out)
        self._shelves = Shelves(seed, self.products)
        self._by_id = {product.item_id: product for product in self.products}

    def product(self, item_id: str) -> Product:
        """Return the product of that id.

        Raises:
            KeyError: if the shop sells no such item.
        """
        return self._by_id[item_id]

    def newcomers(self, count: int) -> tuple[Product, ...]:
        """Return products that the shop adds when the default period is over, so that no session has them.

        Raises:
            ValueError: if the shop would have more than `MAX_PRODUCTS`.
        """
        grown = make_products(self._seed, len(self.products) + count)
        return tuple(
            replace(product, added=START + DAYS * DAY) for product in grown if product.item_id not in self._by_id
        )

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
        period = self._period(start, days)
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
        return self._session(index, count, seed, self._period(start, days))

    def _period(self, start: float, days: float) -> Period:
        if self._changes and start < START:
            raise ValueError(f"a shop whose products arrive or run out has no traffic before {START}, as from {start}")
        return Period(start, days)

    def _session(self, index: int, count: int, seed: int, period: Period) -> Session:
        chance = Chance(self._seed, "session", seed, index)
        length = MIN_LENGTH
        while length < MAX_LENGTH and chance.happens(_LOOK_ON):
            length += 1
        walk = Shopper(self._shelves, chance).walk()
        if self._changes:
            walk = _found(walk, period.opening(index / count))
        steps = tuple(islice(walk, length))
        times = period.visit(index, count, length, chance)
        return Session(
            session_id=f"shop-{seed}-{index:07d}",
            item_ids=tuple(step.product.item_id for step in steps),
            times=times,
            intents=tuple(step.intent for step in steps),
            # A stream of its own: what shoppers buy does not change where they go.
            actions=tuple(actions_of(steps, times, period.end, Chance(self._seed, "actions", seed, index))),
        )


def _found(walk: Iterable[Step], time: float) -> Iterator[Step]:
    """Yield the steps to products on sale at a time; never the same product twice in a row."""
    last = None
    for step in walk:
        if step.product is not last and step.product.is_on_sale(time):
            last = step.product
            yield step
