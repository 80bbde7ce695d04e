"""Find the items that a filter keeps.

A filter that keeps few items is evaluated from the positions of its values, and touches no row of the others. One that
keeps many is evaluated on whole columns at the speed of memory.
"""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nextitem.catalogue.columns import BooleanColumn, Column, NumberColumn, Positions, TextColumn
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
)
from nextitem.catalogue.file import Catalogue
from nextitem.catalogue.selection import Selection, of_indices, of_mask
from nextitem.catalogue.served_items import ServedItems

SPARSE_SHARE = 16
"""At most one in so many items is few: a longer list of positions is slower than whole columns."""

WHOLE = slice(None)
"""All positions."""

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
        found = _selection(parsed, items)
        items.selections.keep(parsed, found)
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
    catalogue, position_of, _ = _joined(items)
    positions = position_of[indices]
    known = positions >= 0
    kept = np.full(len(indices), holds_without_values(parsed))
    kept[known] = _Evaluation(catalogue).holds(parsed, positions[known])
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

    def __init__(self, catalogue: Catalogue) -> None:
        self._columns, self._size = catalogue.columns, len(catalogue.vocabulary)

    def is_sparse(self, parsed: Filter) -> bool:
        """Return whether a filter surely keeps few positions."""
        return self._most(parsed) * SPARSE_SHARE <= self._size

    def positions(self, parsed: Filter) -> Positions:
        """Return the positions that a filter keeps, in any order, each once. For filters that keep few."""
        match parsed:
            case All(parts):
                first, *others = sorted(parts, key=self._most)
                left = self.positions(first)
                for part in others:
                    left = left[self.holds(part, left)]
                return left
            case AnyOf(parts):
                return _union([self.positions(part) for part in parts], overlaps=True)
            case Not():
                return np.flatnonzero(self.holds(parsed)).astype(np.int32)
        return _union(self._postings(parsed), overlaps=self._columns[parsed.field].kind == "strings")

    def holds(self, parsed: Filter, at: Positions | slice = WHOLE) -> Mask:
        """Return which of some positions a filter keeps, bool[positions]. The caller may change it."""
        if isinstance(at, slice) and self.is_sparse(parsed):
            return self._scattered([self.positions(parsed)])
        match parsed:
            case Not(part):
                kept = self.holds(part, at)
                return np.logical_not(kept, out=kept)
            case All(parts):
                first, *others = (self.holds(part, at) for part in parts)
                for other in others:
                    first &= other
                return first
            case AnyOf(parts):
                first = np.zeros(self._size if isinstance(at, slice) else len(at), np.bool_)
                for part in parts:
                    first |= self.holds(part, at)
                return first
        return self._condition_holds(parsed, at)

    def _condition_holds(self, condition: Condition, at: Positions | slice) -> Mask:
        match condition:
            case HasText(field, codes):
                column = _as(self._columns[field], TextColumn)
                if column.kind == "string":
                    return _marked(codes, len(column.values) + 1)[column.codes[at]]  # MISSING leads to the last place
            case InRange(field):
                return _between(_as(self._columns[field], NumberColumn).values[at], condition)
            case IsBoolean(field, value):
                return np.asarray(_as(self._columns[field], BooleanColumn).values[at] == value)
        postings = self._postings(condition)
        return self._scattered(postings) if isinstance(at, slice) else _contains(postings, at)

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

    def _scattered(self, lists: list[Positions]) -> Mask:
        kept = np.zeros(self._size, np.bool_)
        for positions in lists:
            kept[positions] = True
        return kept


def _selection(parsed: Filter, items: ServedItems) -> Selection:
    catalogue, position_of, index_of = _joined(items)
    evaluation = _Evaluation(catalogue)
    keeps_others = holds_without_values(parsed)
    if not keeps_others and evaluation.is_sparse(parsed):
        indices = index_of[evaluation.positions(parsed)]
        return of_indices(indices[indices >= 0].astype(np.int64), len(position_of))
    by_position = np.append(evaluation.holds(parsed), keeps_others)
    return of_mask(by_position.take(items.lookup))


def _joined(items: ServedItems) -> tuple[Catalogue, NDArray[np.int32], NDArray[np.int32]]:
    if items.catalogue is None or items.position_of is None or items.index_of is None:
        raise ValueError("a filter needs a catalogue")
    return items.catalogue, items.position_of, items.index_of


def _union(lists: list[Positions], *, overlaps: bool) -> Positions:
    if len(lists) == 1:
        return lists[0]
    together = np.concatenate([np.empty(0, np.int32), *lists])
    return np.unique(together) if overlaps else together


def _marked(codes: tuple[int, ...], size: int) -> Mask:
    marked = np.zeros(size, np.bool_)
    marked[list(codes)] = True
    return marked


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
