"""What filters keep of a catalogue, beside a plain reading of each item's values."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextitem.catalogue import masks
from nextitem.catalogue.aligned import AlignedColumns
from nextitem.catalogue.bounded_cache import BoundedCache
from nextitem.catalogue.columns import Kind
from nextitem.catalogue.expressions import AnyOf, Filter, HasText, InRange, memory_of, resolve
from nextitem.catalogue.filters import parse_filter
from nextitem.catalogue.join import join_of
from nextitem.catalogue.masks import keeps, select
from nextitem.catalogue.served_items import ServedItems
from nextitem.catalogue.times import iso_8601
from nextitem.model.vocabulary import Vocabulary, write_vocabulary
from tests.nextitem.catalogue.strategies import Cells, kept, served, written
from tests.nextitem.parts import STEADY

WIDE = 40
TEXTS = ["shoes", "hats", "gloves"]
NUMBERS = st.integers(-2, 2).map(float)
KINDS: dict[str, Kind] = {
    "category": "string",
    "tags": "strings",
    "price": "number",
    "outlet": "boolean",
    "since": "time",
}


def some_cells(seed: int) -> Cells:
    """Random values of every kind, few of them distinct; an item may lack any of them."""
    rng = np.random.default_rng(seed)

    def value(kind: Kind) -> Any:
        if rng.random() < 0.25:
            return None
        if kind == "string":
            return str(rng.choice(TEXTS))
        if kind == "strings":
            return rng.permutation(TEXTS)[: rng.integers(1, 4)].tolist()
        if kind == "boolean":
            return bool(rng.integers(2))
        return float(rng.integers(-2, 3)) * (1000 if kind == "time" else 1)  # whole seconds, which compare as texts

    return {name: (kind, [value(kind) for _ in range(WIDE)]) for name, kind in KINDS.items()}


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(KINDS)))
    kind = KINDS[name]
    one: st.SearchStrategy[Any] = {
        "string": st.sampled_from([*TEXTS, "none of these"]),
        "strings": st.sampled_from(TEXTS),
        "number": NUMBERS,
        "boolean": st.booleans(),
        "time": NUMBERS.map(lambda seconds: iso_8601(1000 * seconds)),
    }[kind]
    shapes: list[st.SearchStrategy[Any]] = [
        one,
        st.fixed_dictionaries({"in": st.lists(one, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"missing": st.booleans()}),
        st.just({"same_as": "last"}),
    ]
    if kind in {"number", "time"}:
        shapes += [st.fixed_dictionaries({low: one, high: one}) for low in ("gt", "gte") for high in ("lt", "lte")]
        shapes += [st.fixed_dictionaries({bound: one}) for bound in ("gt", "gte", "lt", "lte")]
    return {name: draw(st.one_of(shapes))}


FILTERS = st.recursive(
    conditions(),
    lambda part: (
        st.fixed_dictionaries({"not": part})
        | st.fixed_dictionaries({"all": st.lists(part, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"any": st.lists(part, min_size=1, max_size=3)})
    ),
    max_leaves=5,
)


def is_true(document: dict[str, Any], row: dict[str, Any], last: dict[str, Any]) -> bool:
    """The documented meaning of a filter, for one item's values as JSON."""
    results = []
    for key, value in document.items():
        if key == "not":
            results.append(not is_true(value, row, last))
        elif key in {"all", "any"}:
            results.append((all if key == "all" else any)(is_true(part, row, last) for part in value))
        else:
            results.append(fulfils(value, row.get(key), last.get(key)))
    return all(results)


def fulfils(condition: Any, value: Any, of_last: Any) -> bool:
    values = value if isinstance(value, list) else [] if value is None else [value]
    if not isinstance(condition, dict):
        return condition in values
    checks: dict[str, Callable[[Any], bool]] = {
        "in": lambda wanted: bool(set(wanted) & set(values)),
        "missing": lambda wanted: (not values) == wanted,
        "same_as": lambda _: bool(set(of_last if isinstance(of_last, list) else [of_last]) & set(values)),
        "gt": lambda bound: any(each > bound for each in values),
        "gte": lambda bound: any(each >= bound for each in values),
        "lt": lambda bound: any(each < bound for each in values),
        "lte": lambda bound: any(each <= bound for each in values),
    }
    return all(checks[key](wanted) for key, wanted in condition.items())


@pytest.mark.slow
@settings(STEADY, max_examples=60)
@given(st.data())
def test_a_filter_keeps_exactly_the_items_of_which_it_is_true(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    # GIVEN a catalogue of any values, some of whose items the model does not have, and items only the model has
    ids = [f"{number:02}" for number in range(WIDE)]
    cells = some_cells(data.draw(st.integers(0, 2**32)))
    folder = tmp_path_factory.getbasetemp()
    catalogue = written(folder / "catalogue.bin", ids, cells)
    items = served(folder, catalogue, ["00", "00x", *ids[2::2], "zz"])
    document = data.draw(FILTERS)
    last = data.draw(st.none() | st.integers(0, WIDE - 1))

    # WHEN a filter is evaluated
    parsed = resolve(parse_filter(document, catalogue), catalogue.columns, last)
    size = len(items)
    selection = select(parsed, items)

    # THEN it keeps what a reading of each item's values keeps
    rows = [items.fields(index, list(cells)) for index in range(size)]
    of_last = {} if last is None else {name: catalogue.value(name, last) for name in cells}
    expected = [index for index, row in enumerate(rows) if is_true(document, row, of_last)]
    assert kept(selection, size) == expected
    # AND so does a look at some items alone, and the next request's look into the cache
    some = np.arange(size)[::3]
    assert some[keeps(parsed, items, some)].tolist() == [index for index in expected if index % 3 == 0]
    assert select(parsed, items) is selection


@pytest.mark.parametrize("sparse_share", [1, 10_000])
def test_both_ways_of_evaluation_keep_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sparse_share: int
) -> None:
    """From positions only, and on whole columns only."""
    monkeypatch.setattr(masks, "SPARSE_SHARE", sparse_share)
    rng = np.random.default_rng(3)
    ids = [f"{number:04}" for number in range(2000)]
    prices = rng.integers(0, 50, 2000).astype(float).tolist()
    words = [None if word == 9 else TEXTS[word % 3] for word in rng.integers(0, 10, 2000).tolist()]
    lists = [None if word is None else [word, "all"] for word in words]
    cells: Cells = {"price": ("number", prices), "word": ("string", words), "list": ("strings", lists)}
    catalogue = written(tmp_path / "catalogue.bin", ids, cells)
    items = served(tmp_path, catalogue, ids)
    document = {
        "any": [
            {"price": {"lt": 5}, "word": "hats", "list": {"in": ["hats", "all"]}},
            {"word": {"missing": True}, "price": {"gte": 40}},
            {"all": [{"not": {"list": "all"}}, {"price": 7}]},
        ]
    }
    expected = [
        index
        for index, (price, word) in enumerate(zip(prices, words, strict=True))
        if (price < 5 and word == "hats") or (word is None and price >= 40) or (word is None and price == 7)
    ]
    assert 20 < len(expected) < 500
    assert kept(select(parse_filter(document, catalogue), items), 2000) == expected
    # AND an item that the catalogue does not have has no value, however few others have none
    more = served(tmp_path, catalogue, [*ids, "more"])
    without = [index for index, word in enumerate(words) if word is None]
    assert kept(select(parse_filter({"word": {"missing": True}}, catalogue), more), 2001) == [*without, 2000]


IDS = ["a", "b", "c", "d"]
PRICES: Cells = {"price": ("number", [10.0, 50.0, None, 9.5])}


def test_many_kept_items_become_a_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextitem.catalogue.selection.MAX_LISTED", 3)
    catalogue = written(tmp_path / "catalogue.bin", IDS, PRICES)
    items = served(tmp_path, catalogue, IDS)
    few, many = (select(parse_filter({"price": bound}, catalogue), items) for bound in ({"lt": 20}, {"missing": False}))
    assert few.listed is not None
    assert few.listed.tolist() == [0, 3]
    assert many.listed is not None
    most = select(parse_filter({"not": {"price": 3}}, catalogue), items)
    assert most.left_out is not None
    assert most.left_out.tolist() == [False] * 4


def test_a_filter_reads_new_items(tmp_path: Path) -> None:
    catalogue = written(tmp_path / "catalogue.bin", IDS, PRICES)
    path = tmp_path / "vocabulary.bin"
    write_vocabulary(path, ["b", "x"])
    join = join_of(Vocabulary(path), catalogue, np.array([0, 3], np.int32), np.ones((2, 4), np.float32))
    items = ServedItems(Vocabulary(path), 4, catalogue, join)
    selection = select(parse_filter({"price": {"lte": 10}}, catalogue), items)
    assert [items.item_id(index) for index in kept(selection, 4)] == ["a", "d"]


def test_the_cache_forgets_the_oldest_beyond_its_bound() -> None:
    cache = BoundedCache[str, str](max_bytes=25_000)
    cache.keep("a", "A", 10_000)
    cache.keep("b", "B", 10_000)
    assert cache.get("a") == "A"
    cache.keep("c", "C", 10_000)
    assert [cache.get(each) for each in "abc"] == ["A", None, "C"]
    # AND a value that is larger than the bound is not kept, whatever else is there
    cache.keep("d", "D", 25_001)
    cache.keep("e", "E", 25_000)
    assert [cache.get(each) for each in "acde"] == [None, None, None, "E"]


def test_filters_that_keep_no_item_fill_the_cache_too(tmp_path: Path) -> None:
    catalogue = written(tmp_path / "catalogue.bin", IDS, PRICES)
    items = served(tmp_path, catalogue, IDS)
    items.selections = BoundedCache(max_bytes=1 << 18)
    filters: list[Filter] = [AnyOf(tuple(InRange("price", n, n) for n in range(m, m + 100))) for m in range(100, 120)]
    for each in filters:
        assert select(each, items).kept == 0
    assert items.selections.get(filters[-1]) is not None
    assert sum(items.selections.get(each) is not None for each in filters) < 8
    assert memory_of(HasText("brand", tuple(range(1000)))) > 10_000


def test_columns_in_the_models_order_are_kept_up_to_a_bound(tmp_path: Path) -> None:
    cells: Cells = {name: ("number", [1.0, 2.0, 3.0, 4.0]) for name in "abc"}
    catalogue = written(tmp_path / "catalogue.bin", IDS, cells | {"list": ("strings", [["x"]] * 4)})
    items = served(tmp_path, catalogue, ["0", "b", "c"])
    assert items.position_of is not None
    columns = AlignedColumns(catalogue.columns, items.position_of, max_bytes=50)  # two of three numbers
    first = columns.values("a")
    assert first is not None
    np.testing.assert_array_equal(first, [np.nan, 2, 3])
    columns.values("b")
    assert columns.values("a") is first
    columns.values("c")
    columns.values("b")
    assert columns.values("a") is not first
    assert columns.values("list") is None
