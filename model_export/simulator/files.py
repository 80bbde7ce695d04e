"""Write a shop's sessions as CSV files: whole or not at all, the same rows as the same bytes."""

import csv
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from gzip import GzipFile
from io import BufferedWriter, TextIOWrapper
from pathlib import Path

from model_export.simulator.simulator import Session

EVENT_COLUMNS = ("session_id", "item_id", "timestamp")
TYPE_COLUMN = "type"


def write_events(path: str | os.PathLike[str], sessions: Iterable[Session], *, types: bool = False) -> int:
    """Write a row per event, session by session; gzipped if the name ends in ``.gz``.

    Args:
        path: the file to write; its folder must exist.
        sessions: the sessions, read once and not kept in memory.
        types: write the other actions beside the views, with a column ``type``.

    Returns:
        The number of events written.

    Raises:
        OSError: if the file cannot be written; an older file of that name is then untouched.
    """
    if types:
        typed = (
            (session.session_id, event.item_id, f"{event.time:.3f}", event.type)
            for session in sessions
            for event in session.events()
        )
        return write_rows(Path(path), (*EVENT_COLUMNS, TYPE_COLUMN), typed)
    views = (
        (session.session_id, item_id, f"{time:.3f}")
        for session in sessions
        for item_id, time in zip(session.item_ids, session.times, strict=True)
    )
    return write_rows(Path(path), EVENT_COLUMNS, views)


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Write a CSV file, gzipped if its name ends in ``.gz``; return the number of rows."""
    count = 0
    with replacing(path) as raw, TextIOWrapper(raw, encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for count, row in enumerate(rows, start=1):  # noqa: B007 - the last count is the result
            writer.writerow(row)
    return count


@contextmanager
def replacing(path: Path) -> Iterator[BufferedWriter | GzipFile]:
    """Open a file that replaces `path` only when the block ends without an error; gzipped if `path` ends in ``.gz``."""
    # In the same folder: a rename is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as raw:
            if path.suffix == ".gz":
                # No name and no time in the header: the bytes depend on the rows alone.
                with GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                    yield packed
            else:
                yield raw
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
