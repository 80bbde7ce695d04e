"""Folders, tables of other formats, and files that are named twice."""

import codecs
import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from model_export.data.ingestion.duckdb_engine import duckdb_engine
from model_export.data.ingestion.reader import read_sessions
from model_export.data.ingestion.text_files import CHUNK_BYTES, TextFile, survey
from model_export.data.layout import Layout
from nextitem.errors import InputError
from tests.model_export.data.ingestion.engine_contract import EVERYTHING
from tests.model_export.data.ingestion.preparing import run
from tests.model_export.handmade import items_of

HEADER = "session_id,item_id,timestamp\n"


def written(path: Path, text: str = HEADER + "s,a,1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_several_files_and_folders_are_one_set_of_events(tmp_path: Path) -> None:
    first = written(tmp_path / "a.csv", HEADER + "s,a,1\nt,b,1\n")
    second = written(tmp_path / "more" / "b.csv", HEADER + "s,c,2\n")
    sessions = read_sessions([first, second.parent])
    assert dict(zip(sessions.ids, items_of(sessions), strict=True)) == {"s": ["a", "c"], "t": ["b"]}


def test_a_file_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "in" / "a.csv")
    with pytest.raises(InputError, match=r"a\.csv: is named twice, so its events would count twice"):
        read_sessions([tmp_path / "in", path])


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("_delta_log/00000000000000000000.json", "is a Delta table"),
        ("day/.hoodie/hoodie.properties", "is a Hudi table"),
        ("metadata/00001-abc.metadata.json", "is an Iceberg table"),
    ],
)
def test_tables_that_hold_deleted_rows_are_refused(tmp_path: Path, file: str, what: str) -> None:
    written(tmp_path / "table" / "data" / "a.csv")
    written(tmp_path / "table" / file)
    with pytest.raises(InputError, match=f"table: {what}, whose folder also holds rows that were deleted: export it"):
        read_sessions(tmp_path / "table")


@pytest.mark.slow
def test_only_parts_below_the_named_folder_hide_a_file(tmp_path: Path) -> None:
    # GIVEN a folder whose own path has such parts, and a file that is named itself
    path = written(tmp_path / "_export" / ".cache" / "_a.csv")
    # WHEN it is named
    # THEN it is read; in its folder it is no data
    assert items_of(read_sessions(path)) == [["a"]]
    written(path.parent / "b.csv", HEADER + "s,b,1\n")
    assert items_of(read_sessions(path.parent)) == [["b"]]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("suffix", ["tsv", "tsv.gz"])
@pytest.mark.slow
def test_utf_16_is_read_by_its_mark(tmp_path: Path, encoding: str, suffix: str) -> None:
    # GIVEN a file as Excel saves Unicode text, longer than one chunk, with a character of two units across its border
    rows = "".join(f"s\té{n}🙂\t{n}\n" for n in range(CHUNK_BYTES // 16))
    mark = codecs.BOM_UTF16_LE if encoding.endswith("le") else codecs.BOM_UTF16_BE
    content = mark + ("session_id\titem_id\ttimestamp\r\n" + rows.replace("\n", "\r\n")).encode(encoding)
    path = tmp_path / f"e.{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    # WHEN it is read
    [items] = items_of(read_sessions(path))
    # THEN no row and no letter is lost
    assert items == [f"é{n}🙂" for n in range(CHUNK_BYTES // 16)]


@pytest.mark.slow
def test_quotes_in_tsv_swallow_no_rows(tmp_path: Path) -> None:
    # GIVEN titles with lone quotes, which together look like one field over three rows
    path = written(
        tmp_path / "e.tsv",
        'session_id\titem_id\ttimestamp\ttitle\ns\ta\t1\t"5 inch\ns\tb\t2\tx\ns\tc\t3\t12"\n',
    )
    # WHEN it is read without a word about quotes
    # THEN the fault names the row and both ways out
    with pytest.raises(InputError, match=r"line 2: has a tab or a line end in quotes: add --quotes .* or --no-quotes"):
        read_sessions(path)
    assert items_of(read_sessions(path, Layout(quotes=False))) == [["a", "b", "c"]]
    assert items_of(read_sessions(path, Layout(quotes=True))) == [["a"]]


@pytest.mark.slow
def test_a_column_may_have_the_name_of_the_number(tmp_path: Path) -> None:
    path = written(tmp_path / "e.csv", "#row,item\n7,a\n7,b\n")
    numbered = read_sessions(path, Layout(session=("#row",), item="item", time="#row"))
    named = read_sessions(path, Layout(session=('"#row"',), item="item", time="#row"))
    assert (numbered.ids, named.ids) == (["1", "2"], ["7"])


def test_json_lines_may_begin_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl.gz"
    line = b'{"session_id": "s", "item_id": "a", "timestamp": 1}'
    path.write_bytes(gzip.compress(codecs.BOM_UTF8 + line))
    assert items_of(read_sessions(path)) == [["a"]]


@pytest.mark.parametrize(
    ("layout", "option"),
    [
        (Layout(delimiter=";"), "--delimiter"),
        (Layout(header=False), "--no-header"),
        (Layout(quotes=False), "--no-quotes"),
    ],
)
def test_options_of_csv_are_refused_for_other_formats(tmp_path: Path, layout: Layout, option: str) -> None:
    path = written(tmp_path / "a.jsonl", '{"session_id": "s", "item_id": "a", "timestamp": 1}\n')
    with pytest.raises(InputError, match=rf"a\.jsonl is jsonl, which has no {option}: leave it out"):
        read_sessions(path, layout)


def test_a_text_is_counted_across_chunks(tmp_path: Path) -> None:
    # GIVEN delimiters of two characters at every place around the border of two chunks
    for shift in range(4):
        text = "x" * (CHUNK_BYTES - shift) + "::::x:::"
        path = tmp_path / str(shift)
        path.write_text(text)
        # WHEN they are counted
        found = survey(TextFile(path, "e", packed=False), ("::",), lambda _, what: InputError(what))
        # THEN the number is Python's
        assert found.counts == {"::": text.count("::")}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("s;a;x;2016-05-09", "'2016-05-09 + x' is not a time"),
        ("s;a;;2016-05-09", "'2016-05-09 + no milliseconds' is not a time"),
        ("s;a;5;soon", "'soon + 5' is not a time"),
    ],
)
def test_a_wrong_date_or_offset_is_named(tmp_path: Path, line: str, what: str) -> None:
    path = written(tmp_path / "e.csv", f"s;i;ms;day\ns;a;0;2016-05-09\n{line}\n")
    layout = Layout(session=("s",), item="i", time="day", time_offset="ms", delimiter=";")
    with pytest.raises(InputError) as caught:
        read_sessions(path, layout)
    assert str(caught.value).startswith(f"{path}, line 3, column 'day': {what}")


@pytest.mark.slow
def test_an_offset_is_added_to_the_date(tmp_path: Path) -> None:
    # More milliseconds than a day has
    path = written(tmp_path / "e.csv", "s,i,ms,day\ns,a,250,2016-05-09\ns,b,86400500,2016-05-09 12:00:00\n")
    sessions = read_sessions(path, Layout(session=("s",), item="i", time="day", time_offset="ms"))
    assert sessions.times.tolist() == [1462752000.25, 1462881600.5]


@pytest.mark.parametrize(
    ("layout", "what"),
    [
        (Layout(item="events[", time="t"), "column 'events\\[' is not a path"),
        (Layout(item="a[].b[].c", time="t"), "is not a path"),
        (Layout(item="a[].b", time="c[].d"), "'a\\[\\].b' and 'c\\[\\].d' are in two lists"),
        (Layout(item="a.b", time="a"), "'a.b' and 'a' do not fit together"),
        (Layout(item="i", time="timestamp"), "no row has the key 'i'; the keys of the first row are 'session_id', 'a'"),
    ],
)
def test_paths_that_do_not_fit_are_refused(tmp_path: Path, layout: Layout, what: str) -> None:
    path = written(tmp_path / "e.jsonl", '{"session_id": "s", "a": [{"b": 1}], "c": [{"d": 1}], "timestamp": 1}\n')
    with pytest.raises(InputError, match=what):
        read_sessions(path, layout)


def test_a_list_of_another_type_names_its_row(tmp_path: Path) -> None:
    path = written(tmp_path / "e.jsonl", '{"session_id": "s", "a": []}\n\n{"session_id": "t", "a": {"b": 1}}\n')
    with pytest.raises(InputError, match=r"e\.jsonl, line 3, column 'a': .* is no list"):
        read_sessions(path, Layout(item="a[].b", time="a[].t"))


def test_an_array_is_not_json_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "e.json", '[{"session_id": "s"},\n{"session_id": "t"}]\n')
    with pytest.raises(InputError, match=r"e\.json, line 1: is not JSON"):
        read_sessions(path)
    path.write_text('[{"session_id": "s"}]\n')
    with pytest.raises(InputError, match=r"line 1: is no JSON object; write each element of an array on a line"):
        read_sessions(path)


def test_the_output_never_replaces_an_input(tmp_path: Path) -> None:
    path = written(tmp_path / "in" / "train.csv", HEADER + "s,a,1\nt,a,2\n")
    with duckdb_engine() as engine, pytest.raises(InputError):
        run(engine, [path], path.parent, replace(EVERYTHING))
    assert path.read_text() == HEADER + "s,a,1\nt,a,2\n"
