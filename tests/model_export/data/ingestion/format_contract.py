"""Formats of event files, read to the same events on every engine; subclasses give `engine`."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.id_checks import DROP_EMPTY
from model_export.data.layout import Layout
from nextitem.errors import InputError
from tests.model_export.data.ingestion.engine_contract import EVERYTHING
from tests.model_export.data.ingestion.preparing import DAY, FIRST_DAY, run, sides

TRAIN, TEST = {"a": ["x", "y"]}, {"b": ["y", "x"]}
EVENTS = [("a", "x", 0), ("a", "y", 1), ("b", "y", DAY), ("b", "x", DAY + 1)]


def written(path: Path, text: str) -> Path:
    """A text file, packed where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def delimited(delimiter: str, *, header: str = "session_id item_id timestamp note", note: str = "") -> str:
    """The events as delimited text, with a column that is not read."""
    rows = [(owner, item, str(FIRST_DAY + at), note) for owner, item, at in EVENTS]
    lines = [header.split(), *rows] if header else rows
    return "".join(delimiter.join(line) + "\n" for line in lines)


Items = dict[str, list[str]]


def result(engine: Engine, out: Path, layout: Layout, *sources: Path) -> tuple[Items, Items]:
    """Train and test of a preparation."""
    run(engine, list(sources), out, replace(EVERYTHING, layout=layout))
    return sides(out)


def fault(engine: Engine, out: Path, layout: Layout, source: Path) -> str:
    """The error of a preparation, without the file's path."""
    with pytest.raises(InputError) as caught:
        run(engine, [source], out, replace(EVERYTHING, layout=layout))
    return str(caught.value).replace(str(source), "")


class FormatContract:
    """Each format, and the rows and columns that must not be lost."""

    @pytest.mark.parametrize(
        ("name", "text", "layout"),
        [
            pytest.param("e.csv", delimited(";"), Layout(delimiter=";"), id="semicolon"),
            pytest.param("e.dat.gz", delimited("::"), Layout(delimiter="::", input_format="csv"), id="two characters"),
            pytest.param("e.tsv", delimited("\t", note="{x}"), Layout(), id="TSV"),
            pytest.param("e.tsv.gz", delimited("\t", note='"5'), Layout(quotes=False), id="lone quotes"),
            pytest.param(
                "e.csv",
                delimited(",", header=""),
                Layout(header=False, session=("1",), item="2", time="3"),
                id="no header",
            ),
            pytest.param("e.csv", "\n\n" + delimited(","), Layout(), id="blank lines before the header"),
            pytest.param("e.csv", delimited(",", note='"' + "x" * 200_000 + '"'), Layout(), id="a long field"),
            pytest.param(
                "e.csv",
                delimited(",", header="session_id item_id timestamp Timestamp"),
                Layout(),
                id="a name in another case",
            ),
            pytest.param("e.csv", delimited(",").replace(",note", ","), Layout(), id="a column without a name"),
            pytest.param(
                "e.csv",
                delimited(",", note="1,2").replace(",note", ",n,n"),
                Layout(),
                id="two other columns of one name",
            ),
        ],
    )
    @pytest.mark.slow
    def test_delimited_text(self, engine: Engine, tmp_path: Path, name: str, text: str, layout: Layout) -> None:
        assert result(engine, tmp_path / "out", layout, written(tmp_path / name, text)) == (TRAIN, TEST)

    @pytest.mark.slow
    @pytest.mark.parametrize("suffix", ["jsonl", "ndjson.gz", "json"])
    def test_json_lines_with_nested_values(self, engine: Engine, tmp_path: Path, suffix: str) -> None:
        # GIVEN events whose values lie in objects and in the element of a list that a key chooses
        lines = [
            {
                "id": f"{owner}",
                "properties": {"product.id": item, "more": [1]},
                "params": [{"key": "page", "value": {"text": "/"}}, {"key": "t", "value": {"int": FIRST_DAY + at}}],
                "ID": "other",
                "note": "x" * 200_000,
            }
            for owner, item, at in EVENTS
        ]
        path = written(tmp_path / f"e.{suffix}", "\n\n".join(json.dumps(line) for line in lines) + "\n")
        # WHEN paths name them
        layout = Layout(session=("id",), item='properties."product.id"', time="params[key=t].value.int")
        # THEN they are the events
        assert result(engine, tmp_path / "out", layout, path) == (TRAIN, TEST)

    @pytest.mark.slow
    def test_each_element_of_a_list_is_an_event(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN sessions with lists of events, one of them empty, as JSON Lines and as Parquet
        rows = [
            {
                "id": session,
                "events": [{"aid": item, "ts": FIRST_DAY + at} for owner, item, at in EVENTS if owner == session],
            }
            for session in ("a", "none", "b")
        ]
        text = written(tmp_path / "e.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
        layout = Layout(session=("id",), item="events[].aid", time="events[].ts")
        for number, path in enumerate((text, tmp_path / "e.parquet")):
            # WHEN they are read
            # THEN each element is an event, in the list's order
            assert result(engine, tmp_path / str(number), layout, path) == (TRAIN, TEST)

    def test_a_fault_inside_a_list_names_the_line(self, engine: Engine, tmp_path: Path) -> None:
        rows = [{"id": "a", "events": [{"aid": "x"}, {"aid": "y"}]}, {"id": "b", "events": [{"aid": "x"}, {"aid": ""}]}]
        path = written(tmp_path / "e.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        layout = Layout(session=("id",), item="events[].aid", time="#row")
        assert (
            fault(engine, tmp_path / "out", layout, path) == f", line 2, column 'events[].aid': is empty; {DROP_EMPTY}"
        )

    def test_a_row_can_be_a_session_of_a_list_as_text(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN rows without an id or a time, whose items are a list as text and one more column, in two files
        lines = [f"\"['p{n}' 'q']\",r{n}" for n in range(10)]
        for number, part in enumerate((lines[:4], lines[4:])):
            written(tmp_path / f"{number}.csv", "\n".join(["items,next", *part]) + "\n")
        # WHEN the row is the session, and the number of the event the time
        layout = Layout(session=("#row",), item="items[]+next", time="#event")
        run(
            engine,
            [tmp_path / "0.csv", tmp_path / "1.csv"],
            tmp_path / "out",
            replace(EVERYTHING, layout=layout, min_support=0),
        )
        # THEN rows of all files are counted on, and the last tenth is test
        train, test = sides(tmp_path / "out")
        assert train == {str(n + 1): [f"p{n}", "q", f"r{n}"] for n in range(9)}
        assert test == {"10": ["p9", "q", "r9"]}

    def test_parquet_with_names_that_differ_in_case(self, engine: Engine, tmp_path: Path) -> None:
        owners, items, times = zip(*EVENTS, strict=True)
        columns = [[at + FIRST_DAY for at in times], list(owners), [0] * 4, list(items), [1] * 4, [2] * 4]
        names = ["timestamp", "session_id", "Timestamp", "item_id", "note", "note"]
        pq.write_table(pa.table([pa.array(column) for column in columns], names=names), tmp_path / "e.parquet")
        assert result(engine, tmp_path / "out", Layout(), tmp_path / "e.parquet") == (TRAIN, TEST)
        what = fault(engine, tmp_path / "out2", Layout(item="note"), tmp_path / "e.parquet")
        assert what == ": has 2 columns with the name 'note'"

    def test_a_missing_field_is_named(self, engine: Engine, tmp_path: Path) -> None:
        duckdb.execute(f"COPY (SELECT 's' AS s, {{'a': 'x'}} AS o, 1 AS t) TO '{tmp_path}/e.parquet' (FORMAT parquet)")
        what = fault(engine, tmp_path / "out", Layout(session=("s",), item="o.b", time="t"), tmp_path / "e.parquet")
        assert what == ", column 'o.b': 'o' has no field 'b'; its fields are 'a'"

    @pytest.mark.parametrize(
        ("name", "line"),
        [
            ("e.csv", "c,z,1,,"),
            ("e.csv", "c,z"),
            ("e.tsv", "c\tz\t1\t\t"),
            ("e.jsonl", '{"session_id":'),
            ("e.jsonl", "[1]"),
            ("e.jsonl", '{"session_id": "c"} {"session_id": "}"}'),
        ],
    )
    def test_a_row_that_cannot_be_read_is_named(self, engine: Engine, tmp_path: Path, name: str, line: str) -> None:
        # GIVEN a wrong row in the second of two files
        good = delimited("\t" if name == "e.tsv" else ",")
        if name == "e.jsonl":
            good = '{"session_id": "a", "item_id": "}{", "timestamp": 1}\n\n' * 4
        folder = tmp_path / "in"
        written(folder / "1" / name, good)
        written(folder / "2" / name, good + line + "\n" + good.splitlines()[-1] + "\n")
        # WHEN it is read
        # THEN the fault has its file and line
        place = f"line {len(good.splitlines()) + 1}"
        assert fault(engine, tmp_path / "out", Layout(), folder).startswith(f"/2/{name}, {place}: ")

    @pytest.mark.slow
    def test_a_column_of_the_path(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN files below folders that hold a column, which the files of one folder have, too
        own, other = tmp_path / "own", tmp_path / "other"
        for day in ("2019-04-14", "2019-04-15"):
            rows = f"session_id,item_id\n{day},x\n{day},y\n"
            written(other / f"date={day}" / "n=a%2Fb+ c" / "e.csv", rows)
            pq.write_table(
                pa.table({"session_id": [day] * 2, "item_id": ["x", "y"], "date": [day] * 2}),
                written(own / "date=2000-01-01" / f"{day}.parquet", ""),
            )
        expected = {"2019-04-14": ["x", "y"]}, {"2019-04-15": ["x", "y"]}
        # WHEN the column is read
        # THEN the file's own column comes first
        assert result(engine, tmp_path / "1", Layout(time="date"), own) == expected
        assert result(engine, tmp_path / "2", Layout(time="date"), other) == expected
        # AND a path's value is what its name stands for
        users = Layout(session=("session_id", "n"), time="date")
        train, _ = result(engine, tmp_path / "3", users, other)
        assert list(train) == ["2019-04-14|a/b+ c"]

    def test_a_column_of_the_path_beside_json_lines(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN JSON Lines below folders that hold a column, which one of the rows has, too
        for day, own in (("2019-04-14", {"date": "2019-04-14T01:00Z"}), ("2019-04-15", {})):
            rows = [{"session_id": day, "item_id": "x"}, {"session_id": day, "item_id": "y", **own}]
            text = "".join(json.dumps(row) + "\n" for row in rows)
            written(tmp_path / "in" / f"date={day}" / "e.jsonl", text)
        # WHEN the column is read
        # THEN it is each row's time
        expected = {"2019-04-14": ["x", "y"]}, {"2019-04-15": ["x", "y"]}
        layout = Layout(time="date")
        train, test = result(engine, tmp_path / "out", layout, tmp_path / "in")
        assert (train, {owner: sorted(items) for owner, items in test.items()}) == expected

    def test_files_that_are_no_data_are_skipped(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN a folder with files and folders of other tools
        written(tmp_path / "in" / "e.csv", delimited(","))
        for name in (
            "_SUCCESS",
            "_temporary/0/e.csv",
            ".ipynb_checkpoints/e.csv",
            "day/_spark/e.csv",
            "day/.e.csv.crc",
        ):
            written(tmp_path / "in" / name, "session_id,item_id,timestamp,note\nbad,,,\n")
        # WHEN it is read
        # THEN they have no part in it
        assert result(engine, tmp_path / "out", Layout(), tmp_path / "in") == (TRAIN, TEST)
