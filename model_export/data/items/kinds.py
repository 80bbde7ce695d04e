"""The kind of each column: as the file or the user says, or found from its texts.

| kind      | texts of it                                                                                          |
| --------- | ---------------------------------------------------------------------------------------------------- |
| `number`  | 12, -0.5, 1e3. A column with a number such as 007 is found to be `string`: these are codes           |
| `boolean` | true and false; if the user names the kind, also 1, 0, yes and no                                    |
| `time`    | ISO 8601: 2026-01-31, 2026-01-31T09:30:00Z, 2026-01-31 09:30:00.5+01:00; without a zone it is UTC     |
| `strings` | in CSV, a list with ``|`` between its texts; elsewhere a list                                        |
| `string`  | any other                                                                                            |

An empty text is a missing value. In columns of numbers, booleans and times, words such as ``null`` are, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from model_export.data.ingestion.duckdb_sql import literal
from model_export.data.ingestion.faults import input_error, shown
from model_export.data.items.load import ITEM_ID, RawColumn, RawItems
from nextitem.catalogue.columns import Kind
from nextitem.catalogue.filters import OPERATORS
from nextitem.catalogue.times import MAX_MS, MIN_MS
from nextitem.errors import InputError
from nextitem.ids import MISSING_VALUES

SEPARATOR = "|"
"""Between the texts of a list in CSV."""
MAX_COLUMNS = 256
MAX_NAME_CHARS = 100
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_CODE = r"^[+-]?0\d"
_TIME = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.]\d{1,9})?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?)?$"
_BLANK_BESIDE_SEPARATOR = r"\s\||\|\s"
_MOSTLY = 0.9
"""A text column with at least this share of numbers, booleans or times may be one with wrong values."""
_REQUIRED = {"available": "boolean", "stock": "number"}
"""Columns that make an item unavailable, and so have one kind only."""
EXAMPLES: dict[Kind, str] = {
    "number": "a number such as 12.5, with a point and without separators",
    "boolean": "true or false",
    "time": "a time of ISO 8601 such as 2026-01-31T09:30:00Z",
}


@dataclass(frozen=True)
class TypedColumn:
    """A column of a known kind.

    Attributes:
        kind: its kind.
        values: SQL of its values: text, a list of texts, DOUBLE, BOOLEAN, or milliseconds since 1970.
        missing: the number of items without a value.
        example: one of its values as text; empty if no item has one.
    """

    kind: Kind
    values: str
    missing: int
    example: str


@dataclass(frozen=True)
class TypedItems:
    """The columns of a file with their kinds, without that of the ids, and what a user should look at."""

    columns: Mapping[str, TypedColumn]
    warnings: tuple[str, ...]


def typed_columns(raw: RawItems, wanted: Mapping[str, Kind]) -> TypedItems:
    """Find the kind of each column, and check its values.

    Args:
        raw: the rows.
        wanted: kinds that the user names, by column.

    Raises:
        InputError: a column cannot be in a catalogue, `wanted` names none of the file, or a value is not of its
            column's kind; the last names file, place and column.
    """
    _check_names(raw, wanted)
    columns, warnings = {}, []
    for name, column in raw.columns.items():
        if name == ITEM_ID:
            continue
        found, warning = (column.native, None) if column.native is not None else _found(raw, name, column)
        kind = wanted.get(name, found or "string")
        if warning is not None and name not in wanted:
            warnings.append(warning)
        if (needed := _REQUIRED.get(name, kind)) != kind:
            what = f"is of kind {kind} but must be {needed}: it says which items are unavailable"
            raise input_error(raw.name, what, column=name)
        columns[name] = _typed(raw, name, column, kind)
    return TypedItems(columns, tuple(warnings))


def _check_names(raw: RawItems, wanted: Mapping[str, Kind]) -> None:
    for name in wanted:
        if name not in raw.columns:
            raise InputError(f"--type {name}={wanted[name]}: {raw.name} has no such column")
        if name == ITEM_ID:
            raise InputError(f"--type {name}={wanted[name]}: ids are always texts")
    if len(raw.columns) > MAX_COLUMNS:
        raise input_error(raw.name, f"has {len(raw.columns)} columns; the maximum is {MAX_COLUMNS}")
    for name in raw.columns:
        if name in OPERATORS:
            raise input_error(raw.name, f"a filter reads {name!r} as an operator: rename the column", column=name)
        if not name.isprintable() or not 0 < len(name.strip()) <= MAX_NAME_CHARS:
            raise input_error(raw.name, f"a name has 1 to {MAX_NAME_CHARS} printable characters", column=name)


def _found(raw: RawItems, name: str, column: RawColumn) -> tuple[Kind, str | None]:
    """Return the kind of a column of texts, with a warning if only a few values keep it from another kind."""
    if not raw.guesses:
        return "string", None
    text = _present(column.text)
    tests = {
        "number": _matches(text, _NUMBER),
        "boolean": f"lower({text}) IN ('true', 'false')",
        "time": _is_time(text),
    }
    [(values, codes, lists, blanks, *counts)] = raw.database.run(
        "SELECT count($text), count(*) FILTER ($code), count(*) FILTER ($list), count(*) FILTER ($blank), $tests "
        "FROM items",
        text=text,
        code=_matches(text, _CODE),
        list=f"contains({column.text}, {literal(SEPARATOR)})",
        blank=_matches(column.text, _BLANK_BESIDE_SEPARATOR),
        tests=", ".join(f"count(*) FILTER ({test})" for test in tests.values()),
    )
    if raw.separates and lists and not blanks:
        return "strings", None
    kinds: dict[Kind, int] = dict(zip(("number", "boolean", "time"), counts, strict=True))
    for kind, count in kinds.items():
        if values and count == values and not (kind == "number" and codes):
            return kind, None
        if values and _MOSTLY * values <= count < values:
            other = _first(raw, column.text, f"{text} IS NOT NULL AND NOT coalesce({tests[kind]}, false)")
            found = "a value" if other is None else f"{shown(other.value)} in {raw.place_of(other.place)}"
            return "string", (
                f"column {shown(name)} is of kind string, because {found} is no {kind}; --type {name}={kind} refuses "
                "such rows"
            )
    return "string", None


def _typed(raw: RawItems, name: str, column: RawColumn, kind: Kind) -> TypedColumn:
    """Return a column in a kind.

    Raises:
        InputError: naming the first row whose value is not of the kind.
    """
    values, wrong = _converted(raw, column, kind)
    if wrong:
        found = _first(raw, column.text, wrong)
        if found is not None:
            what = f"{shown(found.value)} is not {EXAMPLES.get(kind, 'a list of texts')}"
            raise input_error(raw.name, what, place=raw.place_of(found.place), column=name)
    [(missing, example)] = raw.database.run(
        "SELECT count(*) FILTER (($values) IS NULL), min($text) FILTER (($values) IS NOT NULL) FROM items",
        values=values,
        text=column.text,
    )
    return TypedColumn(kind, values, missing, example or "")


def _converted(raw: RawItems, column: RawColumn, kind: Kind) -> tuple[str, str]:
    """Return SQL of a column's values in a kind, and SQL of the rows that have none of this kind; empty for none."""
    present, is_native = _present(column.text), column.native == kind
    if kind == "string":
        return f"nullif({column.text}, '')", ""
    if kind == "strings":
        several = column.values if is_native else f"string_split({column.text}, {literal(SEPARATOR)})"
        several = several if is_native or raw.separates else f"[{column.text}]"
        trimmed = f"list_filter(list_transform({several}, lambda x: trim(x)), lambda x: x <> '')"
        distinct = f"list_filter({trimmed}, lambda x, i: list_position({trimmed}, x) = i)"
        return f"CASE WHEN len({trimmed}) > 0 THEN {distinct} END", column.wrong
    if kind == "number":
        guarded = f"CASE WHEN {_matches(present, _NUMBER)} THEN TRY_CAST({present} AS DOUBLE) END"
        number = column.values if is_native else guarded
        return number, f"{present} IS NOT NULL AND NOT coalesce(isfinite({number}), false)"
    if kind == "boolean":
        if is_native:
            return column.values, ""
        word = f"lower({present})"
        truth = f"CASE WHEN {word} IN ('true', '1', 'yes') THEN true WHEN {word} IN ('false', '0', 'no') THEN false END"
        return truth, f"{present} IS NOT NULL AND ({truth}) IS NULL"
    guarded = f"CASE WHEN {_is_time(present)} THEN epoch_ms(TRY_CAST({present} AS TIMESTAMPTZ)) END"
    time = column.values if is_native else guarded
    return time, f"{present} IS NOT NULL AND NOT coalesce({time} BETWEEN {MIN_MS} AND {MAX_MS}, false)"


def _present(text: str) -> str:
    """Return SQL of a text, NULL where it is empty or a word for a missing value."""
    words = ", ".join(map(literal, ("", *MISSING_VALUES)))
    return f"CASE WHEN lower({text}) NOT IN ({words}) THEN {text} END"


def _is_time(text: str) -> str:
    return f"({_matches(text, _TIME)} AND TRY_CAST({text} AS TIMESTAMPTZ) IS NOT NULL)"


def _matches(text: str, pattern: str) -> str:
    return f"regexp_matches({text}, {literal(pattern)})"


class _Row(NamedTuple):
    place: int
    value: str


def _first(raw: RawItems, text: str, condition: str) -> _Row | None:
    """Return the first row of a condition, with its text."""
    found = raw.database.run(
        "SELECT place, $text FROM items WHERE $condition ORDER BY place LIMIT 1", text=text, condition=condition
    )
    return _Row(int(found[0][0]), str(found[0][1])) if found else None
