"""Checks of a column of ids, and ids that another tool has turned into floats."""

import re
from typing import NamedTuple

import ibis.expr.types as ir

from nextitem.ids import MAX_ID_CHARS, MISSING_VALUES, REFUSED_CHARACTERS

DROP_EMPTY = "--drop-empty drops such rows"
NOT_WHOLE = "is not an id: numbers must be whole, and small enough for their type to hold all digits"
NESTED = "is an object or a list: name a value inside it, such as product.id or products[].id"
SHORTENED = "is not an id: the exponent stands for lost digits; export ids as text"
_SPACE = r"[\s\p{Z}]*"
_WORDS = "|".join(re.escape(word) for word in MISSING_VALUES)
_MISSING = f"^{_SPACE}(?i:{_WORDS})?{_SPACE}$"
_EMPTY = f"^{_SPACE}$"
_EXPONENT = r"^[+-]?\d(\.\d*)?[eE]\+\d+$"
"""A number as spreadsheets shorten it. Without the plus it may be a code: 1e3."""
_NESTED = r'^(\{\s*("[\s\S]*)?\}|\[\s*(["{\[\d-][\s\S]*)?\])$'
"""An object or a list of JSON, which its readers give as a text."""
_WHOLE = r"^[+-]?\d+(\.0+)?$"
_POINTED = r"^[+-]?\d+\.0+$"


def is_missing(text: ir.StringValue) -> ir.BooleanValue:
    """Return which ids are NULL, blank, or a word for nothing."""
    return text.isnull() | text.re_search(_MISSING)


class IdTest(NamedTuple):
    """A fault of ids: the column, the fault in words, and which ids have it."""

    field: str
    what: str
    wrong: ir.BooleanValue


def id_tests(field: str, text: ir.StringValue, *, is_number: bool, is_json: bool) -> list[IdTest]:
    """Return the tests of a column of ids.

    Args:
        field: the column; "item" has more rules, because items are sent in lines and paths.
        text: its values.
        is_number: whether a file holds them as floats or decimals.
        is_json: whether they may be the text of an object or list.
    """
    wrong = {
        f"is empty; {DROP_EMPTY}": text.isnull() | text.re_search(_EMPTY),
        f"stands for a missing id; {DROP_EMPTY}": text.re_search(_MISSING),
    }
    if is_number:
        wrong[NOT_WHOLE] = is_not_whole(text)
    if is_json:
        wrong[NESTED] = text.re_search(_NESTED)
    wrong[SHORTENED] = text.re_search(_EXPONENT)
    wrong["holds a NUL character"] = text.contains("\0")
    if field == "item":
        characters = f"[{REFUSED_CHARACTERS}]"
        wrong["holds a control character, a line separator or U+FFFD"] = text.re_search(characters)
        wrong[f"has more than {MAX_ID_CHARS} characters"] = text.length() > MAX_ID_CHARS
    return [IdTest(field, what, test) for what, test in wrong.items()]


def is_not_whole(text: ir.StringValue) -> ir.BooleanValue:
    """Return which ids are no whole number, neither 1234 nor 1234.0."""
    return ~text.re_search(_WHOLE)


def has_point(text: ir.StringValue) -> ir.BooleanValue:
    """Return which ids are whole numbers with a point, such as 1234.0."""
    return text.contains(".") & text.re_search(_POINTED)


def without_point(text: ir.StringValue) -> ir.StringValue:
    """Return 1234 for 1234.0, in a column of whole numbers."""
    return text.re_extract(r"^[^.]+", 0)
