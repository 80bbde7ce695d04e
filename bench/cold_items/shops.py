"""Shops with attributes: their sessions, of whose items a tenth is held out of training, and the file of the items."""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from model_export.data.ingestion.reader import read_sessions
from model_export.data.sessions import Sessions
from model_export.data.split import Split, split_by_time
from model_export.simulator import Shop
from model_export.simulator.files import write_events
from model_export.simulator.items import write_items

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
SHARE = 10
"""One item in so many is held out."""
PRODUCTS = 2000


@dataclass(frozen=True)
class ColdShop:
    """A shop.

    Attributes:
        name: its name in the results.
        train: sessions without the held-out items.
        test: later sessions, with all items.
        items: the file of all items' attributes.
        cold: the ids of the held-out items.
        sales: of each item, its events in the training period; those of held-out items are never trained on.
        categories: of each item, what its category is taken to be.
        category: what that is, in words.
    """

    name: str
    train: Sessions
    test: Sessions
    items: Path
    cold: frozenset[str]
    sales: dict[str, int]
    categories: dict[str, str]
    category: str


def simulated_shop(folder: Path, sessions: int) -> ColdShop:
    """Return a shop of the simulator, with titles, categories, brands, prices and more."""
    shop = Shop(seed=7, products=PRODUCTS)
    events, items = folder / "events.csv", folder / "items.csv"
    write_events(events, shop.sessions(sessions, seed=1))
    write_items(items, shop.products)
    categories = {product.item_id: product.category for product in shop.products}
    return _held_out("simulator", split_by_time(read_sessions(events), 2), items, categories, "category")


def online_retail(folder: Path, test_days: int = 14) -> ColdShop | None:
    """Return the gift shop, with titles and prices; None where its data is absent.

    Its lines are those of invoices, so a session is an invoice.
    """
    source = SHARED / "online_retail"
    if not (source / "sessions.csv.gz").is_file():
        return None
    items, categories = folder / "items.csv", {}
    with items.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["item_id", "title", "price"])  # not its number of events, which a new item does not have
        for row in _rows(source / "items.csv.gz"):
            rows.writerow([row["item_id"], row["title"], row["median_price_gbp"]])
            categories[row["item_id"]] = row["title"].split()[-1]
    split = split_by_time(read_sessions(source / "sessions.csv.gz"), test_days)
    return _held_out("online_retail", split, items, categories, "last word of the title")


def _held_out(name: str, split: Split, items: Path, categories: dict[str, str], category: str) -> ColdShop:
    train = split.train
    sales = dict.fromkeys(categories, 0)
    for code in train.codes.tolist():
        sales[train.catalogue[code]] += 1
    cold = frozenset(item for item in categories if crc32(item.encode()) % SHARE == 0)
    warm = [item for item in train.catalogue if item not in cold]
    return ColdShop(name, train.recoded(warm), split.test, items, cold, sales, categories, category)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as file:
        yield from csv.DictReader(file)
