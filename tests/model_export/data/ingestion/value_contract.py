"""The values of events, read the same on every engine; subclasses give `engine`."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from model_export.data.ingestion.check import ONE_KIND, check_rows
from model_export.data.ingestion.engine import Engine
from model_export.data.ingestion.id_checks import DROP_EMPTY, SHORTENED
from model_export.data.ingestion.read import read_rows
from model_export.data.ingestion.sources import source_of
from model_export.data.ingestion.times import ACCEPTED
from model_export.data.layout import Layout
from nextitem.errors import InputError
from tests.model_export.data.ingestion.engine_contract import EVERYTHING, days
from tests.model_export.data.ingestion.preparing import DAY, FIRST_DAY, Row, run, write_csv, write_parquet

BAD_CHARACTER = "holds a control character, a line separator or U+FFFD"


SAME_TIMES: dict[str, tuple[list[str], float]] = {
    "date": (
        [
            "2026-01-01 00:03:24.804 UTC", "2026-01-01T00:03:24.804Z", "2026-01-01t00:03:24,804z",
            "2026-01-01 00:03:24.804",
            "2026-01-01 00:03:24.804000000 GMT", "2026-01-01 01:03:24.804+01", "2026-01-01 01:03:24.804 +0100",
            "2025-12-31T20:33:24.804-03:30", "20260101T000324.804Z", "20260101 000324.8040", "20251231T230324.804-0100",
            " 2026-01-01 00:03:24.8040001 ",
        ],
        1767225804.804,
    ),
    "minute": (["2026-01-01 00:03", "2026-01-01T00:03Z", "2026-01-01 01:03+01:00", "20260101T0003"],
        1767225780.0),
    "day": (["2026-01-01", "2026-01-01T00:00", "2026-01-01 00:00:00+00"], 1767225600.0),
    "seconds": (["1767225804.5", "1.7672258045e9", "1767225804.500", "+1767225804.5", "17672258045E-1"], 1767225804.5),
    "milliseconds": (["1767225804500", "1767225804500.0", "1.7672258045E+12"], 1767225804.5),
    "microseconds": (["1767225804500000", "1767225804500000."], 1767225804.5),
    "nanoseconds": (["1767225804500000000", "+1767225804500000000"], 1767225804.5),
    "digits": (["20260101000300", "202601010003", "20260101000300.0"], 1767225780.0),
    "days of digits": (["20260101", "20260101.0"], 1767225600.0),
    "1997": (["874724710", "874724710.0"], 874724710.0),
    "1990": (["631152000"], 631152000.0),
}  # fmt: skip
"""Texts that are the same time, by kind."""


def checked(engine: Engine, paths: list[Path], layout: Layout) -> list[dict[str, Any]]:
    """The checked rows of files, in their order."""
    rows = read_rows(engine, [source_of(str(path), layout) for path in paths], layout)
    return engine.rows(check_rows(engine, rows, layout, "files").table.order_by("place").drop("place"))


def ids_of(rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(row["owner"], row["item"]) for row in rows}


class ValueContract:
    """Ids and times, as they come out of the check."""

    @pytest.mark.parametrize(
        ("written", "kind"),
        [
            (lambda at: (FIRST_DAY + at) * 1000 + 250, "BIGINT"),
            (lambda at: (FIRST_DAY + at) * 1_000_000_000 + 250_000_000, "BIGINT"),
            (lambda at: FIRST_DAY + at + 0.25, "DOUBLE"),
            (lambda at: f"2019-04-{14 + at // DAY:02} 00:00:{at % DAY:02}.250", "TIMESTAMP"),
            (lambda at: f"2019-04-{14 + at // DAY:02} 02:00:{at % DAY:02}.25+02:00", "TIMESTAMPTZ"),
            (lambda at: f"2019-04-{14 + at // DAY:02}T00:00:{at % DAY:02}.250Z", "VARCHAR"),
            (lambda at: f"2019-04-{14 + at // DAY:02} 02:00:{at % DAY:02}.25+02:00", "VARCHAR"),
            (lambda at: f"2019-04-{13 + at // DAY:02} 20:30:{at % DAY:02}.250000000 -0330", "VARCHAR"),
            (lambda at: f"2019-04-{14 + at // DAY:02} 00:00:{at % DAY:02}.25 UTC", "VARCHAR"),
            (lambda at: f"{FIRST_DAY + at}.25", "VARCHAR"),
        ],
    )
    @pytest.mark.slow
    def test_times_in_any_form_are_seconds(self, engine: Engine, tmp_path: Path, written: object, kind: str) -> None:
        # GIVEN the same times, a quarter past the second, in some form
        at = [("a", "x", 0), ("a", "y", 9), ("b", "x", DAY), ("b", "y", DAY + 8)]
        rows: list[Row] = [(owner, item, written(time)) for owner, item, time in at]  # type: ignore[operator]  # lambdas
        sources = [write_parquet(tmp_path / "e.parquet", rows, kind)]
        if kind != "TIMESTAMPTZ":
            sources.append(write_csv(tmp_path / "e.csv", rows))
        for number, source in enumerate(sources):
            # WHEN they are prepared
            run(engine, [source], tmp_path / str(number), EVERYTHING)
            # THEN the seconds are exact, to the bit
            train = pq.read_table(tmp_path / str(number) / "train.parquet")
            assert train["timestamp"].to_pylist() == [FIRST_DAY + 0.25, FIRST_DAY + 9.25]

    @pytest.mark.parametrize(
        ("row", "what"),
        [
            (("", "x", FIRST_DAY), f"column 'session_id': is empty; {DROP_EMPTY}"),
            (("a", " ", FIRST_DAY), f"column 'item_id': is empty; {DROP_EMPTY}"),
            (("a", "NaN", FIRST_DAY), f"column 'item_id': 'NaN' stands for a missing id; {DROP_EMPTY}"),
            (("a", r"\N", FIRST_DAY), f"column 'item_id': '\\N' stands for a missing id; {DROP_EMPTY}"),
            (("a", "#N/A", FIRST_DAY), f"column 'item_id': '#N/A' stands for a missing id; {DROP_EMPTY}"),
            (("(not set)", "x", FIRST_DAY), f"column 'session_id': '(not set)' stands for a missing id; {DROP_EMPTY}"),
            (("a", "1.23457E+11", FIRST_DAY), f"column 'item_id': '1.23457E+11' {SHORTENED}"),
            (("a", "x\u2028", FIRST_DAY), f"column 'item_id': 'x\\u2028' {BAD_CHARACTER}"),
            (("a", "x\x7f", FIRST_DAY), f"column 'item_id': 'x\\u007f' {BAD_CHARACTER}"),
            (("a", "\ufffdx", FIRST_DAY), f"column 'item_id': '\ufffdx' {BAD_CHARACTER}"),
            (("a", "x" * 257, FIRST_DAY), f"column 'item_id': '{'x' * 40}…' has more than 256 characters"),
            (("a", "x", ""), "column 'timestamp': has no time"),
            (("a", "x", "253402300799"), f"column 'timestamp': '253402300799' is not a time. {ACCEPTED}"),
            (("a", "x", "noon"), f"column 'timestamp': 'noon' is not a time. {ACCEPTED}"),
        ],
    )
    def test_a_wrong_value_is_named(self, engine: Engine, tmp_path: Path, row: Row, what: str) -> None:
        # A wrong row in the second of two files
        write_csv(tmp_path / "in" / "1.csv", days(("a", 0, "x y"), ("b", 1, "x y")))
        write_csv(tmp_path / "in" / "2.csv", [("c", "x", FIRST_DAY), row, ("c", "y", FIRST_DAY)])
        with pytest.raises(InputError) as caught:
            run(engine, [tmp_path / "in"], tmp_path / "out", EVERYTHING)
        assert str(caught.value) == f"{tmp_path}/in/2.csv, line 3, {what}"
        assert [path.name for path in tmp_path.iterdir()] == ["in"]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("first", "second", "what"),
        [
            (f"{FIRST_DAY}", f"{FIRST_DAY}000", "is epoch milliseconds, but '{}' in {} is epoch seconds"),
            (f"{FIRST_DAY}", "-1", "is a number below every time since 1990, but '{}' in {} is epoch seconds"),
            (f"{FIRST_DAY}000.5", f"{FIRST_DAY}000000", "is epoch microseconds, but '{}' in {} is epoch milliseconds"),
            ("631151999", "631152000", "is epoch seconds, but '{}' in {} is a number below every time since 1990"),
            ("2019-04-14", f"{FIRST_DAY}", "is epoch seconds, but '{}' in {} is a date"),
            ("2019-04-14", "0001-01-01", "is before 1990, but '{}' in {} is not"),
            ("20190414", "0", "is a number below every time since 1990, but '{}' in {} is a day of 8 digits"),
        ],
    )
    def test_all_times_are_of_one_kind(
        self, engine: Engine, tmp_path: Path, first: str, second: str, what: str
    ) -> None:
        # GIVEN times of one kind, and a file with one of another
        write_csv(tmp_path / "in" / "1.csv", [("a", "x", first), ("a", "y", first)])
        write_csv(tmp_path / "in" / "2.csv", [("b", "x", first), ("b", "y", second)])
        # WHEN they are read together
        with pytest.raises(InputError) as caught:
            run(engine, [tmp_path / "in"], tmp_path / "out", EVERYTHING)
        # THEN the error names a row of each
        what = what.format(first, f"{tmp_path}/in/1.csv, line 2")
        assert str(caught.value) == f"{tmp_path}/in/2.csv, line 3, column 'timestamp': '{second}' {what}. {ONE_KIND}"

    @pytest.mark.slow
    def test_one_moment_in_many_forms_is_one_time(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN files of one moment in all forms of one kind
        for kind, (texts, expected) in SAME_TIMES.items():
            path = write_csv(tmp_path / f"{kind}.csv", [("a", "x", f'"{text}"') for text in texts])
            # WHEN they are read
            times = [row["time"] for row in checked(engine, [path], Layout())]
            # THEN they are equal, to the bit
            assert dict(zip(texts, times, strict=True)) == dict.fromkeys(texts, expected)

    @pytest.mark.parametrize(
        ("time_format", "text"),
        [
            ("%m/%d/%Y %H:%M:%S", "1/31/2026 9:03:24"),
            ("%d.%m.%y %I:%M:%S %p", "31.01.26 09:03:24 am"),
            ("%d.%m.%Y %I:%M:%S%p%z", "31.01.2026 12:33:24AM-0830"),
            ("%a %b %d %H:%M:%S %z %Y", "Sat Jan 31 14:33:24 +0530 2026"),
            ("%A, %d. %B %Y %H:%M:%S.%f %Z", "saturday, 31. JANUARY 2026 09:03:24.000000000 UTC"),
            ("%Y%m%d%H%M%S", "20260131090324"),
            ("[%d/%b/%Y:%H:%M:%S %z]", "[30/Jan/2026:23:33:24 -0930]"),
            ("%m/%d/%Y %H:%M:%S %z", "02/ 1/2026 00:02:24 +1459"),
        ],
    )
    @pytest.mark.slow
    def test_a_time_format_names_the_parts(self, engine: Engine, tmp_path: Path, time_format: str, text: str) -> None:
        # GIVEN times in a format, and one that is not
        layout = Layout(time_format=time_format)
        rows: list[Row] = [("a", "x", f'"{text}"'), ("a", "y", f'" {text} "')]
        # WHEN they are read THEN they are seconds, and the wrong one is named
        path = write_csv(tmp_path / "good.csv", rows)
        assert [row["time"] for row in checked(engine, [path], layout)] == [1769850204.0] * 2
        path = write_csv(tmp_path / "bad.csv", [*rows, ("a", "z", "2026-01-31")])
        with pytest.raises(InputError, match=r"line 4, column 'timestamp': '2026-01-31' is not a time of the format"):
            checked(engine, [path], layout)

    @pytest.mark.slow
    def test_ids_that_became_floats_are_integers_again(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN whole ids as floats, as decimals, and as text beside integers
        rows: list[Row] = [("7", "1234", FIRST_DAY), ("8", "-5", FIRST_DAY)]
        for number, kind in enumerate(("DOUBLE", "FLOAT", "DECIMAL(20, 3)")):
            path = write_parquet(tmp_path / f"{number}.parquet", rows, ids=kind)
            # WHEN they are read THEN they are integers, and a warning says so
            events = check_rows(engine, read_rows(engine, [source_of(str(path), Layout())], Layout()), Layout(), "e")
            assert ids_of(engine.rows(events.table)) == {("7", "1234"), ("8", "-5")}
            assert events.cleaning.rewritten == {"session_id": 2, "item_id": 2}
        path = write_csv(
            tmp_path / "e.csv", [("s", "0108.0", FIRST_DAY), ("1.0", "7", FIRST_DAY), ("s", "9.00", FIRST_DAY)]
        )
        events = check_rows(engine, read_rows(engine, [source_of(str(path), Layout())], Layout()), Layout(), "e")
        assert ids_of(engine.rows(events.table)) == {("s", "0108"), ("1.0", "7"), ("s", "9")}
        assert events.cleaning.warnings == [
            "column 'item_id': 2 ids are whole numbers with a point; 1234.0 is read as 1234"
        ]

    def test_ids_with_a_fraction_among_them_stay_text(self, engine: Engine, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "e.csv", [("1.0", "2.5", FIRST_DAY), ("1", "2.0", FIRST_DAY)])
        assert ids_of(checked(engine, [path], Layout())) == {("1", "2.5"), ("1", "2.0")}

    def test_a_running_index_may_pass_the_days_of_8_digits(self, engine: Engine, tmp_path: Path) -> None:
        numbers = [20260131, 20260132, 20260133, -7]
        path = write_csv(tmp_path / "e.csv", [("a", "x", number) for number in numbers])
        assert [row["time"] for row in checked(engine, [path], Layout())] == numbers

    def test_rows_without_ids_are_dropped_if_the_user_says_so(self, engine: Engine, tmp_path: Path) -> None:
        # GIVEN a file that has lost most of its ids, each with a fault that would stop the reading, and a good file
        lost: list[Row] = [
            ("", "x", "noon"),
            ("undefined", "x", 1),
            ("a", "None", -5),
            ("a", "<NA>", 1),
            ("b", "y", FIRST_DAY),
        ]
        write_csv(
            tmp_path / "in" / "1.csv", [("a", "7.0", FIRST_DAY), ("a", "7.0", FIRST_DAY), ("a", " n/a ", FIRST_DAY)]
        )
        write_csv(tmp_path / "in" / "2.csv", [(owner, item.replace("y", "8.0"), time) for owner, item, time in lost])
        layout = Layout(drop_empty=True)
        # WHEN they are read
        events = check_rows(engine, read_rows(engine, [source_of(str(tmp_path / "in"), layout)], layout), layout, "e")
        # THEN only rows with ids are left, also to judge the others by
        assert ids_of(engine.rows(events.table)) == {("a", "7"), ("b", "8")}
        assert (events.cleaning.rows, events.cleaning.dropped) == (8, 5)
        assert events.cleaning.half_lost == (f"{tmp_path}/in/2.csv",)
        assert events.cleaning.warnings[0].startswith(
            f"{tmp_path}/in/2.csv: more than half of the rows have no session"
        )

    def test_a_file_without_any_id_has_no_events(self, engine: Engine, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "e.csv", [("", "x", FIRST_DAY), ("a", "null", FIRST_DAY)])
        with pytest.raises(InputError, match="has no events with ids"):
            checked(engine, [path], Layout(drop_empty=True))

    def test_an_impossible_date_is_named(self, engine: Engine, tmp_path: Path) -> None:
        rows: list[Row] = [("a", "x", "2019-02-27"), ("a", "x", "2019-02-30")]
        with pytest.raises(InputError, match=r"e\.csv, line 3, column 'timestamp': '2019-02-30' is not a time"):
            run(engine, [write_csv(tmp_path / "e.csv", rows)], tmp_path / "out", EVERYTHING)
