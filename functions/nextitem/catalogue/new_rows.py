"""Which new items get a row where a catalogue is published, and the type of the function that computes the rows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.columns import NumberColumn
from nextitem.catalogue.file import Catalogue
from nextitem.model.artifact import Artifact

RowsOfItems = Callable[[Artifact, Catalogue, NDArray[np.int32]], NDArray[np.float32] | None]
"""Computes the rows of new items, float32[positions, hidden], from a model's attribute map; None without one."""


MAX_NEW_ITEMS = 10_000
"""New items of a join: a request scores each of them, so more would slow every answer down."""


def latest_items(catalogue: Catalogue, positions: NDArray[np.int32], most: int = MAX_NEW_ITEMS) -> NDArray[np.int32]:
    """Return at most so many positions, sorted: the latest ones by the first column of times, if there is one.

    Args:
        catalogue: the catalogue.
        positions: sorted positions of items.
        most: how many.
    """
    if len(positions) <= most:
        return positions
    for column in catalogue.columns.values():
        if isinstance(column, NumberColumn) and column.kind == "time":
            break
    else:
        return positions[:most]
    latest_first = np.argsort(-np.nan_to_num(column.values[positions], nan=-np.inf), kind="stable")
    return np.sort(positions[latest_first[:most]])


def no_rows(_artifact: Artifact, _catalogue: Catalogue, _positions: NDArray[np.int32]) -> None:
    """Compute no rows: new items wait for the next training."""
