"""Parse filters from documented JSON against the columns of a catalogue."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn, Protocol

from nextitem.catalogue.columns import BooleanColumn, Column, NumberColumn, TextColumn
from nextitem.catalogue.expressions import (
    NOTHING,
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
from nextitem.catalogue.times import parse_iso_8601
from nextitem.errors import InputError, RequestError

MAX_DEPTH = 8
"""The maximum of filters inside each other."""
MAX_CONDITIONS = 64
"""The maximum of conditions in one filter, those of named filters included."""
MAX_VALUES = 1000
"""The maximum of values in one filter."""
OPERATORS = ("not", "all", "any", "named")
"""Keys of a filter that are no columns."""
_BOUNDS = ("gt", "gte", "lt", "lte")
_CONDITIONS = ("in", "same_as", "missing")
LAST = "last"
"""The newest item of the session, for `same_as`."""


class Attributes(Protocol):
    """What a filter is parsed against: a catalogue."""

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns by name."""
        ...

    @property
    def named_filters(self) -> Mapping[str, Any]:
        """The filters that requests may name, as documented JSON."""
        ...


def parse_filter(document: object, catalogue: Attributes, path: str = "filter") -> Filter:
    """Convert a filter from JSON.

    Args:
        document: decoded JSON.
        catalogue: its columns and named filters.
        path: the document's place in the request, for errors.

    Raises:
        RequestError: 422 with the path of the wrong part: an unknown field, a value of another type than the column's,
            or a filter beyond one of the limits.

    Example:
        >>> parse_filter({"category": "shoes", "price": {"lt": 50}}, catalogue)
    """
    return _Parser(catalogue, catalogue.named_filters).filter(document, path, 1)


def column_of(name: object, catalogue: Attributes, path: str) -> Column:
    """Return a column.

    Raises:
        RequestError: 422, there is none of that name.
    """
    column = catalogue.columns.get(name) if isinstance(name, str) else None
    if column is None:
        _refuse(path, f"unknown field; the catalogue has: {', '.join(catalogue.columns) or 'none'}")
    return column


class _Parser:
    """Parses one filter and counts its conditions and values."""

    def __init__(self, catalogue: Attributes, named: Mapping[str, Any]) -> None:
        self._catalogue, self._named = catalogue, named
        self._conditions = self._values = 0

    def filter(self, document: object, path: str, depth: int) -> Filter:
        if not isinstance(document, Mapping) or not document:
            _refuse(path, 'must be an object with at least one condition, such as {"category": "shoes"}')
        if depth > MAX_DEPTH:
            _refuse(path, f"a filter may have {MAX_DEPTH} levels")
        return _all([part for key, value in document.items() for part in self._parts(key, value, path, depth)])

    def _parts(self, key: str, value: object, path: str, depth: int) -> Iterator[Filter]:
        at = f"{path}.{key}"
        if key == "not":
            yield Not(self.filter(value, at, depth + 1))
        elif key in {"all", "any"}:
            if not isinstance(value, Sequence) or isinstance(value, str) or not value:
                _refuse(at, "must be a list of at least one filter")
            parts = [self.filter(part, f"{at}[{place}]", depth + 1) for place, part in enumerate(value)]
            yield _all(parts) if key == "all" else AnyOf(tuple(parts))
        elif key == "named":
            yield self._named_filter(value, at, depth)
        else:
            yield from self._conditions_of(key, column_of(key, self._catalogue, at), value, at)

    def _named_filter(self, name: object, path: str, depth: int) -> Filter:
        if not isinstance(name, str) or name not in self._named:
            has = ", ".join(self._named) or "none"
            _refuse(path, f"unknown filter, or one inside a named filter; the catalogue has: {has}")
        named, self._named = self._named, {}  # so that no filter names itself
        try:
            return self.filter(named[name], path, depth + 1)
        finally:
            self._named = named

    def _conditions_of(self, field: str, column: Column, condition: object, path: str) -> Iterator[Filter]:
        self._count_condition(path)
        if not isinstance(condition, Mapping):
            yield self._one_of(field, column, [condition], path)
            return
        accepted = (*_BOUNDS, *_CONDITIONS) if isinstance(column, NumberColumn) else _CONDITIONS
        for key in condition:
            if key not in accepted:
                _refuse(f"{path}.{key}", f"unknown condition; a {column.kind} takes: {', '.join(accepted)}")
        if not condition:
            _refuse(path, f"must be a value, or an object with one of: {', '.join(accepted)}")
        bounds = {key: value for key, value in condition.items() if key in _BOUNDS}
        if bounds:
            yield self._range(field, column, bounds, path)
        for key, value in condition.items():
            at = f"{path}.{key}"
            if key == "in":
                if not isinstance(value, Sequence) or isinstance(value, str) or not value:
                    _refuse(at, "must be a list of at least one value")
                yield self._one_of(field, column, value, at)
            elif key == "missing":
                if not isinstance(value, bool):
                    _refuse(at, "must be true or false")
                yield IsMissing(field) if value else Not(IsMissing(field))
            elif key == "same_as":
                if value != LAST:
                    _refuse(at, f'accepted is "{LAST}": the newest item of the session')
                yield SameAsLast(field)

    def _one_of(self, field: str, column: Column, values: Sequence[object], path: str) -> Filter:
        self._values += len(values)
        if self._values > MAX_VALUES:
            _refuse(path, f"a filter may have {MAX_VALUES} values")
        if isinstance(column, TextColumn):
            codes = {column.values.code_of(_text(value, column, path)) for value in values}
            known = sorted(code for code in codes if code is not None)
            return HasText(field, tuple(known)) if known else NOTHING
        if isinstance(column, BooleanColumn):
            return _any([IsBoolean(field, value) for value in sorted({_boolean(value, path) for value in values})])
        numbers = sorted({_number(value, column, path) for value in values})
        return _any([InRange(field, number, number) for number in numbers])

    def _range(self, field: str, column: Column, bounds: Mapping[str, object], path: str) -> Filter:
        numbers = {key: _number(value, column, f"{path}.{key}") for key, value in bounds.items()}
        for strict, loose in (("gt", "gte"), ("lt", "lte")):
            if strict in numbers and loose in numbers:
                _refuse(f"{path}.{strict}", f"takes the place of {loose}; send one of them")
        low = numbers.get("gt", numbers.get("gte", -math.inf))
        high = numbers.get("lt", numbers.get("lte", math.inf))
        return InRange(field, low, high, "gt" not in numbers, "lt" not in numbers)

    def _count_condition(self, path: str) -> None:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            _refuse(path, f"a filter may have {MAX_CONDITIONS} conditions")


def _all(parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _any(parts: Sequence[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def _text(value: object, column: Column, path: str) -> str:
    if not isinstance(value, str):
        _refuse(path, f"must be a text: the column is of kind {column.kind}{_hint(value)}")
    return value


def _boolean(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        _refuse(path, f"must be true or false: the column is of kind boolean{_hint(value)}")
    return value


def _number(value: object, column: Column, path: str) -> float:
    if column.kind == "time":
        try:
            return parse_iso_8601(value if isinstance(value, str) else "")
        except InputError:
            _refuse(path, f"must be a time of ISO 8601, such as 2026-01-31T09:30:00Z{_hint(value)}")
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
        _refuse(path, f"must be a number: the column is of kind number{_hint(value)}")
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits is beyond every number of a catalogue
        return math.inf if value > 0 else -math.inf


def _hint(value: object) -> str:
    return '; {"missing": true} keeps items without a value' if value is None else ""


def _refuse(path: str, detail: str) -> NoReturn:
    raise RequestError(422, "Unprocessable content", f"{path} {detail}", field=path)
