"""Event files of sessions, for tests."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from model_export.data.ingestion.formats import OutputFormat
from model_export.data.ingestion.write import write_table
from model_export.data.sessions import Sessions


def write_events(path: Path, sessions: Sessions) -> None:
    """Write sessions one after the other, each in time order, as the pipeline writes them."""
    whole = bool(np.all(sessions.times == np.floor(sessions.times)))
    batch = pa.record_batch(
        {
            "session_id": pa.array(np.repeat(np.array(sessions.ids, dtype=object), sessions.lengths), pa.string()),
            "item_id": pa.array(np.array(sessions.catalogue, dtype=object)[sessions.codes], pa.string()),
            "timestamp": pa.array(sessions.times, pa.float64()).cast(pa.int64() if whole else pa.float64()),
        }
    )
    write_table(path, [batch], batch.schema, OutputFormat.of(path))
