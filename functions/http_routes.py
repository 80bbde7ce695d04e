"""The routes of the HTTP API, and the requests that API Gateway finds no route for."""

from collections.abc import Mapping

from nextitem.errors import RequestError
from nextitem.service.schema import Operation

ROUTE_KEYS: Mapping[str, Operation] = {
    "POST /v1/sessions/{session_id}/events": "append_events",
    "GET /v1/sessions/{session_id}/recommendations": "get_recommendations",
    "DELETE /v1/sessions/{session_id}": "delete_session",
    "POST /v1/recommendations": "recommend",
    "GET /v1/health": "health",
}
"""The operation of each API Gateway route key. All other requests arrive as ``$default``."""


def unmatched_route(method: str, path: str, stage: str) -> tuple[str, str]:
    """Return the route key and the session id of a path that has a ``/`` in its session id, so that the id is refused.

    API Gateway decodes the path before it looks for a route, so it finds none for such a path.
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
        start, variable, end = key.partition("{session_id}")
        session_id = request[len(start) : len(request) - len(end)]
        if variable and session_id and request == start + session_id + end:
            return key, session_id
    raise RequestError(404, "Not found", "no operation has this path")


def _fits(template: list[str], path: list[str]) -> bool:
    return len(template) == len(path) and all(
        part == text or (part.startswith("{") and text) for part, text in zip(template, path, strict=True)
    )
