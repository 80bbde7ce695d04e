"""Faults of event files are errors of one line with file, row and column."""

import gzip
import tempfile
from pathlib import Path

import duckdb
import pytest

from model_export.data.ingestion.check import ONE_KIND
from model_export.data.ingestion.faults import COLUMN_OPTIONS
from model_export.data.ingestion.formats import ACCEPTED as ACCEPTED_NAMES
from model_export.data.ingestion.id_checks import DROP_EMPTY, NOT_WHOLE
from model_export.data.ingestion.reader import read_sessions
from model_export.data.ingestion.times import ACCEPTED
from model_export.data.layout import MAX_SESSION_EVENTS, Layout
from nextitem.errors import InputError

HEADER = b"session_id,item_id,timestamp\n"
GOOD = b"s,a,1600000000\n"


def fault_of(path: Path, layout: Layout | None = None) -> str:
    """The error of reading a file, without its path and what to do about times."""
    with pytest.raises(InputError) as caught:
        read_sessions(path, layout)
    text = str(caught.value).removesuffix(f". {ACCEPTED}").removesuffix(f". {ONE_KIND}")
    assert "\n" not in text
    assert text.startswith(str(path))
    return text.removeprefix(str(path))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", ": the file is empty", id="zero bytes"),
        pytest.param(b"\xef\xbb\xbf", ": the file is empty", id="byte order mark only"),
        pytest.param(b"\n\r\n", ": the file is empty", id="blank lines only"),
        pytest.param(HEADER, ": has no events", id="header only"),
        pytest.param(HEADER.strip(), ": has no events", id="header only, no line end"),
        pytest.param(
            b"session_id,product,when\ns,a,1\n",
            ": has no column 'item_id'; its columns are 'session_id', 'product', 'when'. " + COLUMN_OPTIONS,
            id="missing column",
        ),
        pytest.param(
            b"item_id,session_id,item_id,timestamp\n", ": has 2 columns with the name 'item_id'", id="column twice"
        ),
        pytest.param(
            b"session_id;item_id;timestamp\ns;a;1\n",
            ": has no column 'session_id'; its columns are 'session_id;item_id;timestamp' "
            "(--delimiter names another delimiter). " + COLUMN_OPTIONS,
            id="another delimiter",
        ),
        pytest.param(
            HEADER + GOOD + b"s,b,yesterday\n", ", line 3, column 'timestamp': 'yesterday' is not a time", id="word"
        ),
        pytest.param(
            HEADER + b"s,b," + b"y" * 50 + b"\n",
            f", line 2, column 'timestamp': '{'y' * 40}…' is not a time",
            id="long value is cut",
        ),
        pytest.param(
            HEADER + GOOD + b's,b,"12\n13"\n', ", line 3, column 'timestamp': '12\\n13' is not a time", id="line end"
        ),
        pytest.param(
            HEADER + b"s,b,2020-13-01\n", ", line 2, column 'timestamp': '2020-13-01' is not a time", id="month 13"
        ),
        pytest.param(
            HEADER + b"s,a,2020-06-01\n" + GOOD,
            ", line 3, column 'timestamp': '1600000000' is epoch seconds, but '2020-06-01' in line 2 is a date",
            id="number among dates",
        ),
        pytest.param(
            HEADER + GOOD + b"s,a,2020-06-01\n",
            ", line 3, column 'timestamp': '2020-06-01' is a date, but '1600000000' in line 2 is epoch seconds",
            id="date among numbers",
        ),
        pytest.param(HEADER + GOOD + b"s,b,\n", ", line 3, column 'timestamp': has no time", id="no time"),
        pytest.param(HEADER + GOOD + b"s,b,NaN\n", ", line 3, column 'timestamp': 'NaN' is not a time", id="NaN time"),
        pytest.param(
            HEADER + GOOD + b"s,b,-inf\n", ", line 3, column 'timestamp': '-inf' is not a time", id="infinity"
        ),
        pytest.param(
            HEADER + b"s,b,1e999\n",
            ", line 2, column 'timestamp': '1e999' is not a time",
            id="overflow",
        ),
        pytest.param(
            HEADER + b"s,b,9999-01-01\n",
            ", line 2, column 'timestamp': '9999-01-01' is not a time",
            id="far future",
        ),
        pytest.param(HEADER + GOOD + b"s,,1\n", f", line 3, column 'item_id': is empty; {DROP_EMPTY}", id="empty item"),
        pytest.param(
            HEADER + GOOD + b's,"",1\n', f", line 3, column 'item_id': is empty; {DROP_EMPTY}", id="quoted empty item"
        ),
        pytest.param(
            HEADER + GOOD + b"s,  ,1\n", f", line 3, column 'item_id': is empty; {DROP_EMPTY}", id="blank item"
        ),
        pytest.param(
            HEADER + GOOD + "s,\u00a0\u3000,1\n".encode(),
            f", line 3, column 'item_id': is empty; {DROP_EMPTY}",
            id="other spaces",
        ),
        pytest.param(
            HEADER + GOOD + b",b,1\n", f", line 3, column 'session_id': is empty; {DROP_EMPTY}", id="empty session"
        ),
        pytest.param(
            HEADER + GOOD + b"s,nAn,1\n",
            f", line 3, column 'item_id': 'nAn' stands for a missing id; {DROP_EMPTY}",
            id="NaN item",
        ),
        pytest.param(
            HEADER + b"NULL,b,1\n",
            f", line 2, column 'session_id': 'NULL' stands for a missing id; {DROP_EMPTY}",
            id="null session",
        ),
        pytest.param(
            HEADER + GOOD + b"s," + b"\xc3\xa9" * 257 + b",1\n",
            f", line 3, column 'item_id': '{'é' * 40}…' has more than 256 characters",
            id="long item",
        ),
        pytest.param(HEADER + GOOD + b"s,\xff,1\n", ", line 3, column 'item_id': is not UTF-8", id="not UTF-8"),
        pytest.param(
            HEADER + b's,"a\n,b",1\n\ns\xe9,a,1\n', ", line 5, column 'session_id': is not UTF-8", id="Latin-1"
        ),
        pytest.param(HEADER + b"s,a,1\xc3", ", line 2, column 'timestamp': is not UTF-8", id="cut character"),
        pytest.param(b"session_id,item\xe9\n", ", line 1: is not UTF-8", id="header not UTF-8"),
        pytest.param(HEADER.decode().encode("utf-16")[:-1], ": is not valid UTF-16", id="cut UTF-16"),
        pytest.param(HEADER + GOOD + b"s,a\0b,1\n", ", line 3, column 'item_id': holds a NUL byte", id="NUL"),
        pytest.param(HEADER + GOOD + b"s,b\n", ", line 3: has 2 fields where the header has 3", id="short row"),
        pytest.param(HEADER + GOOD + b"s,b,1,2\n", ", line 3: has 4 fields where the header has 3", id="long row"),
        pytest.param(HEADER + GOOD + b"s,b,1,\n", ", line 3: has 4 fields where the header has 3", id="trailing comma"),
        pytest.param(
            HEADER + b'"s",b,1,\n', ", line 2: has 4 fields where the header has 3", id="trailing comma, quotes"
        ),
        pytest.param(
            HEADER + GOOD + b's,"b,1\n',
            ", line 3: cannot be read as CSV: unexpected end of data; if quotes are only letters, add --no-quotes",
            id="open quote",
        ),
        pytest.param(b'"session_id,item_id\n', ", line 1: cannot be read as CSV: the quotes do not match", id="header"),
        pytest.param(
            HEADER + GOOD + b"s,b,1\r\n",
            ", line 3: ends its line with another kind of line end than the rows before",
            id="mixed line ends",
        ),
    ],
)
@pytest.mark.slow
def test_a_fault_in_csv_is_named(tmp_path: Path, content: bytes, expected: str) -> None:
    plain, packed = tmp_path / "events.csv", tmp_path / "events.csv.gz"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    assert fault_of(plain) == expected
    assert fault_of(packed) == expected


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        pytest.param(
            "SELECT 's' AS session_id, unnest([1, 1.5])::DOUBLE AS item_id, 1 AS timestamp",
            f", row 2, column 'item_id': '1.5' {NOT_WHOLE}",
            id="fraction",
        ),
        pytest.param(
            "SELECT 2::DOUBLE ** 53 AS session_id, 1 AS item_id, 1 AS timestamp",
            f", row 1, column 'session_id': '9007199254740992.0 (rounded)' {NOT_WHOLE}",
            id="float that cannot hold its neighbours",
        ),
        pytest.param(
            "SELECT 's' AS session_id, unnest([1, 2.25])::DECIMAL(9, 2) AS item_id, 1 AS timestamp",
            f", row 2, column 'item_id': '2.25' {NOT_WHOLE}",
            id="decimal fraction",
        ),
        pytest.param(
            "SELECT true AS session_id, 'a' AS item_id, 1 AS timestamp",
            ", column 'session_id': is of type boolean, but ids must be text or numbers",
            id="no id type",
        ),
        pytest.param(
            "SELECT 's' AS session_id, 'a' AS item_id, true AS timestamp",
            ", column 'timestamp': is of type boolean, which is not a time",
            id="no time type",
        ),
        pytest.param(
            "SELECT 's' AS session_id, 'a' AS item_id, unnest([1::DOUBLE, 'NaN'::DOUBLE]) AS timestamp",
            ", row 2, column 'timestamp': 'nan' is not a time",
            id="NaN time",
        ),
        pytest.param(
            "SELECT 's' AS session_id, 'a' AS item_id, TIMESTAMP 'infinity' AS timestamp",
            ", row 1, column 'timestamp': 'infinity' is not a time",
            id="infinite timestamp",
        ),
        pytest.param(
            "SELECT 's' AS session_id, unnest([7, NULL]) AS item_id, 1 AS timestamp",
            f", row 2, column 'item_id': is empty; {DROP_EMPTY}",
            id="null item",
        ),
        pytest.param(
            "SELECT 's' AS session_id, 'a' AS item_id, unnest([7, NULL]) AS timestamp",
            ", row 2, column 'timestamp': has no time",
            id="null time",
        ),
        pytest.param(
            "SELECT 's' AS session_id, 'a' || chr(0) AS item_id, 1 AS timestamp",
            ", row 1, column 'item_id': 'a\\u0000' holds a NUL character",
            id="NUL",
        ),
        pytest.param(
            "SELECT 's' AS session_id, 'a\\xFF'::BLOB AS item_id, 1 AS timestamp",
            ", column 'item_id': 'a\\xFF' is not UTF-8",
            id="not UTF-8",
        ),
        pytest.param(
            "SELECT 's' AS session_id, 'a' AS item_id, 1 AS timestamp WHERE false", ": has no events", id="no rows"
        ),
        pytest.param(
            "SELECT 's' AS session_id, 'a' AS item",
            ": has no column 'item_id'; its columns are 'session_id', 'item'. " + COLUMN_OPTIONS,
            id="missing column",
        ),
    ],
)
def test_a_fault_in_parquet_is_named(tmp_path: Path, select: str, expected: str) -> None:
    path = tmp_path / "events.parquet"
    duckdb.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    assert fault_of(path) == expected


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_damaged_parquet_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "events.parquet"
    duckdb.execute(f"COPY (SELECT 's' AS session_id, 'a' AS item_id, 1 AS timestamp) TO '{path}' (FORMAT parquet)")
    path.write_bytes(path.read_bytes()[:keep])
    assert fault_of(path) == ": is not a valid Parquet file (empty, corrupt or cut off)"


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    # not gzip, cut off, and complete with a wrong checksum
    packed = gzip.compress(HEADER + GOOD * 1000)
    path = tmp_path / "events.csv.gz"
    for content in (HEADER + GOOD, packed[:-20], packed[:-8] + b"\0\0\0\0" + packed[-4:]):
        path.write_bytes(content)
        assert fault_of(path) == ": is not a valid gzip file (corrupt or cut off)"


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "events.xlsx").write_bytes(b"PK")
    assert fault_of(tmp_path / "absent.csv") == " cannot be read: there is no such file or folder; check the name"
    assert fault_of(tmp_path / "folder.csv") == ": a folder must hold files of one format, this has none"
    assert (
        fault_of(tmp_path / "events.xlsx")
        == f": the name must end in {ACCEPTED_NAMES}, or --input-format must name the format"
    )


@pytest.mark.parametrize(
    "layout", [Layout(), Layout(user="session_id")], ids=["given sessions", "sessions cut from users"]
)
@pytest.mark.slow
def test_a_session_of_too_many_events_is_refused(tmp_path: Path, layout: Layout) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(
        HEADER + b"x,a,1\n" + b"".join(b"bot,%d,%d\n" % (row % 2, row) for row in range(2, MAX_SESSION_EVENTS + 3))
    )
    name = "bot" if layout.user is None else "bot-1"
    assert fault_of(path, layout) == (
        f", line 3, column 'session_id': session '{name}', which begins here, has 100,001 events, more than 100,000"
    )


@pytest.mark.slow
def test_reading_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN an empty working folder, and an empty folder for temporary files
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_bytes(HEADER + GOOD)
    bad.write_bytes(HEADER + b"s,,1\n")
    # WHEN a good and a bad file are read
    read_sessions(good)
    fault_of(bad)
    # THEN both folders are still empty
    assert not list(here.iterdir())
    assert not list(temporary.iterdir())
