"""Expressions of a filter, which are true or false of each item of a catalogue.

A value that an item does not have makes a condition false, and `Not` is the complement: an item without a size is not
of size 42, so `Not` of that condition is true of it.
"""

import math
from collections.abc import Mapping

import msgspec

from nextitem.catalogue.columns import BooleanColumn, Column, NumberColumn, TextColumn


class HasText(msgspec.Struct, frozen=True):
    """True of items with at least one of some texts, by their codes in the column."""

    field: str
    codes: tuple[int, ...]


class InRange(msgspec.Struct, frozen=True):
    """True of items whose number, or time in milliseconds since 1970, is between two bounds."""

    field: str
    low: float = -math.inf
    high: float = math.inf
    includes_low: bool = True
    includes_high: bool = True


class IsBoolean(msgspec.Struct, frozen=True):
    """True of items with a value."""

    field: str
    value: bool


class IsMissing(msgspec.Struct, frozen=True):
    """True of items without a value."""

    field: str


class SameAsLast(msgspec.Struct, frozen=True):
    """True of items with a value that the newest item of the session has, too; see `resolve`."""

    field: str


class Not(msgspec.Struct, frozen=True):
    """True of items of which the part is false."""

    part: "Filter"


class All(msgspec.Struct, frozen=True):
    """True of items of which every part is true."""

    parts: tuple["Filter", ...]


class AnyOf(msgspec.Struct, frozen=True):
    """True of items of which at least one part is true; of none if there is no part."""

    parts: tuple["Filter", ...]


Filter = HasText | InRange | IsBoolean | IsMissing | SameAsLast | Not | All | AnyOf
NOTHING = AnyOf(())
"""True of no item."""


CONDITION_BYTES = 400
"""About the memory of a condition with its bounds; more than that of `Not`, `All` and `AnyOf`."""
CODE_BYTES = 40


def memory_of(parsed: Filter) -> int:
    """Return about how many bytes a filter takes."""
    match parsed:
        case HasText(_, codes):
            return CONDITION_BYTES + CODE_BYTES * len(codes)
        case Not(part):
            return CONDITION_BYTES + memory_of(part)
        case All(parts) | AnyOf(parts):
            return CONDITION_BYTES + sum(map(memory_of, parts))
    return CONDITION_BYTES


def resolve(parsed: Filter, columns: Mapping[str, Column], last: int | None) -> Filter:
    """Replace each `SameAsLast` by the values of the newest item of the session.

    Args:
        parsed: the filter.
        columns: the catalogue's columns.
        last: the item's position in the catalogue; None if there is no item, or the catalogue does not have it. Then,
            and where the item has no value, the condition is true of no item.
    """
    match parsed:
        case SameAsLast(field):
            return NOTHING if last is None else same_value(field, columns[field], last)
        case Not(part):
            return Not(resolve(part, columns, last))
        case All(parts):
            return All(tuple(resolve(part, columns, last) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(resolve(part, columns, last) for part in parts))
    return parsed


def same_value(field: str, column: Column, position: int) -> Filter:
    """Return the filter of the items that have a value of the item at a position; of none if it has no value."""
    conditions = value_conditions(field, column, position)
    return conditions[0] if len(conditions) == 1 else AnyOf(conditions)


def value_conditions(field: str, column: Column, position: int) -> tuple[Filter, ...]:
    """Return a condition for each value of the item at a position: true of all items that have it, too."""
    if isinstance(column, TextColumn):
        return tuple(HasText(field, (code,)) for code in column.codes_at(position).tolist())
    if isinstance(column, NumberColumn):
        number = float(column.values[position])
        return () if math.isnan(number) else (InRange(field, number, number),)
    value = _as_boolean(column).value(position)
    return () if value is None else (IsBoolean(field, value),)


def _as_boolean(column: Column) -> BooleanColumn:
    if not isinstance(column, BooleanColumn):
        raise TypeError(f"a column of kind {column.kind} cannot be filtered")
    return column
