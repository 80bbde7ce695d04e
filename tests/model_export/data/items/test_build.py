"""A file of items becomes the same catalogue in every format, or an error that names file, row and column."""

import csv
import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_export.data.items.build import build_catalogue
from nextitem.catalogue.columns import Kind
from nextitem.errors import InputError
from tests.nextitem.parts import STEADY

SHARED_FOLDER = settings(
    STEADY, max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
ROWS: list[dict[str, Any]] = [
    {"item_id": "b", "title": "Red, shoe", "price": 10.5, "tags": ["new", "red"], "ok": True, "since": "2026-01-31"},
    {"item_id": "ä", "title": None, "price": None, "tags": None, "ok": None, "since": None},
    {"item_id": "a", "title": 'A "hat"', "price": -4.0, "tags": ["red"], "ok": False, "since": "1999-12-31"},
]
KINDS: dict[str, Kind] = {"title": "string", "price": "number", "tags": "strings", "ok": "boolean", "since": "time"}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as the suffix says."""
    names = list(rows[0])
    if path.suffix == ".parquet":
        dates = [None if row["since"] is None else dt.date.fromisoformat(row["since"]) for row in rows]
        columns = {name: [row[name] for row in rows] for name in names} | {"since": dates}
        pq.write_table(pa.table(columns), path)
    elif ".jsonl" in path.name:
        text = "\n".join(json.dumps({k: v for k, v in row.items() if v is not None or k == "price"}) for row in rows)
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writerow(names)
            writer.writerows([[_cell(row[name]) for name in names] for row in rows])
    return path


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "|".join(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def rows_of(path: Path, **options: Any) -> list[dict[str, Any]]:
    catalogue = build_catalogue(path, path.with_name("catalogue.bin"), **options).catalogue
    return [
        {"item_id": catalogue.vocabulary.item_id(place)}
        | {name: catalogue.value(name, place) for name in catalogue.columns}
        for place in range(len(catalogue))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["i.csv", "i.tsv", "i.jsonl", "i.jsonl.gz", "i.parquet"])
def test_every_format_gives_the_same_catalogue(tmp_path: Path, name: str) -> None:
    built = build_catalogue(write(tmp_path / name, ROWS), tmp_path / "catalogue.bin")
    assert {column: of.kind for column, of in built.typed.columns.items()} == KINDS
    assert [of.missing for of in built.typed.columns.values()] == [1] * 5
    assert built.typed.warnings == ()
    expected = [dict(row) for row in sorted(ROWS, key=lambda row: row["item_id"].encode())]
    for row in expected:
        row["since"] = None if row["since"] is None else f"{row['since']}T00:00:00Z"
    assert rows_of(tmp_path / name) == expected
    # The bytes depend on neither the format nor the order of the rows.
    other = build_catalogue(write(tmp_path / "other.csv", ROWS[::-1]), tmp_path / "catalogue.bin")
    assert other.catalogue.version == built.catalogue.version


@pytest.mark.slow
@SHARED_FOLDER
@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=6).filter(
            lambda text: text.lower() not in {"nan", "null", "none", "nil", "na", "undefined"}
        ),
        st.fixed_dictionaries(
            {
                "title": st.none() | st.text(st.characters(codec="utf-8", categories=("L", "P", "S")), min_size=1),
                "price": st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32),
                "tags": st.none() | st.lists(st.sampled_from(["red", "blue", "é"]), min_size=1, unique=True),
                "ok": st.none() | st.booleans(),
            }
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_rows_are_read_back(tmp_path: Path, items: dict[str, dict[str, Any]]) -> None:
    rows = [{"item_id": item_id, **values} for item_id, values in items.items()]
    path = tmp_path / "items.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    kinds = {name: KINDS[name] for name in ("title", "price", "tags", "ok")}
    assert rows_of(path, kinds=kinds) == sorted(rows, key=lambda row: row["item_id"].encode())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2.5", "-3e2", ""], "number"),
        (["007", "12"], "string"),  # codes
        (["1", "null", "N/A"], "number"),
        (["1,5", "2"], "string"),
        (["1_000", "2"], "string"),
        (["true", "FALSE", ""], "boolean"),
        (["yes", "no"], "string"),
        (["2026-01-31", "2026-01-31T09:30:00+01:00"], "time"),
        (["2026-13-31", "2026-01-31"], "string"),
        (["a|b", "c"], "strings"),
        (["Shoes | Sale", "a|b"], "string"),  # a title
        (["", ""], "string"),
    ],
)
def test_the_kind_of_a_column_is_found_from_its_values(tmp_path: Path, values: list[str], kind: str) -> None:
    path = tmp_path / "items.csv"
    path.write_text("item_id,x\n" + "".join(f'i{place},"{value}"\n' for place, value in enumerate(values)))
    built = build_catalogue(path, tmp_path / "catalogue.bin")
    assert built.typed.columns["x"].kind == kind


def test_a_user_may_say_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("item_id,code,title,on,at\na,12,x|y,1,2026-01-31T09:30:00+01:00\nb,13,z,no,\n")
    kinds: dict[str, Kind] = {"code": "string", "title": "string", "on": "boolean", "at": "time"}
    assert rows_of(path, kinds=kinds) == [
        {"item_id": "a", "code": "12", "title": "x|y", "on": True, "at": "2026-01-31T08:30:00Z"},
        {"item_id": "b", "code": "13", "title": "z", "on": False, "at": None},
    ]


def test_a_column_that_is_almost_of_another_kind_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("item_id,price\n" + "".join(f"i{row},{row}\n" for row in range(20)) + 'x,"12,50"\n')
    [warning] = build_catalogue(path, tmp_path / "catalogue.bin").typed.warnings
    assert warning == (
        "column 'price' is of kind string, because '12,50' in line 22 is no number; --type price=number refuses such "
        "rows"
    )
    with pytest.raises(InputError, match=r"items\.csv, line 22, column 'price': '12,50' is not a number such as 12\.5"):
        build_catalogue(path, tmp_path / "catalogue.bin", {"price": "number"})


HEADER = "item_id,price,ok\n"


@pytest.mark.parametrize(
    ("name", "text", "kinds", "fault"),
    [
        ("i.csv", "id,price\na,1\n", {}, "i.csv: has no column 'item_id'; its columns are 'id', 'price'"),
        ("i.csv", "item_id,a,a\nx,1,2\n", {}, "i.csv: has 2 columns with the name 'a'"),
        ("i.csv", ",item_id\n0,a\n", {}, "i.csv: has no name for column 1, in its first row"),
        ("i.csv", "item_id,a,,\nx,1,,\n", {}, "i.csv: has no name for column 3, in its first row"),
        ("i.csv", HEADER, {}, "i.csv: has no items"),
        ("i.csv", HEADER + "a,1,true\nb,2\n", {}, "i.csv, line 3: has 2 fields where the header has 3"),
        ("i.csv", HEADER + "a,1,true\n,2,true\n", {}, "i.csv, line 3, column 'item_id': has no item id"),
        ("i.jsonl", '{"item_id": ["a"], "price": 1}\n', {}, "i.jsonl, column 'item_id': has lists; an id is one text"),
        (
            "i.csv",
            HEADER + "a,1,true\nb,2,true\na,3,true\n",
            {},
            "i.csv, line 4, column 'item_id': 'a' is in line 2, too",
        ),
        ("i.csv", HEADER + "a,1,true\nnull,2,true\n", {}, "i.csv, line 3, column 'item_id': 'null' is not an id"),
        ("i.csv", HEADER + "a,x,true\n", {"price": "number"}, "i.csv, line 2, column 'price': 'x' is not a number"),
        ("i.csv", HEADER + "a,1e999,true\n", {"price": "number"}, "line 2, column 'price': '1e999' is not a number"),
        ("i.csv", HEADER + "a,1,maybe\n", {"ok": "boolean"}, "line 2, column 'ok': 'maybe' is not true or false"),
        (
            "i.csv",
            HEADER + "a,1,2026-02-30\n",
            {"ok": "time"},
            "line 2, column 'ok': '2026-02-30' is not a time of ISO",
        ),
        ("i.csv", HEADER + "a,1,x\n", {"colour": "string"}, "--type colour=string: "),
        ("i.csv", HEADER + "a,1,x\n", {"item_id": "number"}, "--type item_id=number: ids are always texts"),
        ("i.csv", "item_id,stock\na,many\n", {}, "column 'stock': is of kind string but must be number"),
        ("i.csv", "item_id,available\na,3\n", {}, "column 'available': is of kind number but must be boolean"),
        ("i.csv", "item_id,any\na,3\n", {}, "column 'any': a filter reads 'any' as an operator: rename the column"),
        ("i.jsonl", '{"item_id":"a"}\n{"item_id":"b"\n', {}, "i.jsonl, line 2: is not JSON"),
        ("i.jsonl", '{"item_id":"a","size":{"cm":3}}\n', {}, "i.jsonl, column 'size': is an object"),
        ("i.jsonl", '{"item_id":"a","t":["x"]}\n{"item_id":"b","t":["x",["y"]]}\n', {}, "line 2, column 't': "),
        (
            "i.jsonl",
            '{"item_id":"a","p":1}\n{"item_id":"b","p":"x"}\n',
            {"p": "number"},
            "line 2, column 'p': 'x' is not",
        ),
        ("i.txt", "", {}, "i.txt: the name must end in"),
        ("i.parquet", "no parquet", {}, "i.parquet: is not a valid Parquet file"),
    ],
)
def test_a_fault_is_one_line_with_its_place(
    tmp_path: Path, name: str, text: str, kinds: dict[str, Kind], fault: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        build_catalogue(path, tmp_path / "catalogue.bin", kinds)
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "catalogue.bin").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "text"), [("toml", "[cheap]\nprice = {lt = 5}\n"), ("json", '{"cheap": {"price": {"lt": 5}}}')]
)
def test_named_filters_are_kept_with_the_catalogue(tmp_path: Path, suffix: str, text: str) -> None:
    filters = tmp_path / f"named.{suffix}"
    filters.write_text(text)
    built = build_catalogue(write(tmp_path / "items.csv", ROWS), tmp_path / "catalogue.bin", filters=filters)
    assert built.catalogue.named_filters == {"cheap": {"price": {"lt": 5}}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"cheap": {"prise": 3}}', "filter 'cheap': cheap.prise unknown field"),
        ('{"cheap": {"price": "low"}}', "filter 'cheap': cheap.price must be a number"),
        ('{"cheap": {"named": "other"}}', "filter 'cheap': "),
        ("[]", "must be an object"),
        ("{", "is not valid JSON"),
    ],
)
def test_a_named_filter_that_no_request_could_use_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    filters = tmp_path / "named.json"
    filters.write_text(text)
    with pytest.raises(InputError) as caught:
        build_catalogue(write(tmp_path / "items.csv", ROWS), tmp_path / "catalogue.bin", filters=filters)
    assert fault in str(caught.value)
    assert "named.json" in str(caught.value)
