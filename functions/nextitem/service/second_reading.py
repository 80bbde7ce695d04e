"""Parse a refused body again: accept harmless differences, or find every fault.

Harmless: a byte-order mark; a whole float in place of an integer (``20.0``); ``null`` for an optional field.
"""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NoReturn, TypeVar, get_args

import msgspec

from nextitem.errors import MAX_FAULTS, Fault, RequestError
from nextitem.event_types import LABEL_FAULT
from nextitem.ids import ID_FAULT, MISSING_VALUES, id_fault
from nextitem.service.huge_numbers import parse_float, parse_int

SIMILAR = 0.5
"""From which similarity on (`difflib`) a known name is suggested for an unknown one."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Invalid = tuple[tuple[str | None, str | None], Fault]
"""An invalid event: its `event_id` and `item_id`, as far as they are valid, and its fault."""

_NESTED = frozenset({"diversity", "pin"})
"""Fields with integers inside."""

_Body = TypeVar("_Body")
_AT = re.compile(r"(?s)(.*) - at `\$\.?(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_TOO_LARGE = re.compile(r"[<>]= -?9(e\+18|0{18})")
_NO_ITEM = ": every event names the item that it is about; a search without one cannot be sent"
_TIMES = "Accepted: RFC 3339, epoch seconds to nanoseconds"
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


def parse(
    body: bytes | dict[str, Any], kind: type[_Body], *, strict: bool, envelope_fields: Sequence[str]
) -> tuple[_Body, dict[int, Invalid]]:
    """Convert a body that `schema.parse_or_skip` refused, or raise an error with all its faults.

    Raises:
        RequestError: 400, the body is not JSON; 422, with the faults of all fields, up to `MAX_FAULTS`.
    """
    document = _document(body)
    if not isinstance(document, dict):
        raise RequestError(422, "Unprocessable content", "the body must be a JSON object")
    document = _harmless(document, kind)
    skipped: dict[int, Invalid] = {}
    faults = list(islice(_faults(document, kind, strict, envelope_fields), MAX_FAULTS + 1))
    if document.get("on_invalid") == "skip" and isinstance(document.get("events"), list):
        document, faults, skipped = _without_invalid_events(document, faults)
        faults = faults or list(_faults(document, kind, strict, envelope_fields))  # the rest may be too many
    if not faults:
        return msgspec.convert(document, kind, strict=strict), skipped
    raise _refusal(faults)


def _refusal(faults: list[Fault]) -> RequestError:
    detail = faults[0].detail
    if len(faults) > MAX_FAULTS:
        detail += f" (the first of more than {MAX_FAULTS} faults, see errors)"
    elif len(faults) > 1:
        detail += f" (the first of {len(faults)} faults, see errors)"
    return RequestError(422, "Unprocessable content", detail, faults=faults[:MAX_FAULTS])


def _document(body: bytes | dict[str, Any]) -> Any:
    try:
        if isinstance(body, bytes):
            return _decode(body.removeprefix(BYTE_ORDER_MARK))
        msgspec.json.encode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # a UnicodeError is a ValueError
        raise RequestError(400, "Malformed request", f"the body is not JSON: {error}") from None
    return body


def _decode(body: bytes) -> Any:
    """Decode JSON. A number that no float can hold becomes the largest float: it is as wrong, and keeps its place."""
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError:  # msgspec stops at such a number
        document = json.loads(
            body.decode(), parse_float=parse_float, parse_int=parse_int, parse_constant=_refuse_constant
        )
        msgspec.json.encode(document)  # refuses half a surrogate pair, which json accepts
        return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _harmless(document: dict[str, Any], kind: type) -> dict[str, Any]:
    """Return a document without the `null` of optional fields, and with integers for whole floats."""
    optional = {field.encode_name for field in msgspec.structs.fields(kind) if not field.required}
    return {
        name: _with_integers(value) if name in _NESTED else _integer(value)
        for name, value in document.items()
        if value is not None or name not in optional
    }


def _with_integers(value: Any) -> Any:
    """Return a value with integers for whole floats inside lists and objects, too."""
    if isinstance(value, dict):
        return {name: _with_integers(part) for name, part in value.items()}
    return [_with_integers(part) for part in value] if isinstance(value, list) else _integer(value)


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _faults(document: dict[str, Any], kind: type, strict: bool, envelope_fields: Sequence[str]) -> Iterator[Fault]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, value in document.items():
        if name in fields:
            yield from _value_faults(name, value, fields[name].type, strict)
        else:
            yield Fault(name, _unknown(name, (*fields, *envelope_fields)))
    for name, field in fields.items():
        if field.required and name not in document:
            yield Fault(name, f"Object missing required field `{name}`")


def _value_faults(name: str, value: Any, kind: Any, strict: bool) -> Iterator[Fault]:
    """Find the faults of a field's value; of a list that of each wrong element."""
    fault = _first_fault(value, kind, strict)
    if fault is None:
        return
    if not fault.field.startswith("["):
        yield _prefixed(name, fault)
        return
    for index, element in enumerate(value):
        element_fault = _first_fault([element], kind, strict)
        if element_fault is not None:
            yield _prefixed(f"{name}[{index}]", element_fault)


def _prefixed(name: str, fault: Fault) -> Fault:
    rest = fault.field.removeprefix("[0]")
    field = f"{name}.{rest}" if rest and rest[0] not in ".[" else name + rest
    return Fault(field, f"{field} {fault.detail}" if fault.detail.startswith("is ") else fault.detail)


def _first_fault(value: Any, kind: Any, strict: bool) -> Fault | None:
    try:
        msgspec.convert(value, kind, strict=strict or str(value).lower() in MISSING_VALUES)
    except msgspec.ValidationError as error:
        return _fault(error, kind)
    return None


def _fault(error: msgspec.ValidationError, kind: Any) -> Fault:
    """Return the path and the fault of msgspec's message, without values that it quotes: they may be ids."""
    located = _AT.fullmatch(str(error))
    detail, path = (located[1], located[2]) if located else (str(error), "")
    if missing := _MISSING.fullmatch(detail):
        if missing[1] == "item_id" and "event_id" in _known_fields(kind):
            detail += _NO_ITEM
        return Fault(f"{path}.{missing[1]}".lstrip("."), detail)
    if unknown := _UNKNOWN.fullmatch(detail):
        return Fault(f"{path}.{unknown[1]}".lstrip("."), _unknown(unknown[1], _known_fields(kind)))
    if detail.startswith("Invalid enum value"):
        detail = f"accepted are: {', '.join(get_args(kind))}"
    if " matching regex " in detail:  # only ids, labels and times have a pattern
        is_time, is_label = "-02-29)" in detail, "A-Za-z0-9_.:-" in detail
        detail = f"is not a time. {_TIMES}" if is_time else LABEL_FAULT if is_label else ID_FAULT
    if _TOO_LARGE.search(detail):
        detail = f"is too large to be a time. {_TIMES}"
    return Fault(path, detail)


def _known_fields(kind: Any) -> Sequence[str]:
    """Return the fields of the one struct in a type: the type itself, or its list's elements."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind.__struct_fields__
    return next((fields for part in get_args(kind) if (fields := _known_fields(part))), ())


def _unknown(name: str, known: Sequence[str]) -> str:
    """Return what is wrong with an unknown name; it is not quoted, for it may be an id."""
    similar = difflib.get_close_matches(name, known, 1, SIMILAR)
    if similar:
        return f"unknown field; did you mean `{similar[0]}`?"
    return f"unknown field; accepted are: {', '.join(known) or 'none'}"


def _without_invalid_events(
    document: dict[str, Any], faults: list[Fault]
) -> tuple[dict[str, Any], list[Fault], dict[int, Invalid]]:
    """Take the invalid events out, unless none would be left; return the rest, its faults, and the skipped events."""
    events: list[Any] = document["events"]
    skipped: dict[int, Invalid] = {}
    rest = []
    for fault in faults:
        place = re.match(r"events\[(\d+)\]", fault.field)
        if place is None:
            rest.append(fault)
        else:
            event = events[int(place[1])]
            ids = _valid_id(event, "event_id"), _valid_id(event, "item_id")
            skipped[int(place[1])] = ids, fault
    if len(skipped) == len(events):
        return document, faults, {}
    valid = [event for place, event in enumerate(events) if place not in skipped]
    return document | {"events": valid}, rest, skipped


def _valid_id(event: Any, name: str) -> str | None:
    text = event.get(name) if isinstance(event, dict) else None
    return text if isinstance(text, str) and id_fault(text) is None else None
