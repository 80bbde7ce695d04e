"""Read docs/api.md: the texts and examples that people read are also those of the OpenAPI document."""

import re
from pathlib import Path
from typing import Any

import msgspec

from nextitem.errors import InputError

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
_EXAMPLE = re.compile(r"```json (\w+)\n(.*?)```", re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")


def examples() -> dict[str, Any]:
    """Return the first example of each kind, such as ``append_events`` or ``problem``."""
    documents: dict[str, Any] = {}
    for kind, text in _EXAMPLE.findall(PAGE.read_text(encoding="utf-8")):
        documents.setdefault(kind, msgspec.json.decode(text))
    return documents


def table(*header: str) -> list[list[str]]:
    """Return the rows of the table with this header, cell by cell.

    Args:
        header: the text of each cell; an empty one is empty.

    Raises:
        InputError: the page has no such table.
    """
    head = f"| {' | '.join(header)} |".replace("|  |", "| |")
    lines = iter(PAGE.read_text(encoding="utf-8").splitlines())
    if head not in lines:
        raise InputError(
            f"{PAGE}: there is no table with the header {head}. The OpenAPI document takes its texts from it"
        )
    next(lines)  # the line of dashes
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def texts(*header: str) -> dict[str, str]:
    """Return the last cell of each row of a table, by each name in code style in the row's first cell."""
    return {name: row[-1] for row in table(*header) for name in _CODE.findall(row[0])}
