"""Convert JSON bodies and query strings to typed values."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from nextitem.errors import RequestError
from nextitem.ids import MISSING_VALUES, id_fault, path_item_id_fault, session_id_fault
from nextitem.service.schema.answers import AppendedEvent
from nextitem.service.schema.limits import MAX_BODY_BYTES
from nextitem.service.schema.options import ListOptions
from nextitem.service.schema.paging import shown_before

_Body = TypeVar("_Body")


def parse(
    body: bytes | dict[str, Any], kind: type[_Body], *, strict: bool = True, envelope_fields: Sequence[str] = ()
) -> _Body:
    """Convert a body to typed values, see `parse_or_skip`."""
    return parse_or_skip(body, kind, strict=strict, envelope_fields=envelope_fields)[0]


def parse_or_skip(
    body: bytes | dict[str, Any], kind: type[_Body], *, strict: bool = True, envelope_fields: Sequence[str] = ()
) -> tuple[_Body, dict[int, AppendedEvent]]:
    """Convert a body to typed values; return also the invalid events that it asked to skip, by their positions.

    Args:
        body: JSON text, or a decoded document.
        kind: the struct to convert to.
        strict: False to accept numbers and booleans as text, as in a query string.
        envelope_fields: names of the invoke itself, suggested for a misspelt field.

    Raises:
        RequestError: 413, the body is over `MAX_BODY_BYTES`; 400, it is not JSON; 422, a field is missing, unknown or
            wrong.
    """
    if isinstance(body, bytes) and len(body) > MAX_BODY_BYTES:
        detail = f"the body has {len(body)} bytes, more than {MAX_BODY_BYTES}"
        raise RequestError(413, "Content too large", detail)
    try:
        if isinstance(body, bytes):
            return _after_pages(msgspec.json.decode(body, type=kind)), {}
        msgspec.json.encode(body)  # refuses half a surrogate pair here, before an id is encoded
        if not strict and any(str(value).lower() in MISSING_VALUES for value in body.values()):
            raise msgspec.ValidationError("not strict, msgspec reads the text null as a missing value")
        return _after_pages(msgspec.convert(body, kind, strict=strict)), {}
    except (msgspec.DecodeError, UnicodeError, RecursionError):  # a ValidationError is a DecodeError
        from nextitem.service import second_reading  # imported lazily: few bodies need it

        value, invalid = second_reading.parse(body, kind, strict=strict, envelope_fields=envelope_fields)
        return _after_pages(value), {
            place: AppendedEvent(*ids, "invalid", *fault) for place, (ids, fault) in invalid.items()
        }


def _after_pages(body: _Body) -> _Body:
    """Return a body whose `exclude` has the items of the pages before `after`, too."""
    if not isinstance(body, ListOptions) or body.after is None:
        return body
    return msgspec.structs.replace(body, exclude=[*body.exclude, *shown_before(body.after)])


def checked_session_id(text: object) -> str:
    """Return a session id if it is valid.

    Raises:
        RequestError: 422, it is not a string, or `session_id_fault` finds a fault.
    """
    fault = session_id_fault(text) if isinstance(text, str) else "must be a string"
    if fault is not None:
        raise RequestError(422, "Unprocessable content", f"session_id {fault}", field="session_id")
    return str(text)


def checked_item_id(text: object, *, in_path: bool) -> str:
    """Return an item id if it is valid.

    Args:
        text: the id.
        in_path: whether it came as a part of a path, which not every id can be.

    Raises:
        RequestError: 422, it is not a string, or it has a fault.
    """
    fault_of = path_item_id_fault if in_path else id_fault
    fault = fault_of(text) if isinstance(text, str) else "must be a string"
    if fault is not None:
        raise RequestError(422, "Unprocessable content", f"item_id {fault}", field="item_id")
    return str(text)
