"""Paths to values: a column's name, or where the value lies inside a column.

| path                                | value                                                              |
| ----------------------------------- | ------------------------------------------------------------------ |
| ``item_id``                         | the column of this name; such a column always comes first           |
| ``properties.product_id``           | a field of an object                                                |
| ``events[].aid``                    | a field of each element of a list: one event per element            |
| ``params[key=id].value.text``       | a field of the first element whose field `key` is `id`              |
| ``items[]``                         | each element of a list, which may be written as text: ``['a' 'b']`` |
| ``items[]+next``                    | each element of a list, then one more value                         |
| ``#row``                            | the number of the row, over all files in their order                |
| ``#event``                          | the same of the event, if each element of a list is an event        |

A part that holds one of the characters ``. [ ] + "`` is written in double quotes, as is a column named ``#row``.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from model_export.data.ingestion.engine import PLACE
from model_export.data.ingestion.faults import input_error, require_columns, shown
from nextitem.errors import InputError

ROW, EVENT = "#row", "#event"
ELEMENT = "element"
"""Field of a place: which element of the row's list; the place of the row is the field before."""

_PART = (
    r'(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<name>[^.\[\]+"]+))(?P<list>\[(?:(?P<key>[^=\[\]]+)=(?P<value>[^\[\]]*))?\])?'
)
_BETWEEN_ELEMENTS = r"""[\[\]'",\s]+"""
"""Characters of a list written as text that are no part of an element."""


@dataclass(frozen=True)
class Part:
    """A part of a path.

    Attributes:
        name: of a column or a field.
        is_list: whether its value is a list.
        key: field of the one element that is meant; None: all elements.
        value: of that field.
    """

    name: str
    is_list: bool = False
    key: str | None = None
    value: str = ""

    @property
    def is_each(self) -> bool:
        """True if each element of the list is an event."""
        return self.is_list and self.key is None


@dataclass(frozen=True)
class Path:
    """A path.

    Attributes:
        text: as the user wrote it, for errors.
        parts: from the column to the value; empty for a number.
        then: one more value after those of the list.
    """

    text: str
    parts: tuple[Part, ...]
    then: "Path | None" = None

    @property
    def list_length(self) -> int:
        """Number of parts up to the list whose elements are events; 0 without such a list."""
        return next((number for number, part in enumerate(self.parts, 1) if part.is_each), 0)

    @property
    def columns(self) -> list[str]:
        """The columns that hold it."""
        return [path.parts[0].name for path in (self, self.then) if path is not None and path.parts]


def parse_path(text: str) -> Path:
    """Parse a path.

    Raises:
        InputError: it is none.
    """
    if text in (ROW, EVENT):
        return Path(text, ())
    groups: list[list[Part]] = [[]]
    at, end = 0, len(text)
    while True:
        found = re.compile(_PART).match(text, at)
        if found is None:
            raise _no_path(text)
        name = found["quoted"].replace('""', '"') if found["quoted"] else found["name"]
        groups[-1].append(Part(name, found["list"] is not None, found["key"], found["value"] or ""))
        at = found.end()
        if at == end:
            break
        if text[at] == "+":
            groups.append([])
        elif text[at] != ".":
            raise _no_path(text)
        at += 1
    first, *others = groups
    then = Path(text, tuple(others[0])) if others else None
    path = Path(text, tuple(first), then)
    lists = sum(part.is_each for part in path.parts)
    if len(others) > 1 or lists > 1 or (then is not None and (not lists or then.list_length)):
        raise _no_path(text)
    return path


def resolve(file: object, texts: Iterable[str], columns: Sequence[str], more: Iterable[str] = ()) -> dict[str, Path]:
    """Return the path of each text in a file whose columns are known: a column of that very name comes first.

    Args:
        file: the file, as the user named it.
        texts: the paths.
        columns: names of the file's columns.
        more: further columns, such as those of the file's path.

    Raises:
        InputError: a column is missing or there twice.
    """
    known = {*columns, *more}
    paths = {}
    for text in texts:
        is_column = text in known and text not in (ROW, EVENT)
        paths[text] = Path(text, (Part(text),)) if is_column else _parsed_or_none(text)
        for column in paths[text].columns:
            if column in columns or column not in known:
                require_columns(file, columns, [column])
    return paths


def extracted(file: object, table: ir.Table, paths: Mapping[str, Path], columns: Mapping[str, str]) -> ir.Table:
    """Return the values of paths, and `PLACE`; with a list, one row for each of its elements.

    Args:
        file: the source, as the user named it.
        table: holds the columns of the paths, and `PLACE`.
        paths: by the name of the value in the result.
        columns: name in the table by name in the file.

    Raises:
        InputError: a path does not fit the type of a column, or the paths name several lists.
    """

    def value(path: Path, length: int | None = None) -> ir.Value:
        if not path.parts:
            return ibis.row_number().over(order_by=table[PLACE]) + 1
        return _value(file, path, table[columns[path.parts[0].name]], path.parts[:length])

    lists = {name: path for name, path in paths.items() if path.list_length}
    plain = {name: value(path) for name, path in paths.items() if path not in lists.values() and path.text != EVENT}
    events = [name for name, path in paths.items() if path.text == EVENT]
    rows = _with_elements(file, table, lists, plain, value) if lists else table.select(PLACE, **plain)
    return rows.mutate(**{name: ibis.row_number().over(order_by=rows[PLACE]) + 1 for name in events})


def _with_elements(
    file: object,
    table: ir.Table,
    lists: Mapping[str, Path],
    plain: Mapping[str, ir.Value],
    value: Callable[..., ir.Value],
) -> ir.Table:
    """Return a row for each element of the one list that all of `lists` name."""
    base, *others = lists.values()
    length = base.list_length
    if other := next((path for path in others if path.parts[:length] != base.parts[:length]), None):
        raise InputError(f"{shown(base.text)} and {shown(other.text)} are in two lists: a row has one list of events")
    elements = _list(file, base, value(base, length)).map(
        lambda element: ibis.struct(
            {name: _value(file, path, element, path.parts[length - 1 :]) for name, path in lists.items()}
        )
    )
    if base.then is not None:
        if others:
            raise InputError(f"{shown(base.text)}: a value after a list needs a list of its own")
        [name] = lists
        elements = elements.concat(
            ibis.array([ibis.struct({name: value(base.then).cast(elements.type().value_type[name])})])
        )
    rows = table.select(PLACE, elements=elements, **plain).unnest("elements", offset=ELEMENT)
    place = ibis.struct({"row": rows[PLACE], ELEMENT: rows[ELEMENT]})
    return rows.mutate(**{PLACE: place}, **{name: rows.elements[name] for name in lists}).drop("elements", ELEMENT)


def row_place(place: ir.Value) -> ir.Value:
    """Return the place of the row, for the place of a row or of an element of its list."""
    is_element = isinstance(place, ir.StructValue) and ELEMENT in place.names
    return place["row"] if is_element else place


def types_of(paths: Iterable[Path]) -> dict[str, dt.DataType]:
    """Return the type that each column must be read as, where a file does not tell: texts inside lists and objects.

    Raises:
        InputError: two paths need different types of one value.
    """
    every = [
        (path.text, path.parts) for whole in paths for path in (whole, whole.then) if path is not None and path.parts
    ]
    fields = _fields(every)
    return dict(fields.items())


def _fields(paths: list[tuple[str, tuple[Part, ...]]]) -> dt.Struct:
    fields: dict[str, dt.DataType] = {}
    for name in dict.fromkeys(parts[0].name for _, parts in paths):
        here = [(text, parts) for text, parts in paths if parts[0].name == name]
        inside = [(text, parts[1:]) for text, parts in here if len(parts) > 1]
        inside += [(text, (Part(parts[0].key),)) for text, parts in here if parts[0].key is not None]
        whole = [text for text, parts in here if len(parts) == 1 and parts[0].key is None]
        if (whole and inside) or len({parts[0].is_list for _, parts in here}) > 1:
            texts = " and ".join(shown(text) for text in dict.fromkeys(text for text, _ in here))
            raise InputError(f"{texts} do not fit together: {shown(name)} cannot be of both types")
        kind = _fields(inside) if inside else dt.string
        fields[name] = dt.Array(kind) if here[0][1][0].is_list else kind
    return dt.Struct(fields)


def _value(file: object, path: Path, value: ir.Value, parts: Sequence[Part]) -> ir.Value:
    """Follow the parts after the first one, whose value is given; a list with a key is one element."""
    for place, part in enumerate(parts):
        if place:
            if not isinstance(value, ir.StructValue) or part.name not in value.names:
                has = (
                    f"its fields are {', '.join(map(shown, value.names))}"
                    if isinstance(value, ir.StructValue)
                    else (f"it is of type {value.type()}")
                )
                raise input_error(
                    file, f"{shown(parts[place - 1].name)} has no field {shown(part.name)}; {has}", column=path.text
                )
            value = value[part.name]
        if part.key is not None:
            value = _element(file, path, value, part.key, part.value)
    return value


def _element(file: object, path: Path, value: ir.Value, key: str, wanted: str) -> ir.Value:
    kind = value.type()
    if not (kind.is_array() and kind.value_type.is_struct() and key in kind.value_type.names):
        raise input_error(file, f"is of type {kind}, which is no list of objects with {shown(key)}", column=path.text)
    return value.filter(lambda element: element[key].cast("string") == wanted)[0]


def _list(file: object, path: Path, value: ir.Value) -> ir.ArrayValue:
    if value.type().is_string():
        words = value.re_replace(_BETWEEN_ELEMENTS, " ").strip().split(" ")
        return words.filter(lambda word: word != "")
    if not value.type().is_array():
        raise input_error(file, f"is of type {value.type()}, which is no list", column=path.text)
    return value


def _parsed_or_none(text: str) -> Path:
    """A column's name need not be a path."""
    try:
        return parse_path(text)
    except InputError:
        return Path(text, (Part(text),))


def _no_path(text: str) -> InputError:
    return InputError(
        f"column {shown(text)} is not a path: write for example item_id, properties.product_id, events[].aid or "
        "params[key=id].value.text"
    )
