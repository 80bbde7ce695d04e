"""The demo's catalogue: the products of the simulated shop, and newcomers that no model has seen.

It is written without the packages of `nextitem items publish`, which `make run` does not install.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from model_export.simulator import DAYS, START, Shop
from model_export.simulator.clock import DAY
from model_export.simulator.items import ITEM_COLUMNS, item_row
from model_export.simulator.products import Product
from nextitem.catalogue.times import iso_8601
from nextitem.catalogue.writer import ColumnData, number_data, text_data, write_catalogue

NEWCOMERS = 16
"""One of each category."""
TRENDING_FIELD = "category"
"""What trends is counted by this column, too."""
NAMED_FILTERS = {
    "new": {"added": {"gte": iso_8601((START + DAYS * DAY) * 1000)}},
    "gifts": {"price": {"lt": 30}},
}


def demo_products() -> tuple[Product, ...]:
    """Return the products of the demo's shop, the newcomers last."""
    shop = Shop()
    return (*shop.products, *shop.newcomers(NEWCOMERS))


def write_demo_catalogue(path: Path) -> None:
    """Write the catalogue of the demo's shop."""
    rows = sorted(map(item_row, demo_products()), key=lambda row: str(row["item_id"]).encode())
    columns = {name: _column([row[name] for row in rows]) for name in ITEM_COLUMNS if name != "item_id"}
    write_catalogue(path, [str(row["item_id"]) for row in rows], columns, NAMED_FILTERS)


def _column(values: Sequence[Any]) -> ColumnData:
    sample = next(value for value in values if value is not None)
    if isinstance(sample, datetime):
        return number_data([value.timestamp() * 1000 for value in values], "time")
    return text_data(values) if isinstance(sample, str) else number_data(values)
