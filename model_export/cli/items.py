"""Items on the command line: checks of their ids, catalogue look-ups, and names."""

import csv
from collections.abc import Sequence
from pathlib import Path

from model_export.cli.console import say
from nextitem.errors import InputError, PathUnusable
from nextitem.ids import id_examples, id_fault
from nextitem.model.engine import Model


def require_ids(items: Sequence[str]) -> None:
    """Check that all texts are item ids.

    Raises:
        InputError: one is not.
    """
    for item in items:
        if (reason := id_fault(item)) is not None:
            raise InputError(f"item id {item!r} {reason}")


def known_items(model: Model, items: Sequence[str]) -> list[int]:
    """Return the indices of the items in the catalogue, in order; print a message about the others."""
    known = model.vocabulary.indices(items)
    unknown = [item for item in items if model.vocabulary.index(item) is None]
    if unknown:
        say(f"ignored, because not in the catalogue: {', '.join(unknown)}")
    if not known:
        ids = map(model.vocabulary.item_id, range(len(model.vocabulary)))
        say(id_examples("these items", unknown, "the model", ids))
    return known


def names_in(path: Path) -> dict[str, str]:
    """Return the titles of items by id, from a CSV with the columns item_id and title.

    Raises:
        InputError: it cannot be read, or has other columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            columns = rows.fieldnames or ()  # without rows, a missing column would be silent
            for column in ("item_id", "title"):
                if column not in columns:
                    has = f"its columns are {', '.join(map(repr, columns))}" if columns else "the file is empty"
                    raise InputError(f"{path} has no column {column!r}; {has}. It needs item_id and title.")
            names = {}
            for row in rows:
                if row["title"] is None:
                    raise InputError(f"{path}, line {rows.line_num}: has fewer fields than the header")
                names[row["item_id"]] = row["title"]
            return names
    except OSError as error:
        raise PathUnusable(path, "read", error) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
