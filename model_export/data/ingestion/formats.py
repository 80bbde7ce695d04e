"""Which formats there are, told by the file's suffix. Knows nothing of their content."""

from enum import Enum
from pathlib import Path

from model_export.data.eventfile.faults import fault


class Format(Enum):
    """A format of event files; the value is its suffix."""

    CSV = ".csv"
    CSV_GZ = ".csv.gz"
    PARQUET = ".parquet"

    @classmethod
    def of(cls, path: Path) -> "Format":
        """The format of a file by its name, in any case of letters.

        Raises:
            InputError: when the suffix is none of ours.
        """
        for known in (cls.CSV_GZ, cls.CSV, cls.PARQUET):
            if path.name.lower().endswith(known.value):
                return known
        raise fault(path, "the name must end in .csv, .csv.gz or .parquet")
