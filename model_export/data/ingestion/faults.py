"""How a fault of an event file is told: one line with file, row and column.

Knows nothing of how faults are found.
"""

import json
from pathlib import Path

from nextitem.errors import InputError

SHOWN_CHARACTERS = 40
"""Of a value out of a file, so much is shown in an error."""

SHOWN_COLUMNS = 20
"""Of a file's columns, so many are listed in an error."""


def fault(path: Path, what: str, *, row: int | None = None, column: str | None = None) -> InputError:
    """An error that says where and what, on one line.

    Args:
        path: the file.
        what: the fault, as the end of the sentence.
        row: data row, the first after the header being 1; 0 is the header itself.
        column: the column's name.
    """
    places = [str(path)]
    if row is not None:
        places.append(f"row {row}" if row else "header")
    if column is not None:
        places.append(f"column {shown(column)}")
    return InputError(f"{', '.join(places)}: {what}")


def shown(value: object) -> str:
    """A value as it may stand in an error: quoted, escaped to one line, and cut to a length."""
    text = str(value)
    cut = text[:SHOWN_CHARACTERS] + "…" * (len(text) > SHOWN_CHARACTERS)
    printable = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in cut)
    return f"'{printable}'"


def listed(columns: tuple[str, ...]) -> str:
    """The columns of a file as they may stand in an error."""
    more = f" and {len(columns) - SHOWN_COLUMNS} more" if len(columns) > SHOWN_COLUMNS else ""
    return ", ".join(shown(name) for name in columns[:SHOWN_COLUMNS]) + more
