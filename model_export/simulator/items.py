"""The catalogue file of a shop: a row per product with its attributes, for `nextitem items publish`."""

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from model_export.simulator.catalogue import CATEGORIES
from model_export.simulator.files import replacing, write_rows
from model_export.simulator.products import Product

ITEM_COLUMNS = (
    "item_id",
    "title",
    "category",
    "brand",
    "price",
    "colour",
    "size",
    "material",
    "added",
    "stock",
)
ITEM_SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
CENTS = 100

Value = str | float | int | datetime | None
_CATEGORY = {category.prefix: category for category in CATEGORIES}


def item_row(product: Product) -> dict[str, Value]:
    """Return the attributes of a product; None where it has no such attribute.

    `price` is in whole currency units, `stock` the pieces at the end of the shop's default period.
    """
    category = _CATEGORY[product.category]
    return {
        **dict.fromkeys(ITEM_COLUMNS),
        "item_id": product.item_id,
        "title": product.name,
        "category": category.label,
        "brand": product.brand,
        "price": product.price / CENTS,
        category.varies_in: product.variant,
        "added": datetime.fromtimestamp(product.added, UTC),
        "stock": product.stock,
    }


def write_items(path: str | os.PathLike[str], products: Iterable[Product]) -> int:
    """Write a row per product, as the name of the file says: one of `ITEM_SUFFIXES`.

    Returns:
        The number of products written.

    Raises:
        OSError: the file cannot be written; an older file of that name is then untouched.
    """
    place, rows = Path(path), [item_row(product) for product in products]
    if place.name.endswith(".parquet"):
        import pyarrow as pa  # the demo does without it
        from pyarrow import parquet

        kinds = {"price": pa.float64(), "stock": pa.int64(), "added": pa.timestamp("ms", tz="UTC")}
        schema = pa.schema([(name, kinds.get(name, pa.string())) for name in ITEM_COLUMNS])
        with replacing(place) as file:
            parquet.write_table(pa.Table.from_pylist(rows, schema), file)
        return len(rows)
    if place.name.removesuffix(".gz").endswith(".jsonl"):
        with replacing(place) as file:
            file.writelines(f"{json.dumps(_present(row), default=_iso)}\n".encode() for row in rows)
        return len(rows)
    return write_rows(place, ITEM_COLUMNS, (tuple(map(_text, row.values())) for row in rows))


def _present(row: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in row.items() if value is not None}


def _text(value: Value) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:.2f}"
        case datetime():
            return _iso(value)
        case _:
            return str(value)


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
