"""The products that the shop's page shows, and how the demo's sessions connect them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from model_export.simulator import CATEGORIES, Session, Shop
from nextitem.model.engine import Model

OTHER = "item"
NEIGHBOURS = 12
SESSIONS_SHOWN = 12


@dataclass(frozen=True)
class ShopCategory:
    """A category: the prefix of its ids, and its name."""

    prefix: str
    label: str


@dataclass(frozen=True)
class ShopProduct:
    """A product of the page. `price` is in cents; None where only the id is known."""

    item_id: str
    name: str
    category: str
    price: int | None
    popularity: float


@dataclass(frozen=True)
class Neighbour:
    """An item, and the number of sessions that connect it."""

    item_id: str
    sessions: int


@dataclass(frozen=True)
class DemoSession:
    """A session of the demo with an item in it."""

    session_id: str
    item_ids: tuple[str, ...]


@dataclass(frozen=True)
class ItemView:
    """An item: its neighbours, the items that followed it directly, and sessions that have it."""

    item_id: str
    sessions_with_it: int
    sessions_counted: int
    neighbours: tuple[Neighbour, ...]
    followers: tuple[Neighbour, ...]
    sessions: tuple[DemoSession, ...]


def shop_categories() -> tuple[ShopCategory, ...]:
    """Return the categories of the simulated shop."""
    return tuple(ShopCategory(category.prefix, category.label) for category in CATEGORIES)


def shop_products(shop: Shop, model: Model) -> tuple[ShopProduct, ...]:
    """Return the products of the simulated shop that a model knows.

    A model of another shop knows none of them. Then its most popular items are returned, with their ids as names.
    """
    known = tuple(
        ShopProduct(product.item_id, product.name, product.category, product.price, product.popularity)
        for product in shop.products
        if model.vocabulary.index(product.item_id) is not None
    )
    if known:
        return known
    return tuple(
        ShopProduct(item_id := model.vocabulary.item_id(item.index), item_id, OTHER, None, item.share)
        for item in model.manifest.popular
    )


def item_view(item_id: str, sessions: Sequence[Session]) -> ItemView:
    """Count an item's neighbours in some sessions."""
    having = [session for session in sessions if item_id in session.item_ids]
    together = Counter(other for session in having for other in set(session.item_ids) - {item_id})
    followers = Counter(
        after
        for session in having
        for after in {after for item, after in pairwise(session.item_ids) if item == item_id and after != item_id}
    )
    return ItemView(
        item_id,
        len(having),
        len(sessions),
        _most_common(together),
        _most_common(followers),
        tuple(DemoSession(session.session_id, session.item_ids) for session in having[:SESSIONS_SHOWN]),
    )


def _most_common(counts: Counter[str]) -> tuple[Neighbour, ...]:
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Neighbour(item_id, count) for item_id, count in ranked[:NEIGHBOURS])
