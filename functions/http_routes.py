"""The routes of the HTTP API, and the requests that API Gateway finds no route for."""

import re
from collections.abc import Mapping

from nextitem.errors import RequestError
from nextitem.service.schema import Operation

ROUTE_KEYS: Mapping[str, Operation] = {
    "POST /v1/sessions/{session_id}/events": "append_events",
    "GET /v1/sessions/{session_id}/recommendations": "get_recommendations",
    "DELETE /v1/sessions/{session_id}": "delete_session",
    "POST /v1/recommendations": "recommend",
    "GET /v1/items/{item_id}/similar": "similar",
    "GET /v1/trending": "trending",
    "GET /v1/health": "health",
}
"""The operation of each API Gateway route key. All other requests arrive as ``$default``."""
PATH_VARIABLE: Mapping[str, str] = {
    operation: variable for key, operation in ROUTE_KEYS.items() for variable in re.findall(r"\{(\w+)\}", key)
}
"""The variable of an operation's path. A direct invoke has a field of this name instead."""


def unmatched_route(method: str, path: str, stage: str) -> tuple[str, dict[str, str]]:
    """Return route key and variable of a path that has a ``/`` in its variable.

    API Gateway decodes the path before it looks for a route, so it finds none for such a path. An item's id may hold a
    ``/``; a session's is refused later.
    """
    if stage != "$default" and path.startswith(f"/{stage}/"):
        path = path.removeprefix(f"/{stage}")
    methods = [key.split(" ")[0] for key in ROUTE_KEYS if _fits(key.split("/")[1:], path.split("/")[1:])]
    if method in methods:
        detail = "the event has no route: only an HTTP API with this service's routes is accepted, no function URL"
        raise RequestError(400, "Malformed request", detail)
    if methods:
        allow = ", ".join(methods)
        raise RequestError(405, "Method not allowed", f"this path accepts {allow}, not {method}", allow=allow)
    request = f"{method} {path}"
    for key in ROUTE_KEYS:
        variable = PATH_VARIABLE.get(ROUTE_KEYS[key], "")
        start, _, end = key.partition(f"{{{variable}}}")
        value = request[len(start) : len(request) - len(end)]
        if variable and value and request == start + value + end:
            return key, {variable: value}
    raise RequestError(404, "Not found", "no operation has this path")


def _fits(template: list[str], path: list[str]) -> bool:
    return len(template) == len(path) and all(
        part == text or (part.startswith("{") and text) for part, text in zip(template, path, strict=True)
    )


def matched_route(method: str, path: str) -> tuple[str, dict[str, str]]:
    """Return route key and path variables of a request that no gateway has matched.

    Args:
        method: in capitals.
        path: decoded, without the query.

    Raises:
        RequestError: 404 or 405, no operation has this path or method.
    """
    parts = path.split("/")
    for key in ROUTE_KEYS:
        key_method, _, template = key.partition(" ")
        pattern = template.split("/")
        if method == key_method and _fits(pattern, parts):
            pairs = zip(pattern, parts, strict=True)
            return key, {name.strip("{}"): part for name, part in pairs if name.startswith("{")}
    return unmatched_route(method, path, "$default")
