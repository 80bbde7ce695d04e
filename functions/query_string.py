"""Read the query string of an HTTP request."""

from typing import Any

from nextitem.errors import RequestError

_LISTS = {"only", "exclude"}
"""Query parameters that name items, one each; they may be repeated. A comma belongs to the id. Some clients append
``[]`` or ``[0]`` to the name."""


def parse_query(text: str) -> dict[str, Any]:
    """Return the document of a query string. A repeated name is a list, which only `_LISTS` may be."""
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
            document[name] = texts[0] if len(texts) == 1 else texts
    return document


def _list_name(name: str) -> str | None:
    """Return the one of `_LISTS` that a query parameter adds to; None if it adds to none, and so is refused later."""
    base, bracket, rest = name.partition("[")
    if base not in _LISTS:
        return None
    index = rest.removesuffix("]")
    is_index = rest == f"{index}]" and (not index or (index.isascii() and index.isdecimal()))
    return base if not bracket or is_index else None
