"""The engine of the pipeline: runs Ibis expressions on one machine or many."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import ibis.expr.types as ir
import pyarrow as pa

from model_export.data.ingestion.sources import Source

PLACE = "place"
"""Column of a row's place: it orders rows as they stand in their files. Its type is the engine's."""


class Location(NamedTuple):
    """A file, as the user named it, and a place in it, such as "line 3" or "row 2" (`places.py`)."""

    file: str
    place: str


class Engine(Protocol):
    """Runs Ibis expressions. Faults of the input are raised as `InputError`."""

    reads_remote: bool
    """True if `read` takes `s3://` addresses; otherwise they are fetched first."""

    def read(self, source: Source, columns: dict[str, str]) -> ir.Table:
        """Return columns of a source under new names, and `PLACE`; columns of CSV are text, an empty field NULL.

        Args:
            source: what to read.
            columns: name in the source by new name.
        """

    def locate(self, place: Any) -> Location:
        """Return the file of a value of `PLACE`, and the place in it, for an error: it reads the file up to there."""

    def file_of(self, place: Any) -> str:
        """Return the file of a value of `PLACE`, as the user named it."""

    def file_key(self, place: ir.Value) -> ir.Value:
        """Return a value for a place that is the same for all rows of a file, and for no others."""

    def micros(self, time: ir.Value) -> ir.IntegerValue:
        """Return a timestamp's microseconds since 1970 (UTC where it has no zone)."""

    def kept(self, name: str, table: ir.Table) -> ir.Table:
        """Compute a table once, so that later expressions read the result."""

    def rows(self, table: ir.Table) -> list[dict[str, Any]]:
        """Return the rows of a small table."""

    def batches(self, table: ir.Table) -> Iterator[pa.RecordBatch]:
        """Yield a table in its order, in batches; it is never whole in this process."""
