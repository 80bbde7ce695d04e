"""What the preparation asks of whatever runs it. Knows nothing of what is prepared."""

from collections.abc import Iterator
from typing import Any, Protocol

import ibis.expr.types as ir
import pyarrow as pa

from model_export.data.preparation.sources import Source


class Engine(Protocol):
    """Runs Ibis expressions. What fails because of the input is an `InputError`."""

    reads_remote: bool
    """Whether `read` takes `s3://` addresses; otherwise they are fetched first."""

    def read(self, source: Source) -> ir.Table:
        """Return a source's table, all its columns; those of CSV are text, an empty field NULL."""

    def micros(self, time: ir.Value) -> ir.IntegerValue:
        """Return a timestamp's microseconds since 1970 (UTC where it has no zone)."""

    def kept(self, name: str, table: ir.Table) -> ir.Table:
        """Compute a table once, so that what is made of it need not do so again."""

    def row(self, table: ir.Table) -> dict[str, Any] | None:
        """Return a table's only row, or None where it has none."""

    def batches(self, table: ir.Table) -> Iterator[pa.RecordBatch]:
        """Yield a table in its order, a bounded part at a time; it is never whole in this process."""
