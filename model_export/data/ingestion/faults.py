"""Faults of event files as errors of one line: file, place and column, then the fault."""

import json
from collections.abc import Sequence

from nextitem.errors import InputError

SHOWN_CHARACTERS = 40
"""Characters of a value that an error shows."""
SHOWN_COLUMNS = 20
COLUMN_OPTIONS = "Name yours: --session-column or --user-column, --item-column, --time-column"
"""Layout of a file that an error lists."""


def input_error(file: object, what: str, *, place: str | None = None, column: str | None = None) -> InputError:
    """Return an error that says where and what, on one line.

    Args:
        file: the file, as the user named it.
        what: the fault, as the end of the sentence.
        place: in the file, such as "line 3" of text (`places.py`) or "row 2" of Parquet.
        column: the column's name.

    Example:
        ``input_error("e.csv", "is empty", place="line 3", column="item_id")`` is "e.csv, line 3, column 'item_id': is
        empty".
    """
    places = [str(file)]
    if place is not None:
        places.append(place)
    if column is not None:
        places.append(f"column {shown(column)}")
    return InputError(f"{', '.join(places)}: {what}")


def shown(value: object) -> str:
    """Return a value for an error: quoted, escaped to one line, and cut to a length."""
    text = str(value)
    cut = text[:SHOWN_CHARACTERS] + "…" * (len(text) > SHOWN_CHARACTERS)
    printable = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in cut)
    return f"'{printable}'"


def other_columns(first: object) -> str:
    """Return the fault of a file of a folder, whose columns are not those of the first file."""
    return f"has other columns than {first}, or in another order: name the files one by one, without their folder"


def require_columns(file: object, columns: Sequence[str], required: Sequence[str]) -> None:
    """Check that a file has each required column exactly once.

    Raises:
        InputError: a column is missing or there twice.
    """
    for name in required:
        if name not in columns:
            more = f" and {len(columns) - SHOWN_COLUMNS} more" if len(columns) > SHOWN_COLUMNS else ""
            names = ", ".join(shown(column) for column in columns[:SHOWN_COLUMNS]) + more
            delimiter = (
                " (--delimiter names another delimiter)" if len(columns) == 1 and not columns[0].isidentifier() else ""
            )
            raise input_error(
                file, f"has no column {shown(name)}; its columns are {names}{delimiter}. {COLUMN_OPTIONS}"
            )
        if (count := list(columns).count(name)) > 1:
            raise input_error(file, f"has {count} columns with the name {shown(name)}")
