"""Checks of files of JSON Lines: which line is wrong, where DuckDB's message does not tell its row."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Self

import ibis.expr.datatypes as dt

from model_export.data.ingestion.faults import SHOWN_COLUMNS, input_error, shown
from model_export.data.ingestion.text_files import TextFile, lines_until, opened, survey
from nextitem.errors import InputError

MAX_LINE_BYTES = 1 << 26
"""The longest line, 64 MiB."""
ONE_A_LINE = "each line must be one object (jq -c . FILE, or jq -c '.[]' FILE for an array)"


class _Object(dict[str, Any]):
    """An object, and a key that it has twice: it is unclear which counts, and DuckDB refuses it where it is read."""

    twice: frozenset[str] = frozenset()

    @classmethod
    def of(cls, pairs: list[tuple[str, Any]]) -> Self:
        value = cls(pairs)
        if len(value) < len(pairs):
            value.twice = frozenset(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        return value


def survey_lines(file: TextFile) -> int:
    """Pass over all bytes once, and return the number of lines, blank ones included; see `survey`."""
    found = survey(file, ("\n",), lambda offset, what: _bad_byte(file, offset, what))
    return found.counts["\n"]


def check_lines(file: TextFile, types: Mapping[str, dt.DataType]) -> int:
    """Check all lines one by one, and return their number; blank lines are not counted.

    Args:
        file: the file, in UTF-8.
        types: of the keys that are read.

    Raises:
        InputError: naming the first line that is no JSON object, or whose values are not lists or objects where they
            must be.
    """
    rows = 0
    for place, line in _lines(file):
        rows += 1
        try:
            # A number of thousands of digits is no int to Python.
            value = json.loads(line, parse_int=str, object_pairs_hook=_Object.of)
            json.dumps(value, ensure_ascii=False).encode()
        except json.JSONDecodeError as error:
            raise input_error(file.name, f"is not JSON: {error.msg}; {ONE_A_LINE}", place=place) from None
        except RecursionError:
            raise input_error(file.name, "is nested too deep", place=place) from None
        except UnicodeEncodeError:
            raise input_error(
                file.name, "holds one half of a surrogate pair (\\ud800 to \\udfff)", place=place
            ) from None
        if not isinstance(value, _Object):
            array = (
                "; write each element of an array on a line of its own (jq -c '.[]')" if isinstance(value, list) else ""
            )
            raise input_error(file.name, f"is no JSON object{array}", place=place)
        for key, kind in types.items():
            twice = "is there twice in one object" if key in value.twice else None
            if (wrong := twice or _misfit(value.get(key), kind)) is not None:
                raise input_error(file.name, wrong, place=place, column=key)
    return rows


def require_keys(file: TextFile, source: str, keys: Sequence[str]) -> None:
    """Refuse keys that no row has.

    Args:
        file: the first file, whose first line shows which keys there are.
        source: the name of all files.
        keys: the absent ones.

    Raises:
        InputError: there is one.
    """
    if not keys:
        return
    first: Any = {}
    with suppress(json.JSONDecodeError):
        _, line = next(_lines(file), ("", "{}"))
        first = json.loads(line)
    names = list(first) if isinstance(first, dict) else []
    if keys[0] in names:
        return  # the first row has it, but without a value: checks of the values name the row
    more = f" and {len(names) - SHOWN_COLUMNS} more" if len(names) > SHOWN_COLUMNS else ""
    there = ", ".join(map(shown, names[:SHOWN_COLUMNS])) + more
    raise input_error(source, f"no row has the key {shown(keys[0])}; the keys of the first row are {there}")


def _misfit(value: Any, kind: dt.DataType) -> str | None:
    if value is None or kind.is_string():
        return None
    if kind.is_array():
        if not isinstance(value, list):
            return f"{shown(value)} is no list"
        return next((wrong for element in value if (wrong := _misfit(element, kind.value_type)) is not None), None)
    if not isinstance(value, _Object):
        return f"{shown(value)} is no object"
    if twice := sorted(value.twice & set(kind.names)):
        return f"{shown(twice[0])} is there twice in one object"
    return next(
        (wrong for key, inner in kind.items() if (wrong := _misfit(value.get(key), inner)) is not None),
        None,
    )


def place_of_line(file: TextFile, row: int) -> str:
    """Return the line of a row, 1 for the first one; blank lines are not counted as rows."""
    return next(islice((place for place, _ in _lines(file)), row - 1, None), f"row {row}")


def _lines(file: TextFile) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each line that is not blank."""
    with opened(file) as stream:
        for number, line in enumerate(stream, 1):
            text = line.decode("utf-8", errors="replace").strip()
            if text:
                yield f"line {number}", text


def _bad_byte(file: TextFile, offset: int, what: str) -> InputError:
    with opened(file) as stream:
        number = sum(1 for _ in lines_until(stream, offset))
    return input_error(file.name, what, place=f"line {number}")
