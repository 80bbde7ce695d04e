"""Files of random items with 20 attributes of every kind, as a shop has them."""

from collections.abc import Collection
from pathlib import Path

import duckdb

TEXTS = {"title": 1_000_000_000, "image": 1_000_000_000, "category": 200, "brand": 2000, "colour": 12, "size": 30,
         "material": 50, "season": 4}  # fmt: skip
"""Columns of texts, and how many different ones there are."""
NUMBERS = {"price": 2, "weight": 3, "rating": 1, "reviews": 0, "stock": 0}
"""Columns of numbers, and their digits after the point."""
BOOLEANS = ("available", "sustainable", "clearance")
TIMES = ("since", "until")
LISTS = ("tags", "occasions")
ATTRIBUTES = (*TEXTS, *NUMBERS, *BOOLEANS, *TIMES, *LISTS)


FEW = ("title", "category", "price")
"""The attributes of the demo."""


def write_products(path: Path, items: int, attributes: Collection[str] = ATTRIBUTES) -> None:
    """Write a file of items ``item-000000``, ``item-000001`` and so on; the same number of items gives the same file.

    Args:
        path: a .csv or .parquet.
        items: how many.
        attributes: which of `ATTRIBUTES` the items have.
    """
    is_csv = path.suffix == ".csv"
    tags = ("concat_ws('|', {}, {})" if is_csv else "[{}, {}]").format
    columns = [
        *(f"'{name} ' || hash(i, '{name}') % {count} AS {name}" for name, count in TEXTS.items()),
        *(f"round(hash(i, '{name}') % 100000 / 100.0, {digits}) AS {name}" for name, digits in NUMBERS.items()),
        *(f"hash(i, '{name}') % 10 > 0 AS {name}" for name in BOOLEANS),
        *(f"TIMESTAMP '2020-01-01' + to_seconds(hash(i, '{name}') % 190000000) AS {name}" for name in TIMES),
        *(tags(*(f"'{name} ' || hash(i, {part}) % {40 + part}" for part in (0, 1))) + f" AS {name}" for name in LISTS),
    ]
    chosen = [column for column in columns if column.rpartition(" AS ")[2] in attributes]
    with duckdb.connect() as connection:
        options = "HEADER" if is_csv else "FORMAT parquet"
        selected = ", ".join(["format('item-{:06}', i) AS item_id", *chosen])
        connection.execute(f"COPY (SELECT {selected} FROM range({items}) t(i)) TO '{path}' ({options})")  # noqa: S608 - our own names
