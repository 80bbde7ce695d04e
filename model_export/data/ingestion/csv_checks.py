"""Checks of delimited files (CSV, TSV) that DuckDB does not make.

DuckDB accepts a delimiter too many at the end of a line, and does not tell the line of every fault. So `survey_csv`
counts the delimiters in its pass over the bytes; `check_records` passes over the records, slowly, only where a row is
wrong, to tell which.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from model_export.data.ingestion.faults import input_error
from model_export.data.ingestion.text_files import CountedLines, TextFile, lines_until, opened, survey
from nextitem.errors import InputError

MAX_RECORD_BYTES = 1 << 24
"""The longest record, 16 MiB. A longer one is an open quote."""

_STAND_IN = "\uffff"
"""Stands for a delimiter of several characters, which Python's reader does not take; no text has this character."""


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written.

    Attributes:
        delimiter: between two fields: one to four bytes.
        header: whether the first record names the columns; without it they are named 1, 2, 3.
        quotes: whether a field that begins with a double quote ends with one; otherwise quotes are letters.
        quotes_span: whether such a field may hold a delimiter or a line end.
    """

    delimiter: str = ","
    header: bool = True
    quotes: bool = True
    quotes_span: bool = True

    @property
    def kind(self) -> str:
        """The format's name, for errors."""
        return "TSV" if self.delimiter == "\t" else "CSV"

    def records(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Yield the records of lines that keep their ends; a blank line is an empty record.

        Raises:
            csv.Error: the quotes do not match, or a field is longer than a record may be.
        """
        csv.field_size_limit(MAX_RECORD_BYTES)
        delimiter = self.delimiter
        if len(delimiter) > 1:
            lines = (line.replace(self.delimiter, _STAND_IN) for line in lines)
            delimiter = _STAND_IN
        quoting: Any = csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE
        for record in csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True):
            yield [field.replace(_STAND_IN, self.delimiter) for field in record]


@dataclass(frozen=True)
class Facts:
    """Facts of a delimited file from the pass over its bytes.

    Attributes:
        columns: names of the columns.
        delimiters: delimiters in the whole file, header included.
        has_quotes: whether a field is quoted, so that delimiters do not tell the number of fields.
        blank_lines: number of blank lines before the first record.
    """

    columns: tuple[str, ...]
    delimiters: int
    has_quotes: bool
    blank_lines: int


def survey_csv(file: TextFile, dialect: Dialect) -> Facts:
    """Pass over all bytes once; see `survey`.

    Raises:
        InputError: the bytes are wrong, or the first record cannot be read.
    """
    found = survey(file, (dialect.delimiter, '"'), lambda offset, what: _bad_byte(file, dialect, offset, what))
    blank_lines = len(found.head[: len(found.head) - len(found.head.lstrip("\r\n"))].splitlines())
    try:
        records = dialect.records(io.StringIO(found.head, newline=""))
        first = next(record for record in records if record)
    except (csv.Error, StopIteration):
        what = f"cannot be read as {dialect.kind}: the quotes do not match"
        raise input_error(file.name, what, place=f"line {blank_lines + 1}") from None
    columns = first if dialect.header else [str(number) for number in range(1, len(first) + 1)]
    has_quotes = dialect.quotes and found.counts['"'] > 0
    return Facts(tuple(columns), found.counts[dialect.delimiter], has_quotes, blank_lines)


def check_records(file: TextFile, dialect: Dialect, columns: tuple[str, ...]) -> int:
    """Check all records one by one, and return their number; blank lines are not counted.

    Raises:
        InputError: naming the line of the first row that has another number of fields than there are columns, breaks
            the quoting rules, or ends with another line end than the rows before.
    """
    row = -1 if dialect.header else 0
    expected = "the header has" if dialect.header else "the first row has"
    with opened(file) as stream:
        lines = _lines(stream)
        records = dialect.records(lines)
        first_end: str | None = None
        while True:
            place = lines.next_place
            try:
                record = next(records)
            except StopIteration:
                return max(row, 0)
            except csv.Error as error:
                quotes = "; if quotes are only letters, add --no-quotes" if dialect.quotes else ""
                what = f"cannot be read as {dialect.kind}: {error}{quotes}"
                raise input_error(file.name, what, place=place) from None
            end = lines.last[len(lines.last.rstrip("\r\n")) :]
            first_end = end if first_end is None else first_end
            if not record:
                continue
            row += 1
            if len(record) != len(columns):
                what = f"has {len(record)} fields where {expected} {len(columns)}"
                raise input_error(file.name, what, place=place)
            if not dialect.quotes_span and any(set(field) & {dialect.delimiter, "\r", "\n"} for field in record):
                what = (
                    "has a tab or a line end in quotes: add --quotes if that is meant, or --no-quotes for lone quotes"
                )
                raise input_error(file.name, what, place=place)
            if end not in ("", first_end):
                what = "ends its line with another kind of line end than the rows before"
                raise input_error(file.name, what, place=place)


def place_of_record(file: TextFile, dialect: Dialect, row: int) -> str:
    """Return the line on which a row begins, in a pass over the rows before it.

    Args:
        file: a file in UTF-8.
        dialect: how it is written.
        row: the number of the row, 1 for the first one after the header; blank lines are not counted.
    """
    left, fields = row + dialect.header, 0
    with opened(file) as stream, suppress(csv.Error):
        lines = _lines(stream)
        place = lines.next_place
        for record in dialect.records(lines):
            # In a file of one column, a blank line is a row without a value.
            left -= bool(record) or fields == 1
            if not left:
                break
            fields = fields or len(record)
            place = lines.next_place
    return place


def _lines(stream: BinaryIO) -> CountedLines:
    return CountedLines(io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline=""))


def _bad_byte(file: TextFile, dialect: Dialect, offset: int, what: str) -> InputError:
    """Return the fault of a byte, with the line of its row, and column: the records up to it are read again."""
    columns: list[str] = []
    row, fields, place, begins = -1 if dialect.header else 0, 0, "line 1", "line 1"
    with opened(file) as stream, suppress(csv.Error):
        lines = CountedLines(lines_until(stream, offset))
        for record in dialect.records(lines):
            if record:
                row, fields, place = row + 1, len(record), begins
                if not columns:
                    columns = record if dialect.header else [str(number) for number in range(1, len(record) + 1)]
            begins = lines.next_place
    column = columns[fields - 1] if row > 0 and fields <= len(columns) else None
    return input_error(file.name, what, place=place, column=column)
