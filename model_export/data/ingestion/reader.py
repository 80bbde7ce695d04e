"""Read events into sessions in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_export.data.ingestion.check import Events, check_rows
from model_export.data.ingestion.duckdb_engine import DuckDBEngine, duckdb_engine
from model_export.data.ingestion.figures import Figures
from model_export.data.ingestion.open_sources import opened_sources
from model_export.data.ingestion.order import Ordered, order_events
from model_export.data.ingestion.read import Rows, read_rows
from model_export.data.ingestion.sessionize import refuse_long_sessions, sessionize
from model_export.data.ingestion.summary import summarize
from model_export.data.layout import Layout
from model_export.data.sessions import Sessions


def read_sessions(events: str | Path | Sequence[str | Path], layout: Layout | None = None) -> Sessions:
    """Read events.

    Args:
        events: a file, a folder or an `s3://` address, or several, which are read together.
        layout: of the files; by default the columns that `Layout` names.

    Raises:
        InputError: on the first fault, naming file, place and column.

    Example:
        ``read_sessions("events.csv", Layout(user="visitor"))``
    """
    names = [str(name) for name in ([events] if isinstance(events, str | Path) else events)]
    with _opened(names, layout or Layout()) as opened:
        return _in_memory(opened)


def read_files(names: Sequence[str], layout: Layout) -> tuple[Sessions, Figures]:
    """Read events as `read_sessions` does, and summarise them."""
    with _opened(names, layout) as opened:
        figures = summarize(opened.engine, opened.rows, opened.events, opened.ordered, layout)
        return _in_memory(opened), figures


class _Opened(NamedTuple):
    """The tables of events."""

    engine: DuckDBEngine
    rows: Rows
    events: Events
    ordered: Ordered


@contextmanager
def _opened(names: Sequence[str], layout: Layout) -> Iterator[_Opened]:
    with duckdb_engine() as engine, opened_sources(engine, names, layout) as sources:
        rows = read_rows(engine, sources, layout)
        events = check_rows(engine, rows, layout, ", ".join(names))
        ordered = order_events(engine, sessionize(events, layout), layout.collapse)
        refuse_long_sessions(engine, ordered.table, layout)
        yield _Opened(engine, rows, events, ordered)


def _in_memory(opened: _Opened) -> Sessions:
    table = pa.Table.from_batches(opened.engine.batches(opened.ordered.table.order_by("place")))
    ids, owners = _encoded(table["session"])
    items, codes = _encoded(table["item"])
    kinds, type_codes = _encoded(table["type"])
    by_bytes = pc.array_sort_indices(items)
    place = np.empty(len(items), dtype=np.int32)
    place[by_bytes.to_numpy()] = np.arange(len(items), dtype=np.int32)
    return Sessions.from_events(
        catalogue=items.take(by_bytes).to_pylist(),
        ids=ids.to_pylist(),
        owners=owners.astype(np.int64),
        codes=place[codes],
        times=table["time"].to_numpy(),
        rows=table["place"].to_numpy(),
        order=table["nth"].to_numpy(),
        types=[*kinds.to_pylist()],
        type_codes=type_codes,
    )


def _encoded(texts: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.int32]]:
    """Return the distinct texts in order of their first row, and the index of each row's text."""
    encoded = texts.dictionary_encode().unify_dictionaries()
    return encoded.chunk(0).dictionary, np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks])
