"""Errors give the line of a text file as an editor shows it, and the row of Parquet."""

import gzip
from pathlib import Path

import duckdb
import pytest

from model_export.data.ingestion.reader import read_sessions
from model_export.data.items.build import build_catalogue
from model_export.data.layout import Layout
from nextitem.errors import InputError

EVENTS = 'session_id,item_id,note,timestamp\ns,i,"two\nlines",1\n\n"s",j,,noon\n'
OBJECTS = '{"session_id":"s","item_id":"i","timestamp":1}\n\n{"session_id":"s","item_id":"i","timestamp":"noon"}\n'
ITEMS = 'item_id,note\ntea,"two\nlines"\n\npot,\ntea,\n'


def place_in(error: InputError, file: Path) -> str:
    """The place that an error names after the file."""
    before, _, rest = str(error).partition(f"{file}, ")
    assert not before
    return rest.partition(",")[0]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("e.csv", EVENTS.encode()),
        ("e.csv", b"\xef\xbb\xbf" + EVENTS.replace("\n", "\r\n").encode()),
        ("e.csv", EVENTS.encode("utf-16")),
        ("e.csv.gz", gzip.compress(EVENTS.encode())),
        ("e.tsv", EVENTS.replace(",", "\t").replace('"', "").replace("two\nlines", "").encode()),
        ("e.jsonl", OBJECTS.encode()),
    ],
    ids=["CSV", "CRLF", "UTF-16", "gzip", "TSV", "JSON Lines"],
)
def test_a_wrong_value_is_in_the_line_of_the_error(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match="'noon' is not a time") as caught:
        read_sessions(path)
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode(
        "utf-16" if data[:1] == b"\xff" else "utf-8"
    )
    [line] = [number for number, line in enumerate(text.splitlines(), 1) if "noon" in line]
    assert place_in(caught.value, path) == f"line {line}"


def test_without_a_header_the_first_row_is_line_1(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("s,i,noon\n")
    with pytest.raises(InputError) as caught:
        read_sessions(path, Layout(session=("1",), item="2", time="3", header=False))
    assert place_in(caught.value, path) == "line 1"


def test_parquet_has_rows(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    rows = "SELECT 's' AS session_id, 'i' AS item_id, unnest(['1', 'noon']) AS timestamp"
    duckdb.execute(f"COPY ({rows}) TO '{path}'")
    with pytest.raises(InputError) as caught:
        read_sessions(path)
    assert place_in(caught.value, path) == "row 2"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_both_lines_of_an_item_that_is_there_twice(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "items.csv"
    path.write_text(ITEMS, encoding=encoding)
    with pytest.raises(InputError, match="'tea' is in line 2, too") as caught:
        build_catalogue(path, tmp_path / "catalogue.bin")
    assert place_in(caught.value, path) == "line 6"


def test_a_blank_line_of_a_file_with_one_column_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("item_id\ntea\n\npot\n")
    with pytest.raises(InputError, match="has no item id") as caught:
        build_catalogue(path, tmp_path / "catalogue.bin")
    assert place_in(caught.value, path) == "line 3"
