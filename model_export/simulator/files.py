"""Write a shop's sessions and products as CSV files: whole or not at all, the same rows as the same bytes."""

import csv
import gzip
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from model_export.simulator.products import Product
from model_export.simulator.simulator import Session

EVENT_COLUMNS = ("session_id", "item_id", "timestamp")
PRODUCT_COLUMNS = ("item_id", "name", "category", "price")


def write_events(path: str | os.PathLike[str], sessions: Iterable[Session]) -> int:
    """Write a row per event, session by session; gzipped if the name ends in ``.gz``.

    Args:
        path: the file to write; its folder must exist.
        sessions: the sessions, read once and not kept in memory.

    Returns:
        The number of events written.

    Raises:
        OSError: if the file cannot be written; an older file of that name is then untouched.
    """
    return _write_rows(
        Path(path),
        EVENT_COLUMNS,
        (
            (session.session_id, item_id, f"{time:.3f}")
            for session in sessions
            for item_id, time in zip(session.item_ids, session.times, strict=True)
        ),
    )


def write_products(path: str | os.PathLike[str], products: Iterable[Product]) -> int:
    """Write a row per product, its price in cents; otherwise as `write_events`.

    Returns:
        The number of products written.

    Raises:
        OSError: if the file cannot be written; an older file of that name is then untouched.
    """
    return _write_rows(
        Path(path),
        PRODUCT_COLUMNS,
        ((product.item_id, product.name, product.category, str(product.price)) for product in products),
    )


def _write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    count = 0
    with _replacing(path) as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for count, row in enumerate(rows, start=1):  # noqa: B007 - the last count is the result
            writer.writerow(row)
    return count


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """Open a text file that replaces `path` only when the block ends without an error."""
    # In the same folder: a rename is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as raw:
            if path.suffix == ".gz":
                # No name and no time in the header: the bytes depend on the rows alone.
                with (
                    gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
                    TextIOWrapper(packed, encoding="utf-8", newline="") as text,
                ):
                    yield text
            else:
                with TextIOWrapper(raw, encoding="utf-8", newline="") as text:
                    yield text
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
