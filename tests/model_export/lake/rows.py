"""Read all files of a lake."""

import io
from typing import Any

import pyarrow.parquet as pq

from model_export.lake.records import EVENTS
from nextitem.aws.object_store import ObjectReader


def rows_of(lake: ObjectReader) -> list[dict[str, Any]]:
    """Return the rows of all files of events, in the order of their keys."""
    files = [lake.read(key, 1 << 24) for key in lake.keys(EVENTS)]
    return [row for file in files if file is not None for row in pq.read_table(io.BytesIO(file.data)).to_pylist()]
