"""Places in files for errors: the line of a text file as an editor counts, and the row of Parquet, both from 1."""

from model_export.data.ingestion.csv_checks import Dialect, place_of_record
from model_export.data.ingestion.formats import Format
from model_export.data.ingestion.json_checks import place_of_line
from model_export.data.ingestion.text_files import TextFile


def place_of(file: TextFile, kind: Format, dialect: Dialect, row: int) -> str:
    """Return the place of a row: "line 18" of a text file, "row 17" of Parquet.

    Args:
        file: the file; text is in UTF-8.
        kind: its format.
        dialect: how it is written, if it is CSV or TSV.
        row: the number of the row, 1 for the first one; header and blank lines are not counted.
    """
    if kind is Format.PARQUET:
        return f"row {row}"
    if kind is Format.JSON_LINES:
        return place_of_line(file, row)
    return place_of_record(file, dialect, row)
