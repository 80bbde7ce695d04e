"""Formats of event files: those that are read, and those that are written."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from model_export.data.ingestion.faults import input_error

PACKED = ".gz"


class Format(Enum):
    """A format that is read; the value names it in `--input-format`."""

    CSV = "csv"
    TSV = "tsv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"

    @classmethod
    def of(cls, file: Path, name: object = None) -> "Format":
        """Return the format of a file by its suffix, in upper or lower case.

        Args:
            file: the file.
            name: its name for errors; by default its path.

        Raises:
            InputError: the suffix is none of these.
        """
        plain = file.name.lower().removesuffix(PACKED)
        for suffix, known in SUFFIXES.items():
            if plain.endswith(suffix) and (known is not cls.PARQUET or not is_packed(file.name)):
                return known
        raise input_error(name or file, f"the name must end in {ACCEPTED}, or --input-format must name the format")


SUFFIXES: Mapping[str, Format] = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".json": Format.JSON_LINES,
    ".parquet": Format.PARQUET,
}
ACCEPTED = f"{', '.join(suffix for suffix in SUFFIXES if suffix != '.parquet')} (each also with {PACKED}) or .parquet"


def is_packed(name: str) -> bool:
    """Return whether a file is packed by gzip, by its suffix."""
    return name.lower().endswith(PACKED)


class OutputFormat(Enum):
    """A format that is written; the value is its suffix."""

    CSV = ".csv"
    CSV_GZ = ".csv.gz"
    PARQUET = ".parquet"

    @classmethod
    def of(cls, path: Path) -> "OutputFormat":
        """Return the format of a file by its suffix, in upper or lower case.

        Raises:
            InputError: the suffix is none of these.
        """
        for known in (cls.CSV_GZ, cls.CSV, cls.PARQUET):
            if path.name.lower().endswith(known.value):
                return known
        raise input_error(path, "the name must end in .csv, .csv.gz or .parquet")
