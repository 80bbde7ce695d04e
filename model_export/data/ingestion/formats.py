"""Formats of event files, by suffix."""

from enum import Enum
from pathlib import Path

from model_export.data.ingestion.faults import input_error


class Format(Enum):
    """A format of event files; the value is its suffix."""

    CSV = ".csv"
    CSV_GZ = ".csv.gz"
    PARQUET = ".parquet"

    @classmethod
    def of(cls, path: Path) -> "Format":
        """Return the format of a file by its suffix, in upper or lower case.

        Raises:
            InputError: the suffix is none of these.
        """
        for known in (cls.CSV_GZ, cls.CSV, cls.PARQUET):
            if path.name.lower().endswith(known.value):
                return known
        raise input_error(path, "the name must end in .csv, .csv.gz or .parquet")
