"""Filters from JSON: what they keep, what is refused, and where."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextitem.catalogue.expressions import resolve
from nextitem.catalogue.file import Catalogue
from nextitem.catalogue.filters import MAX_CONDITIONS, MAX_DEPTH, MAX_VALUES, parse_filter
from nextitem.catalogue.masks import keeps, select
from nextitem.errors import RequestError
from tests.nextitem.catalogue.strategies import Cells, kept, served, written

CELLS: Cells = {
    "category": ("string", ["shoes", "shoes", "hats", None]),
    "tags": ("strings", [["new", "red"], None, ["red"], ["blue"]]),
    "price": ("number", [10.0, 50.0, None, 9.5]),
    "outlet": ("boolean", [True, False, None, True]),
    "since": ("time", [0.0, 86_400_000.0, None, 1e12]),
}
NAMED = {"cheap": {"price": {"lt": 20}}, "loop": {"named": "loop"}}
IDS = ["a", "b", "c", "d"]


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return written(tmp_path / "catalogue.bin", IDS, CELLS, NAMED)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"category": "shoes"}, "ab"),
        ({"category": "gloves"}, ""),
        ({"category": {"in": ["hats", "gloves", "shoes"]}}, "abc"),
        ({"tags": "red"}, "ac"),
        ({"tags": {"in": ["red", "new"]}}, "ac"),
        ({"price": 10}, "a"),
        ({"price": {"in": [10, 9.5]}}, "ad"),
        ({"price": {"gte": 10, "lt": 50}}, "a"),
        ({"price": {"gt": 10, "lte": 50}}, "b"),
        ({"price": {"lt": 10}}, "d"),
        ({"price": {"gt": 50}}, ""),
        ({"price": {"lt": 10**400}}, "abd"),
        ({"price": {"gte": -(10**400)}}, "abd"),
        ({"price": 10**400}, ""),
        ({"outlet": True}, "ad"),
        ({"outlet": {"in": [True, False]}}, "abd"),
        ({"since": "1970-01-02"}, "b"),
        ({"since": {"gte": "1970-01-02T00:00:00+00:00"}}, "bd"),
        ({"category": {"missing": True}}, "de"),
        ({"tags": {"missing": True}}, "be"),
        ({"price": {"missing": False}}, "abd"),
        ({"outlet": {"missing": True}}, "ce"),
        ({"not": {"category": "shoes"}}, "cde"),
        ({"not": {"outlet": False}}, "acde"),
        ({"category": "shoes", "outlet": True}, "a"),
        ({"all": [{"tags": "red"}, {"not": {"category": "hats"}}]}, "a"),
        ({"any": [{"category": "hats"}, {"outlet": True}]}, "acd"),
        ({"named": "cheap"}, "ad"),
        ({"named": "cheap", "category": "shoes"}, "a"),
        ({"category": {"same_as": "last"}}, "ab"),
        ({"not": {"category": {"same_as": "last"}}}, "cde"),
        ({"tags": {"same_as": "last"}}, "ac"),
        ({"price": {"same_as": "last"}}, "a"),
        ({"outlet": {"same_as": "last"}}, "ad"),
    ],
)
def test_a_filter_keeps_what_its_documentation_says(
    tmp_path: Path, catalogue: Catalogue, document: dict[str, Any], expected: str
) -> None:
    # GIVEN a model that knows the catalogue's items and one more, and a session whose newest item is `a`
    items = served(tmp_path, catalogue, [*IDS, "e"])
    # WHEN the filter is applied
    parsed = resolve(parse_filter(document, catalogue), catalogue.columns, 0)
    # THEN it keeps these items; the one that the catalogue does not have counts as one without values
    assert "".join(items.item_id(index) for index in kept(select(parsed, items), 5)) == expected
    # AND a look at each item alone says the same
    assert "".join(items.item_id(index) for index in range(5) if keeps(parsed, items, np.array([index]))[0]) == expected


@pytest.mark.parametrize("last", [None, 2])
def test_without_a_value_of_the_newest_item_none_is_the_same(
    tmp_path: Path, catalogue: Catalogue, last: int | None
) -> None:
    items = served(tmp_path, catalogue, IDS)
    for field in ("price", "outlet", "since"):
        same = resolve(parse_filter({field: {"same_as": "last"}}, catalogue), catalogue.columns, last)
        assert kept(select(same, items), 4) == []


@pytest.mark.parametrize(
    ("document", "field", "said"),
    [
        ("shoes", "filter", "must be an object"),
        ({}, "filter", "at least one condition"),
        ({"colour": "red"}, "filter.colour", "unknown field; the catalogue has: category, tags, price, outlet, since"),
        ({"all": [{"category": "a"}, {"colour": 1}]}, "filter.all[1].colour", "unknown field"),
        ({"all": []}, "filter.all", "at least one filter"),
        ({"any": "ab"}, "filter.any", "list"),
        ({"not": []}, "filter.not", "must be an object"),
        ({"category": 5}, "filter.category", "must be a text: the column is of kind string"),
        ({"category": None}, "filter.category", '{"missing": true}'),
        ({"category": {"in": ["a", 5]}}, "filter.category.in", "must be a text"),
        ({"category": {"in": "shoes"}}, "filter.category.in", "list"),
        ({"category": {"in": []}}, "filter.category.in", "at least one value"),
        ({"category": {"gte": "a"}}, "filter.category.gte", "a string takes: in, same_as, missing"),
        ({"category": {}}, "filter.category", "an object with one of"),
        ({"category": {"same_as": "first"}}, "filter.category.same_as", '"last"'),
        ({"category": {"missing": 1}}, "filter.category.missing", "true or false"),
        ({"price": True}, "filter.price", "must be a number"),
        ({"price": float("nan")}, "filter.price", "must be a number"),
        ({"price": {"gte": "10"}}, "filter.price.gte", "must be a number"),
        ({"price": {"gte": 1, "gt": 1}}, "filter.price.gt", "takes the place of gte"),
        ({"outlet": 1}, "filter.outlet", "must be true or false"),
        ({"since": {"gte": 5}}, "filter.since.gte", "ISO 8601"),
        ({"since": "yesterday"}, "filter.since", "ISO 8601"),
        ({"named": "new"}, "filter.named", "the catalogue has: cheap, loop"),
        ({"named": "loop"}, "filter.named.named", "inside a named filter"),
    ],
)
def test_a_wrong_filter_is_refused_by_the_path_of_its_fault(
    catalogue: Catalogue, document: object, field: str, said: str
) -> None:
    with pytest.raises(RequestError) as refused:
        parse_filter(document, catalogue)
    assert refused.value.status == 422
    assert refused.value.field == field
    assert said in str(refused.value)


def test_a_filter_beyond_a_limit_is_refused(catalogue: Catalogue) -> None:
    def nested(levels: int) -> dict[str, Any]:
        return {"category": "a"} if levels == 1 else {"not": nested(levels - 1)}

    def several(conditions: int) -> dict[str, Any]:
        return {"any": [{"category": "a"}] * conditions}

    def listed(values: int) -> dict[str, Any]:
        return {"category": {"in": [str(value) for value in range(values)]}}

    for made, limit in ((nested, MAX_DEPTH), (several, MAX_CONDITIONS), (listed, MAX_VALUES)):
        parse_filter(made(limit), catalogue)
        with pytest.raises(RequestError, match=f"a filter may have {limit}"):
            parse_filter(made(limit + 1), catalogue)
