"""Columns of a catalogue: one attribute of all items, with the positions of each value.

A position is an item's place in the catalogue. Each column keeps the values by position, to answer with them, and the
positions by value, so that a filter costs as much as it keeps and no row of the others is touched.
"""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.times import MAX_MS, MIN_MS, iso_8601
from nextitem.model.vocabulary import are_texts

Positions = NDArray[np.int32]
"""Positions of items, int32[matches]."""
Kind = Literal["string", "strings", "number", "boolean", "time"]
Value = str | list[str] | float | int | bool | None
"""A value as JSON has it: a time is a text of ISO 8601, and None is a missing value."""
MISSING = -1
"""The code of a missing value."""
_LARGEST_WHOLE = 2.0**53


class Texts:
    """Distinct texts, sorted by their UTF-8 bytes. A text's code is its place.

    Args:
        offsets: where each text begins and where the last one ends, uint64[texts + 1].
        text: all texts, one after the other, uint8.
    """

    def __init__(self, offsets: NDArray[np.uint64], text: NDArray[np.uint8]) -> None:
        self._offsets: memoryview[int] = offsets.data.cast("B").cast("Q")
        self._text = text.data
        self.offsets = offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, code: int) -> str:
        return str(self._bytes(code), "utf-8")

    def code_of(self, text: str) -> int | None:
        """Return a text's code, or None if no item has it."""
        wanted = text.encode(errors="surrogatepass")
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._bytes(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self._bytes(low) == wanted else None

    def _bytes(self, code: int) -> bytes:
        return bytes(self._text[self._offsets[code] : self._offsets[code + 1]])

    def are_whole(self) -> bool:
        """Return whether each text is a whole text of the file."""
        return are_texts(self.offsets, self._text)


class Column(Protocol):
    """An attribute of all items."""

    @property
    def kind(self) -> Kind:
        """What its values are."""

    def value(self, position: int) -> Value:
        """Return an item's value as JSON has it, or None where it has none."""

    def missing(self) -> Positions:
        """Return the positions of the items without a value, sorted."""

    def is_consistent(self, items: int) -> bool:
        """Return whether no look-up leaves the file, for a catalogue of so many items."""


class TextColumn:
    """One text of each item (`string`), or a list of texts (`strings`).

    Attributes:
        kind: `string` or `strings`.
        values: the distinct texts of all items.
        codes: the code of each item's text, int32[items], `MISSING` where it has none; for `strings`, the codes of
            all lists one after the other.
        starts: for `strings`, where each item's codes begin in `codes`, uint32[items + 1]; else None.
    """

    def __init__(
        self,
        values: Texts,
        codes: NDArray[np.int32],
        order: Positions,
        bounds: NDArray[np.uint32],
        starts: NDArray[np.uint32] | None = None,
    ) -> None:
        """Take the arrays of a file.

        Args:
            values: see above.
            codes: see above.
            order: the positions of the items without a value, then those of each value, in the order of the codes.
            bounds: where the positions of each value begin in `order`, and where the last ones end, [values + 1].
            starts: see above.
        """
        self.kind: Kind = "string" if starts is None else "strings"
        self.values, self.codes, self.starts = values, codes, starts
        self._order, self._bounds = order, bounds

    def value(self, position: int) -> str | list[str] | None:
        """See `Column.value`."""
        codes = self.codes_at(position)
        if self.starts is None:
            return self.values[int(codes[0])] if len(codes) else None
        return [self.values[code] for code in codes.tolist()] or None

    def codes_at(self, position: int) -> NDArray[np.int32]:
        """Return the codes of an item's texts, in the order of its list; none for a missing value."""
        if self.starts is None:
            codes = self.codes[position : position + 1]
            return codes[:0] if codes[0] == MISSING else codes
        return self.codes[self.starts[position] : self.starts[position + 1]]

    def positions(self, code: int) -> Positions:
        """Return the positions of the items with a text, sorted."""
        return self._order[self._bounds[code] : self._bounds[code + 1]]

    def missing(self) -> Positions:
        """See `Column.missing`."""
        return self._order[: self._bounds[0]]  # an empty list is a missing value, too

    def is_consistent(self, items: int) -> bool:
        """See `Column.is_consistent`."""
        count, lowest = len(self.values), MISSING if self.starts is None else 0
        if self.starts is None:
            has_all = len(self.codes) == items
        else:
            has_all = len(self.starts) == items + 1 and _are_bounds(self.starts, 0, len(self.codes))
        return (
            has_all
            and self.values.are_whole()
            and _within(self.codes, lowest, count)
            and len(self._bounds) == count + 1
            and _are_bounds(self._bounds, None, len(self._order))
            and _within(self._order, 0, items)
        )


class NumberColumn:
    """A number or a time of each item.

    Attributes:
        kind: `number` or `time`.
        values: float64[items], NaN where an item has none; a time is in milliseconds since 1970.
        order: the positions of the items with a value, by value, int32[present]; of equal values by position.
    """

    def __init__(
        self, kind: Literal["number", "time"], values: NDArray[np.float64], order: Positions, missing: Positions
    ) -> None:
        self.kind: Kind = kind
        self.values, self.order, self._missing = values, order, missing

    def value(self, position: int) -> float | int | str | None:
        """See `Column.value`. A whole number has no point."""
        value = float(self.values[position])
        if value != value:  # noqa: PLR0124 - NaN
            return None
        if self.kind == "time":
            return iso_8601(value)
        return int(value) if value.is_integer() and abs(value) < _LARGEST_WHOLE else value

    def range(
        self, low: float | None, high: float | None, *, includes_low: bool = True, includes_high: bool = False
    ) -> Positions:
        """Return the positions of the items whose value is between two numbers, in the order of their values.

        Args:
            low: the lower bound; None for no bound.
            high: the upper bound; None for no bound.
            includes_low: whether the lower bound is in the range.
            includes_high: whether the upper bound is in the range.
        """
        first, last = 0, len(self.order)
        if low is not None:
            first = self._place(low, after=not includes_low)
        if high is not None:
            last = self._place(high, after=includes_high)
        return self.order[first : max(first, last)]

    def missing(self) -> Positions:
        """See `Column.missing`."""
        return self._missing

    def is_consistent(self, items: int) -> bool:
        """See `Column.is_consistent`. A value is a finite number, a time one that has a date."""
        if len(self.values) != items:
            return False
        limit = (MIN_MS, MAX_MS) if self.kind == "time" else (-np.finfo(np.float64).max, np.finfo(np.float64).max)
        wrong = (self.values < limit[0]) | (self.values > limit[1])
        return not wrong.any() and _within(self.order, 0, items) and _within(self._missing, 0, items)

    def _place(self, value: float, *, after: bool) -> int:
        """Return the place in `order` of the first item with at least this value, or with more than it."""
        low, high = 0, len(self.order)
        while low < high:
            middle = (low + high) // 2
            found = self.values[self.order[middle]]
            if found < value or (after and found == value):
                low = middle + 1
            else:
                high = middle
        return low


class BooleanColumn:
    """True or false for each item.

    Attributes:
        values: int8[items]: 0, 1, or `MISSING`.
    """

    kind: Kind = "boolean"

    def __init__(self, values: NDArray[np.int8], order: Positions, bounds: NDArray[np.uint32]) -> None:
        """Take the arrays of a file.

        Args:
            values: see above.
            order: the positions of the items without a value, then of those with false, then with true.
            bounds: where those with false begin, those with true, and where they end, [3].
        """
        self.values, self._order, self._bounds = values, order, bounds

    def value(self, position: int) -> bool | None:
        """See `Column.value`."""
        value = int(self.values[position])
        return None if value == MISSING else value == 1

    def positions(self, value: bool) -> Positions:
        """Return the positions of the items with a value, sorted."""
        return self._order[self._bounds[int(value)] : self._bounds[int(value) + 1]]

    def missing(self) -> Positions:
        """See `Column.missing`."""
        return self._order[: self._bounds[0]]

    def is_consistent(self, items: int) -> bool:
        """See `Column.is_consistent`."""
        return (
            len(self.values) == items
            and _within(self.values, MISSING, 2)
            and len(self._bounds) == 3  # noqa: PLR2004 - as documented above
            and _are_bounds(self._bounds, None, len(self._order))
            and _within(self._order, 0, items)
        )


def _within(numbers: NDArray[np.int32] | NDArray[np.int8], low: int, end: int) -> bool:
    """Return whether all numbers are at least `low` and less than `end`."""
    return not numbers.size or bool(numbers.min() >= low and numbers.max() < end)


def _are_bounds(bounds: NDArray[np.uint32], first: int | None, last: int) -> bool:
    """Return whether numbers do not fall and end with `last`; they begin with `first` unless it is None."""
    begins = first is None or int(bounds[0]) == first
    return begins and int(bounds[-1]) == last and bool((bounds[1:] >= bounds[:-1]).all())
