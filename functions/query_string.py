"""Read the query string of an HTTP request."""

from typing import Any

import msgspec

from nextitem.errors import RequestError

_LISTS = {"only", "exclude", "fields"}
"""Query parameters with one item or field each; they may be repeated. A comma belongs to the id. Some clients append
``[]`` or ``[0]`` to the name."""
DOCUMENTS = {"filter", "boost", "promote", "diversity", "pin"}
"""Query parameters that are JSON text."""


def parse_query(text: str) -> dict[str, Any]:
    """Return the document of a query string. A repeated name is a list, which only `_LISTS` may be.

    Raises:
        RequestError: 400, it is not UTF-8; 422, a parameter that is JSON text is none.
    """
    if not text:
        return {}
    from urllib.parse import parse_qs  # imported lazily: it takes 2 ms, and appending events does not need it

    try:
        values = parse_qs(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise RequestError(400, "Malformed request", f"the query string is not UTF-8: {error}") from None
    document: dict[str, Any] = {}
    for name, texts in values.items():
        if (base := _list_name(name)) is not None:
            document.setdefault(base, []).extend(texts)
        else:
            value = texts[0] if len(texts) == 1 else texts
            document[name] = _decoded(name, value) if name in DOCUMENTS and isinstance(value, str) else value
    return document


def _decoded(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError(422, "Unprocessable content", f"{name} is not JSON text: {error}", field=name) from None


def _list_name(name: str) -> str | None:
    """Return the one of `_LISTS` that a query parameter adds to; None if it adds to none, and so is refused later."""
    base, bracket, rest = name.partition("[")
    if base not in _LISTS:
        return None
    index = rest.removesuffix("]")
    is_index = rest == f"{index}]" and (not index or (index.isascii() and index.isdecimal()))
    return base if not bracket or is_index else None
