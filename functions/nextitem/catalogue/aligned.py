"""Columns of a catalogue in the order of a model's items, for filters that keep many of them.

A filter is evaluated on such a column without a look-up for each item: for a million items, that look-up takes longer
than the comparison.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.bounded_cache import BoundedCache
from nextitem.catalogue.columns import MISSING, BooleanColumn, Column, NumberColumn, TextColumn

ALIGNED_BYTES = 32 << 20
"""Bound of the columns that one model version keeps in its order: for a million items, four of numbers, or 16 of texts
with less than 32,768 values. Filters on further columns cost some milliseconds more each time."""

Values = NDArray[Any]


class AlignedColumns:
    """The values of each item in the order of a model's items, made when a filter first needs them.

    Args:
        columns: those of the catalogue.
        position_of: the catalogue's position of each index, int32[items], -1 where it has none.
        max_bytes: their bound.
    """

    def __init__(
        self, columns: Mapping[str, Column], position_of: NDArray[np.int32], max_bytes: int = ALIGNED_BYTES
    ) -> None:
        self._columns, self._position_of = columns, position_of
        self._kept = BoundedCache[str, Values](max_bytes)

    def values(self, field: str) -> Values | None:
        """Return the value of each item; None for a column of lists, which has no single one.

        Numbers and times are float64[items], NaN where an item has none. Booleans and the codes of texts are integers,
        `MISSING` where an item has none. An item that the catalogue does not have has none.
        """
        kept = self._kept.get(field)
        if kept is None:
            by_position = _with_missing(self._columns[field])
            if by_position is None:
                return None
            kept = by_position.take(self._position_of)  # -1 leads to the last value, which is the missing one
            self._kept.keep(field, kept, kept.nbytes)
        return kept


def _with_missing(column: Column) -> Values | None:
    """Return the values by position, then a missing one."""
    match column:
        case NumberColumn():
            return np.append(column.values, np.nan)
        case BooleanColumn():
            return np.append(column.values, np.int8(MISSING))
        case TextColumn() if column.starts is None:
            narrow = np.min_scalar_type(-len(column.values) - 1)  # signed: a narrow column is compared faster
            return np.append(column.codes.astype(narrow), narrow.type(MISSING))
    return None
