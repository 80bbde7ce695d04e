"""The catalogue file: the same attributes in each format."""

import csv
import gzip
import json
from datetime import datetime
from pathlib import Path

import pytest
from pyarrow import parquet

from model_export.simulator import CATEGORIES, Shop
from model_export.simulator.items import ITEM_COLUMNS, ITEM_SUFFIXES, item_row, write_items

SHOP = Shop(3, 64, arrivals=0.2, sold_out=0.1)


def read(path: Path) -> list[dict[str, object]]:
    """Read a file of items by libraries of its format; texts of a CSV get the types of `item_row`."""
    if path.suffix == ".parquet":
        return list(parquet.read_table(path).to_pylist())
    packed = path.suffix == ".gz"
    text = (gzip.decompress(path.read_bytes()) if packed else path.read_bytes()).decode()
    if ".jsonl" in path.name:
        assert "null" not in text
        loaded = [dict.fromkeys(ITEM_COLUMNS) | json.loads(line) for line in text.splitlines()]
        return [row | {"added": datetime.fromisoformat(row["added"])} for row in loaded]
    kinds = {"price": float, "stock": int, "added": datetime.fromisoformat}
    return [
        {name: kinds.get(name, str)(value) if value else None for name, value in row.items()}  # type: ignore[operator] # join of three constructors
        for row in csv.DictReader(text.splitlines())
    ]


@pytest.mark.parametrize("suffix", ITEM_SUFFIXES)
def test_items_read_back_as_they_were(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"items{suffix}"
    assert write_items(path, SHOP.products) == len(SHOP.products)
    assert read(path) == [item_row(product) for product in SHOP.products]
    assert list(tmp_path.iterdir()) == [path]


def test_attributes_are_those_of_the_product() -> None:
    # GIVEN a coffee, which varies in size
    coffee = next(product for product in SHOP.products if product.category == "coffee")
    # WHEN its row is made
    row = item_row(coffee)
    # THEN its price is in whole units, and it has no colour
    assert row["title"] == coffee.name
    assert row["category"] == "Coffee beans"
    assert row["price"] == coffee.price / 100
    assert (row["size"], row["colour"], row["material"]) == (coffee.variant, None, None)


def test_every_product_has_one_variant() -> None:
    for product in SHOP.products:
        row = item_row(product)
        assert [row[name] for name in ("colour", "size", "material") if row[name] is not None] == [product.variant]
    assert {category.varies_in for category in CATEGORIES} == {"colour", "size", "material"}
