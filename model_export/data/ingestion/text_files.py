"""The bytes of text files: unpacked, in UTF-8, and checked for what the readers of DuckDB do not see.

DuckDB accepts a NUL and a wrong gzip checksum, and does not tell the column of a byte that is not UTF-8. So `survey`
passes over all bytes once, quickly.
"""

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from model_export.data.ingestion.faults import input_error
from nextitem.errors import InputError, PathUnusable

CHUNK_BYTES = 1 << 20
"""Bytes that are read at a time."""

HEAD_BYTES = 1 << 20
"""Bytes of a file's beginning that are kept: the longest header."""

GZIP = b"\x1f\x8b"
"""First bytes of a file that gzip has packed."""

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class TextFile:
    """A text file.

    Attributes:
        path: the file.
        name: as the user named it, for errors.
        packed: whether it is packed by gzip.
    """

    path: Path
    name: str
    packed: bool


@dataclass(frozen=True)
class Survey:
    """Facts of a file from the pass over its bytes.

    Attributes:
        head: the file's beginning, without a byte-order mark.
        counts: occurrences of each text that was to be counted.
    """

    head: str
    counts: dict[str, int]


def survey(file: TextFile, counted: tuple[str, ...], fault: Callable[[int, str], InputError]) -> Survey:
    """Pass over all bytes once, in constant memory.

    Args:
        file: the file, in UTF-8.
        counted: texts to count; occurrences of one text do not overlap.
        fault: makes the error of a byte, of its offset and what is wrong with it.

    Raises:
        InputError: the file cannot be read, is empty, is not valid gzip or packed without
            saying so in its name, or holds a NUL or a byte that is not UTF-8.
    """
    head, size = b"", 0
    counters = [_Counter(text.encode()) for text in counted]
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opened(file) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            if not size and chunk.startswith(GZIP):
                raise input_error(file.name, "is packed by gzip, but its name does not end in .gz: rename it")
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                # The decoder may have kept the first bytes of a character from the chunk before.
                pending = len(error.object) - len(chunk)
                raise fault(size - pending + error.start, "is not UTF-8") from None
            if b"\0" in chunk:
                raise fault(size + chunk.index(b"\0"), "holds a NUL byte")
            for counter in counters:
                counter.add(chunk)
            head = head or chunk[:HEAD_BYTES]
            size += len(chunk)
    if decoder.getstate()[0]:
        raise fault(size - 1, "is not UTF-8")
    text = head.decode("utf-8-sig", errors="ignore")
    if not text.strip():
        raise input_error(file.name, "the file is empty")
    return Survey(text, {text: counter.count for text, counter in zip(counted, counters, strict=True)})


class _Counter:
    """Counts a text in a stream of chunks, also where it lies across two of them."""

    def __init__(self, text: bytes) -> None:
        self.count = 0
        self._text = text
        self._rest = b""

    def add(self, chunk: bytes) -> None:
        if len(self._text) == 1:
            self.count += chunk.count(self._text)
            return
        *counted, last = (self._rest + chunk).split(self._text)
        self.count += len(counted)
        self._rest = last[1 - len(self._text) :]


def in_utf_8(file: TextFile, target: Path, *, keep_mark: bool) -> TextFile:
    """Return the file itself, or a copy in UTF-8 of a file in UTF-16, which its byte-order mark tells.

    Args:
        file: the file.
        target: path of the copy.
        keep_mark: whether the reader of the file understands the mark of UTF-8; if not, a marked file is copied, too.

    Raises:
        InputError: the file cannot be read, or is not the UTF-16 that its mark says.
    """
    with opened(file) as stream:
        mark = stream.read(len(codecs.BOM_UTF8))
        if mark.startswith(_UTF_16):
            encoding = "utf-16"
        elif mark == codecs.BOM_UTF8 and not keep_mark:
            encoding = "utf-8-sig"
        else:
            return file
    decoder = codecs.getincrementaldecoder(encoding)()
    with opened(file) as stream, target.open("wb") as copy:
        try:
            while chunk := stream.read(CHUNK_BYTES):
                copy.write(decoder.decode(chunk).encode())
            copy.write(decoder.decode(b"", final=True).encode())
        except UnicodeError:
            raise input_error(file.name, f"is not valid {encoding.removesuffix('-sig').upper()}") from None
    return TextFile(target, file.name, packed=False)


@contextmanager
def opened(file: TextFile) -> Iterator[BinaryIO]:
    """Open the file's content, unpacked; errors of reading become faults."""
    try:
        if file.packed:
            with gzip.open(file.path, "rb") as unpacked:
                yield cast("BinaryIO", unpacked)
        else:
            with file.path.open("rb") as plain:
                yield plain
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise input_error(file.name, "is not a valid gzip file (corrupt or cut off)") from None
    except OSError as error:
        raise PathUnusable(file.name, "read", error) from None


class CountedLines:
    """Passes lines to a reader that takes one at a time, and counts them.

    Attributes:
        count: number of lines that were passed.
        last: the newest of them.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.count = 0
        self.last = ""

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.count += 1
            self.last = line
            yield line

    @property
    def next_place(self) -> str:
        """The place of the next line in the file, as an editor counts: the first line is line 1."""
        return f"line {self.count + 1}"


def lines_until(stream: BinaryIO, offset: int) -> Iterator[str]:
    """Yield the lines before a byte, then the part of its line before it, and a letter in its place."""
    left = offset
    for line in stream:
        text = line[:left].decode("utf-8", errors="replace")
        if left == offset:
            text = text.removeprefix("\ufeff")
        if left < len(line):
            yield text + "x"
            return
        left -= len(line)
        yield text
