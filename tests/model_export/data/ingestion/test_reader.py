"""Event files of every accepted form, read into sessions."""

import csv
import gzip
import io
import re
import tempfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.data.ingestion.reader import read_sessions
from model_export.data.layout import Layout
from nextitem.errors import InputError
from tests.model_export.handmade import items_of

HEADER = b"session_id,item_id,timestamp\n"


def read_csv(tmp_path: Path, content: bytes) -> list[list[str]]:
    path = tmp_path / "events.csv"
    path.write_bytes(content)
    return items_of(read_sessions(path))


def test_events_are_grouped_by_session_and_ordered_by_time(tmp_path: Path) -> None:
    # GIVEN events of two sessions, mixed, out of order, and two of them at the same time
    path = tmp_path / "events.csv"
    path.write_bytes(HEADER + b"q,b,1600000020\np,a,1600000000\nq,c,1600000010\nq,a,1600000010\n")
    # WHEN the file is read
    sessions = read_sessions(path)
    # THEN sessions come by their first row, events by time, and those of one time by a hash
    assert sessions.ids == ["q", "p"]
    assert sessions.catalogue == ("a", "b", "c")
    assert items_of(sessions) == [["c", "a", "b"], ["a"]]
    assert sessions.rows.tolist() == [3, 4, 1, 2]
    assert sessions.times.tolist() == [1600000010, 1600000010, 1600000020, 1600000000]
    assert sessions.starts.tolist() == [1600000010, 1600000000]
    assert sessions.is_epoch


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"\xef\xbb\xbf" + HEADER + b"s,a,1\n", [["a"]], id="byte order mark"),
        pytest.param((HEADER + b"s,a,1\ns,b,2\n").replace(b"\n", b"\r\n"), [["a", "b"]], id="CRLF"),
        pytest.param((HEADER + b"s,a,1\ns,b,2\n").replace(b"\n", b"\r"), [["a", "b"]], id="CR"),
        pytest.param(HEADER + b"s,a,1", [["a"]], id="no last line end"),
        pytest.param(HEADER + b"\ns,a,1\n\ns,b,2\n\n", [["a", "b"]], id="blank lines"),
        pytest.param(
            b"\r\n\r\n" + HEADER.replace(b"\n", b"\r\n") + b's,"a",1\r\n', [["a"]], id="blank lines before it"
        ),
        pytest.param(HEADER + b'"s\nt","a,b",1\n"s\nt","e""f",3\n', [["a,b", 'e"f']], id="quotes"),
        pytest.param(HEADER + b's,a"b,1\n', [['a"b']], id="quote inside a field"),
        pytest.param(HEADER.replace(b"\n", b"\r\n") + b'"s\nt",c,2\r\n', [["c"]], id="LF inside CRLF"),
        pytest.param(HEADER + b'"s\r\nt",c,2\n', [["c"]], id="CRLF inside LF"),
        pytest.param(HEADER + b"s, a ,1\ns,A,2\n", [[" a ", "A"]], id="nothing is trimmed or folded"),
        pytest.param(HEADER + b"s,007,1\ns,1.0,2\ns,1e3,3\n", [["007", "1.0", "1e3"]], id="ids stay text"),
        pytest.param(b'note,timestamp,"item_id",session_id\n,1,a,s\n"x,y",2,b,s\n', [["a", "b"]], id="other columns"),
        pytest.param(HEADER + b"s,'a',1\ns,#b,2\n", [["'a'", "#b"]], id="no other quotes or comments"),
        pytest.param(HEADER + "s,é,1\ns,🙂,2\ns,\uff5e,3\n".encode(), [["é", "🙂", "\uff5e"]], id="UTF-8"),
    ],
)
def test_csv_is_read_as_rfc_4180_says(tmp_path: Path, content: bytes, expected: list[list[str]]) -> None:
    assert read_csv(tmp_path, content) == expected


@settings(deadline=None, max_examples=20)
@given(
    lines=st.lists(st.text("xé,\"' #", max_size=6), min_size=1, max_size=4),
    quote=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
@pytest.mark.slow
def test_items_are_read_as_python_reads_them(lines: list[str], quote: bool, end: str) -> None:
    # GIVEN any text as items, with quotes or without
    text = "session_id,item_id,timestamp" + end
    for number, line in enumerate(lines):
        text += f's,"{line.replace(chr(34), chr(34) * 2)}{end}x",{number}{end}' if quote else f"s,{line},{number}{end}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.csv"
        path.write_bytes(text.encode())
        # WHEN it is read
        try:
            [items] = items_of(read_sessions(path))
        except InputError:
            return
    # THEN it is refused, or Python's reader gives the same items
    records = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert items == [item for _, item, _ in records][1:]


@pytest.mark.slow
def test_reading_drops_no_repeat_unless_it_is_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("session_id,item_id,timestamp\ns,a,1\ns,a,1\ns,a,2\ns,b,3\n")
    assert items_of(read_sessions(path)) == [["a", "a", "a", "b"]]
    assert items_of(read_sessions(path, Layout(collapse="repeats"))) == [["a", "b"]]


def test_the_catalogue_is_ordered_by_utf_8_bytes(tmp_path: Path) -> None:
    # Items that have another order in other collations and in UTF-16
    path = tmp_path / "events.csv"
    path.write_text("session_id,item_id,timestamp\ns,🙂,1\ns,\uff5e,2\ns,b,3\ns,B,4\ns,é,5\ns,10,6\ns,9,7\n")
    assert read_sessions(path).catalogue == ("10", "9", "B", "b", "é", "\uff5e", "🙂")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param("1590884413", "1590884420", 1590884420.0, id="seconds"),
        pytest.param("1590884413", "1590884420.25", 1590884420.25, id="fractions"),
        pytest.param("1590884413000", "1590884420500", 1590884420.5, id="milliseconds"),
        pytest.param("1590884413000000", "1590884420500000", 1590884420.5, id="microseconds"),
        pytest.param("1590884413000000000", "1590884420500000000", 1590884420.5, id="nanoseconds"),
        pytest.param("1.590884413e9", "1.59088442e9", 1590884420.0, id="exponents"),
        pytest.param("2020-05-31T00:20:13Z", "2020-05-31T00:20:20Z", 1590884420.0, id="UTC"),
        pytest.param("2020-05-31T00:20:13Z", "2020-05-31T02:20:20.5+02:00", 1590884420.5, id="offset"),
        pytest.param("2020-05-31 00:20:13", "2020-05-31 00:20:20", 1590884420.0, id="no zone is UTC"),
        pytest.param("2020-05-30", "2020-05-31", 1590883200.0, id="days"),
        pytest.param("0", "7", 7.0, id="running index"),
        pytest.param("-5", "-3", -3.0, id="running index below zero"),
    ],
)
@pytest.mark.slow
def test_times_become_epoch_seconds(tmp_path: Path, first: str, second: str, expected: float) -> None:
    path = tmp_path / "events.csv"
    path.write_text(f"session_id,item_id,timestamp\ns,a,{first}\ns,b,{second}\n")
    sessions = read_sessions(path)
    assert sessions.times[1] == expected
    assert sessions.is_epoch == (expected > 1e9)


@pytest.mark.parametrize(
    "time",
    [
        "1590884420",
        "1590884420000::UBIGINT",
        "1590884420.0::DOUBLE",
        "1590884420.00::DECIMAL(18, 2)",
        "TIMESTAMP '2020-05-31 00:20:20'",
        "TIMESTAMP_NS '2020-05-31 00:20:20'",
        "TIMESTAMP_S '2020-05-31 00:20:20'",
        "TIMESTAMPTZ '2020-05-31 02:20:20+02'",
        "'2020-05-31T00:20:20Z'",
        "'1590884420'",
    ],
)
@pytest.mark.slow
def test_parquet_holds_times_and_ids_of_many_types(tmp_path: Path, time: str) -> None:
    path = tmp_path / "events.parquet"
    duckdb.execute(f"COPY (SELECT 12 AS session_id, -7 AS item_id, {time} AS timestamp) TO '{path}' (FORMAT parquet)")
    sessions = read_sessions(path)
    assert sessions.ids == ["12"]
    assert sessions.catalogue == ("-7",)
    assert sessions.times.tolist() == [1590884420.0]


def test_columns_can_have_other_names(tmp_path: Path) -> None:
    # Without quotes, these names would be SQL.
    path = tmp_path / "events.parquet"
    duckdb.execute(f"""COPY (SELECT 's' AS "visit ""x"" y", 'a' AS "select", 1 AS "t;") TO '{path}' (FORMAT parquet)""")
    sessions = read_sessions(path, Layout(session=('visit "x" y',), item="select", time="t;"))
    assert items_of(sessions) == [["a"]]


@pytest.mark.parametrize("name", ["a b.csv", "*.csv", "[x].csv", "it's.csv", "{a}.CSV", "s3:x.csv"])
def test_a_file_name_is_not_a_pattern(tmp_path: Path, name: str) -> None:
    # A file whose name is a pattern to other tools, and a file that the pattern fits
    (tmp_path / "decoy.csv").write_bytes(HEADER + b"s,decoy,1\n")
    (tmp_path / name).write_bytes(HEADER + b"s,a,1\n")
    assert items_of(read_sessions(tmp_path / name)) == [["a"]]


def test_sessions_are_cut_from_a_users_events(tmp_path: Path) -> None:
    # GIVEN two users; u pauses for exactly 30 minutes and later for a second more, in any row order
    start, gap = 1_600_000_000, 30 * 60
    path = tmp_path / "events.csv.gz"
    lines = [
        f"u,d,{start + 2 * gap + 1}",
        f"v,a,{start + 5}",
        f"u,b,{start + gap}",
        f"u,a,{start}",
    ]
    path.write_bytes(gzip.compress(("who,item_id,timestamp\n" + "\n".join(lines)).encode()))
    # WHEN it is read by user
    sessions = read_sessions(path, Layout(user="who"))
    # THEN only the longer pause cuts; numbers are in order of time, sessions in order of their first row
    assert sessions.ids == ["u-2", "v-1", "u-1"]
    assert items_of(sessions) == [["d"], ["a"], ["a", "b"]]


def test_a_running_index_cuts_no_sessions(tmp_path: Path) -> None:
    # A user whose times are only an order, with a large gap
    path = tmp_path / "events.csv"
    path.write_bytes(b"who,item_id,timestamp\nu,a,1\nu,b,900000\nv,a,2\n")
    sessions = read_sessions(path, Layout(user="who"))
    assert sessions.ids == ["u-1", "v-1"]
    assert not sessions.is_epoch


@pytest.mark.parametrize("name", ["events.csv", "events.jsonl"])
def test_a_packed_file_says_so_in_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"session_id,item_id,timestamp\ns,a,1600000000\n"))
    with pytest.raises(InputError, match=r"is packed by gzip, but its name does not end in \.gz: rename it"):
        read_sessions(path)


@pytest.mark.parametrize(
    ("first", "second", "types"),
    [
        ("1", "TIMESTAMP '2026-01-01'", ("TIMESTAMP", "INTEGER")),
        ("TIMESTAMP '2026-01-01'", "DATE '2026-01-01'", None),
        ("1", "1.5::DOUBLE", None),
    ],
)
@pytest.mark.slow
def test_types_of_times_that_do_not_go_together_are_named(
    tmp_path: Path, first: str, second: str, types: tuple[str, str] | None
) -> None:
    # GIVEN two files with times of two types
    folder = tmp_path / "in"
    folder.mkdir()
    for name, time in (("1.parquet", first), ("2.parquet", second)):
        select = f"SELECT 's' AS session_id, 'a' AS item_id, {time} AS timestamp"
        duckdb.execute(f"COPY ({select}) TO '{folder / name}' (FORMAT parquet)")
    # WHEN they are read as a folder, or one by one
    # THEN the column and both types are named, where one type cannot hold both
    files = sorted(folder.iterdir())
    if types is None:
        assert len(read_sessions(folder).codes) == len(read_sessions(files).codes) == 2
        return
    what = f"2.parquet, column 'timestamp': is of type {types[0]}, but of type {types[1]} in {folder}/1.parquet"
    with pytest.raises(InputError, match=re.escape(what)):
        read_sessions(folder)
    with pytest.raises(InputError, match=r"2.parquet, column 'timestamp': is of type .*1.parquet: convert one of them"):
        read_sessions(files)
