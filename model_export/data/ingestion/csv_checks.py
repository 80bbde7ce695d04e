"""Checks of a CSV file's bytes that DuckDB does not make.

DuckDB accepts a NUL, a wrong gzip checksum and one comma too many at the end of a line, and does not tell the column of
a byte that is not UTF-8. So `survey` passes over the bytes once, quickly; `check_records` passes over the records,
slowly, only where a row is wrong, to tell which. `path` is the file, `name` is how the user named it.
"""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from model_export.data.ingestion.faults import input_error
from model_export.data.ingestion.formats import Format
from nextitem.errors import InputError

CHUNK_BYTES = 1 << 20
"""Bytes that `survey` reads at a time."""

HEADER_BYTES = 1 << 20
"""The longest header that is read."""


@dataclass(frozen=True)
class Survey:
    """Facts of a file from the pass over its bytes.

    Attributes:
        header: names of the columns.
        commas: commas in the whole file, header included.
        has_quotes: whether a field is quoted, so that commas do not tell the number of fields.
    """

    header: tuple[str, ...]
    commas: int
    has_quotes: bool


def survey(path: Path, name: str) -> Survey:
    """Pass over all bytes once, in constant memory.

    Raises:
        InputError: the file cannot be read, is empty, is not valid gzip, or holds a NUL or a byte that is not UTF-8.
    """
    commas, has_quotes, head, size = 0, False, b"", 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _bytes_of(path, name) as file:
        while chunk := file.read(CHUNK_BYTES):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                # The decoder may have kept the first bytes of a character from the chunk before.
                pending = len(error.object) - len(chunk)
                raise _bad_byte(path, name, size - pending + error.start, "is not UTF-8") from None
            if b"\0" in chunk:
                raise _bad_byte(path, name, size + chunk.index(b"\0"), "holds a NUL byte")
            commas += chunk.count(b",")
            has_quotes = has_quotes or b'"' in chunk
            head = head or chunk[:HEADER_BYTES]
            size += len(chunk)
    if decoder.getstate()[0]:
        raise _bad_byte(path, name, size - 1, "is not UTF-8")
    text = head.decode("utf-8-sig", errors="ignore")
    if not text.strip():
        raise input_error(name, "the file is empty")
    try:
        header = next(record for record in csv.reader(io.StringIO(text, newline=""), strict=True) if record)
    except (csv.Error, StopIteration):
        raise input_error(name, "cannot be read as CSV: the quotes do not match", row=0) from None
    return Survey(header=tuple(header), commas=commas, has_quotes=has_quotes)


def check_records(path: Path, name: str, header: tuple[str, ...]) -> int:
    """Check all records one by one, and return their number; blank lines are not counted.

    Raises:
        InputError: naming the first row that has another number of fields than the header, breaks the quoting rules,
            or ends with another line end than the rows before.
    """
    row = -1
    with _bytes_of(path, name) as file:
        lines = _LineEnds(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
        records = csv.reader(lines, strict=True)
        while True:
            try:
                record = next(records)
            except StopIteration:
                return max(row, 0)
            except csv.Error as error:
                raise input_error(name, f"cannot be read as CSV: {error}", row=row + 1) from None
            if not record:
                continue
            row += 1
            if len(record) != len(header):
                raise input_error(name, f"has {len(record)} fields where the header has {len(header)}", row=row)
            if lines.mixed:
                raise input_error(name, "ends its line with another kind of line end than the rows before", row=row)


class _LineEnds:
    """Passes lines to the CSV reader, and notes whether two records end differently."""

    def __init__(self, lines: io.TextIOWrapper) -> None:
        self._lines = lines
        self._first: str | None = None
        self._last = ""

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self._last = line
            yield line

    @property
    def mixed(self) -> bool:
        """True if the newest record ends differently from the first. Read it after each record."""
        end = self._last[len(self._last.rstrip("\r\n")) :]
        if self._first is None:
            self._first = end
        return end not in ("", self._first)


def _bad_byte(path: Path, name: str, offset: int, what: str) -> InputError:
    """Return the fault of a byte, with its row and column: the records up to it are read again."""
    header: list[str] = []
    row, fields = -1, 0
    with _bytes_of(path, name) as file, suppress(csv.Error):
        for record in csv.reader(_lines_until(file, offset)):
            if record:
                row, fields = row + 1, len(record)
                header = header or record
    column = header[fields - 1] if row > 0 and fields <= len(header) else None
    return input_error(name, what, row=max(row, 0), column=column)


def _lines_until(file: BinaryIO, offset: int) -> Iterator[str]:
    """Yield the lines before a byte, then the part of its line before it, and a letter in its place."""
    left = offset
    for line in file:
        text = line[:left].decode("utf-8", errors="replace")
        if left == offset:
            text = text.removeprefix("\ufeff")
        if left < len(line):
            yield text + "x"
            return
        left -= len(line)
        yield text


@contextmanager
def _bytes_of(path: Path, name: str) -> Iterator[BinaryIO]:
    """Open the file's content, unpacked; errors of reading become faults."""
    try:
        if Format.of(path) is Format.CSV_GZ:
            with gzip.open(path, "rb") as file:
                yield cast("BinaryIO", file)
        else:
            with path.open("rb") as file:
                yield file
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise input_error(name, "is not a valid gzip file (corrupt or cut off)") from None
    except OSError as error:
        raise input_error(name, f"cannot be read: {error.strerror or error}") from None
