"""Event files in and out: CSV, gzipped CSV and Parquet.

Every fault of a file is one `InputError` of one line that names file, row (the first data row is 1)
and column. Knows nothing of models, splits or metrics; DuckDB stays inside this room.
"""

from model_export.data.eventfile.reader import read_sessions
from model_export.data.eventfile.writer import write_events, write_files

__all__ = ["read_sessions", "write_events", "write_files"]
