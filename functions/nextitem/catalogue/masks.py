"""Find the items that a filter keeps.

A filter that keeps few items is evaluated from the positions of its values, and touches no row of the others. One that
keeps many is evaluated on whole columns in the order of the model's items, at the speed of memory.
"""

import math
from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.aligned import Values
from nextitem.catalogue.columns import MISSING, BooleanColumn, Column, NumberColumn, Positions, TextColumn
from nextitem.catalogue.expressions import (
    All,
    AnyOf,
    Filter,
    HasText,
    InRange,
    IsBoolean,
    IsMissing,
    Not,
    SameAsLast,
    memory_of,
)
from nextitem.catalogue.join import NOT_SOLD
from nextitem.catalogue.selection import Selection, of_indices, of_mask
from nextitem.catalogue.served_items import ServedItems

SPARSE_SHARE = 32
"""At most one in so many items is few: a longer list of positions is slower than whole columns."""

FEW_TEXTS = 8
"""Up to so many texts are compared one by one: a look-up for each item takes as long as some twenty comparisons."""

Condition = HasText | InRange | IsBoolean | IsMissing | SameAsLast
Mask = NDArray[np.bool_]
_Column = TypeVar("_Column", TextColumn, NumberColumn, BooleanColumn)


def select(parsed: Filter, items: ServedItems) -> Selection:
    """Return the items that a filter keeps, from the cache of `items` where it is there.

    An item that the catalogue does not have counts as one without any value.

    Args:
        parsed: the filter, without `SameAsLast`: see `expressions.resolve`.
        items: the items of a model version, with a catalogue.

    Raises:
        ValueError: there is no catalogue.
    """
    found = items.selections.get(parsed)
    if found is None:
        found = _Evaluation(items).selection(parsed)
        items.selections.keep(parsed, found, memory_of(parsed) + found.size)
    return found


def keeps(parsed: Filter, items: ServedItems, indices: NDArray[np.int64]) -> Mask:
    """Return which of some items a filter keeps, bool[indices], without a look at the others.

    Args:
        parsed: see `select`.
        items: see `select`.
        indices: indices of items.

    Raises:
        ValueError: there is no catalogue.
    """
    evaluation = _Evaluation(items)
    positions = evaluation.position_of[indices]
    known = positions >= 0
    kept = np.full(len(indices), holds_without_values(parsed))
    kept[known] = evaluation.holds(parsed, positions[known])
    return kept


def holds_without_values(parsed: Filter) -> bool:
    """Return whether a filter is true of an item that has no value in any column."""
    match parsed:
        case IsMissing():
            return True
        case Not(part):
            return not holds_without_values(part)
        case All(parts):
            return all(map(holds_without_values, parts))
        case AnyOf(parts):
            return any(map(holds_without_values, parts))
    return False


class _Evaluation:
    """Evaluates filters on the columns of a catalogue.

    The postings of a condition are the positions of each of its values.
    """

    def __init__(self, items: ServedItems) -> None:
        catalogue, position_of, index_of, aligned = items.catalogue, items.position_of, items.index_of, items.aligned
        if catalogue is None or position_of is None or index_of is None or aligned is None:
            raise ValueError("a filter needs a catalogue")
        self._columns, self._size = catalogue.columns, len(catalogue)
        self._index_of, self._aligned = index_of, aligned
        self.position_of = position_of
        self._found: dict[Condition, list[Positions]] = {}

    def selection(self, parsed: Filter) -> Selection:
        """Return the items that a filter keeps."""
        if self._is_sparse(parsed) and not holds_without_values(parsed):
            indices = self._index_of[self._positions(parsed)]
            return of_indices(indices[indices >= 0].astype(np.int64), len(self.position_of))
        return of_mask(self._whole_mask(parsed))

    def holds(self, parsed: Filter, at: Positions) -> Mask:
        """Return which of some positions a filter keeps, bool[positions]. The caller may change it."""
        match parsed:
            case Not(part):
                kept = self.holds(part, at)
                return np.logical_not(kept, out=kept)
            case All(parts):
                return _every(self.holds(part, at) for part in parts)
            case AnyOf(parts):
                return _some((self.holds(part, at) for part in parts), len(at))
        column = self._columns[parsed.field]
        if isinstance(column, NumberColumn | BooleanColumn):
            return _true_of(parsed, column, column.values[at])
        text = _as(column, TextColumn)
        if text.starts is None:
            return _true_of(parsed, text, text.codes[at])
        return _contains(self._postings(parsed), at)

    def _is_sparse(self, parsed: Filter) -> bool:
        """Return whether a filter surely keeps few positions."""
        return self._most(parsed) * SPARSE_SHARE <= self._size

    def _positions(self, parsed: Filter) -> Positions:
        """Return the positions that a filter keeps, in any order, each once. For filters that keep few."""
        match parsed:
            case All(parts):
                first, *others = sorted(parts, key=self._most)
                left = self._positions(first)
                for part in others:
                    left = left[self.holds(part, left)]
                return left
            case AnyOf(parts):
                return _union([self._positions(part) for part in parts], overlaps=True)
            case Not():
                everything = np.arange(self._size, dtype=np.int32)
                return everything[self.holds(parsed, everything)]
        return _union(self._postings(parsed), overlaps=self._columns[parsed.field].kind == "strings")

    def _mask(self, parsed: Filter) -> Mask:
        """Return which items a filter keeps, bool[items] by index. The caller may change it."""
        if self._is_sparse(parsed):
            return self._scattered([self._positions(parsed)], holds_without_values(parsed))
        return self._whole_mask(parsed)

    def _whole_mask(self, parsed: Filter) -> Mask:
        """Return the same, from whole columns where the filter has no parts."""
        match parsed:
            case Not(part):
                kept = self._mask(part)
                return np.logical_not(kept, out=kept)
            case All(parts):
                return _every(self._mask(part) for part in parts)
            case AnyOf(parts):
                return _some((self._mask(part) for part in parts), len(self.position_of))
        values = self._aligned.values(parsed.field)
        if values is None:
            return self._scattered(self._postings(parsed), holds_without_values(parsed))
        return _true_of(parsed, self._columns[parsed.field], values)

    def _most(self, parsed: Filter) -> int:
        """Return an upper bound of the number of positions that a filter keeps, without a look at them."""
        match parsed:
            case Not():
                return self._size
            case All(parts):
                return min(map(self._most, parts))
            case AnyOf(parts):
                return min(self._size, sum(map(self._most, parts)))
        return sum(map(len, self._postings(parsed)))

    def _postings(self, condition: Condition) -> list[Positions]:
        found = self._found.get(condition)
        if found is None:  # a range is looked up in 8 us, and asked for at each level of a filter
            found = self._found[condition] = self._look_up(condition)
        return found

    def _look_up(self, condition: Condition) -> list[Positions]:
        match condition:
            case HasText(field, codes):
                column = _as(self._columns[field], TextColumn)
                return [column.positions(code) for code in codes]
            case InRange(field, low, high, includes_low, includes_high):
                numbers = _as(self._columns[field], NumberColumn)
                bounds = None if low == -math.inf else low, None if high == math.inf else high
                return [numbers.range(*bounds, includes_low=includes_low, includes_high=includes_high)]
            case IsBoolean(field, value):
                return [_as(self._columns[field], BooleanColumn).positions(value)]
            case IsMissing(field):
                return [self._columns[field].missing()]
        raise ValueError("same_as is resolved before a filter is evaluated")

    def _scattered(self, lists: list[Positions], keeps_others: bool) -> Mask:
        """Return the mask by index of positions, and of the items that the catalogue does not have."""
        kept = np.zeros(len(self.position_of) + 1, np.bool_)
        for positions in lists:
            kept[self._index_of[positions]] = True  # that of an item that is not served, -1, leads to the last place
        kept = kept[:-1]
        return np.logical_or(kept, self.position_of == NOT_SOLD, out=kept) if keeps_others else kept


def _union(lists: list[Positions], *, overlaps: bool) -> Positions:
    if len(lists) == 1:
        return lists[0]
    together = np.concatenate([np.empty(0, np.int32), *lists])
    return np.unique(together) if overlaps else together


def _every(masks: Iterable[Mask]) -> Mask:
    first, *others = masks
    for other in others:
        first &= other
    return first


def _some(masks: Iterable[Mask], size: int) -> Mask:
    kept = np.zeros(size, np.bool_)
    for mask in masks:
        kept |= mask
    return kept


def _true_of(condition: Condition, column: Column, values: Values) -> Mask:
    """Return of which of some single values of a column a condition is true, bool[values]."""
    match condition:
        case HasText(_, codes):
            return _is_one_of(values, codes, len(_as(column, TextColumn).values))
        case InRange():
            _as(column, NumberColumn)
            return _between(values, condition)
        case IsBoolean(_, value):
            _as(column, BooleanColumn)
            return np.asarray(values == int(value))
        case IsMissing():
            return np.isnan(values) if isinstance(column, NumberColumn) else np.asarray(values == MISSING)
    raise ValueError("same_as is resolved before a filter is evaluated")


def _is_one_of(values: Values, codes: tuple[int, ...], texts: int) -> Mask:
    if len(codes) <= FEW_TEXTS:
        return _some((values == code for code in codes), len(values))
    marked = np.zeros(texts + 1, np.bool_)
    marked[list(codes)] = True
    return marked[values]  # `MISSING` leads to the last place


def _between(values: NDArray[np.float64], wanted: InRange) -> Mask:
    """Return which values are in a range. NaN is in none."""
    above = np.greater_equal if wanted.includes_low else np.greater
    below = np.less_equal if wanted.includes_high else np.less
    if wanted.low == -math.inf:  # one pass less
        return below(values, wanted.high)
    kept = above(values, wanted.low)
    if wanted.high != math.inf:
        kept &= below(values, wanted.high)
    return kept


def _contains(lists: list[Positions], positions: Positions) -> Mask:
    """Return which positions are in one of some sorted lists. Each is looked up, because a list may be long."""
    found = np.zeros(len(positions), np.bool_)
    for members in lists:
        places = np.searchsorted(members, positions)
        places[places == len(members)] = 0
        found |= members[places] == positions if len(members) else False
    return found


def _as(column: Column, kind: type[_Column]) -> _Column:
    if not isinstance(column, kind):
        raise TypeError(f"the filter was parsed for another catalogue: a column is of kind {column.kind}")
    return column
