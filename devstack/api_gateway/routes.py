"""The routes of the HTTP API, and which of them a request takes.

Implements those of API Gateway's rules that our template uses (developer guide, "Create routes for HTTP APIs"): paths
with ``{variables}``, a full match before a match by variables, else ``$default``. A greedy ``{variable+}`` takes the
rest of the path. ``ANY`` is left out. The decoded path is matched, as HTTP APIs do: no other variable contains a ``/``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

DEFAULT_ROUTE_KEY = "$default"

ROUTE_KEYS = (
    "POST /v1/sessions/{session_id}/events",
    "GET /v1/sessions/{session_id}/recommendations",
    "DELETE /v1/sessions/{session_id}",
    "POST /v1/recommendations",
    "GET /v1/items/{item_id}/similar",
    "GET /v1/trending",
    "GET /v1/health",
)
"""The routes of template.yaml besides ``$default``."""
PREFLIGHT_ROUTE_KEY = "OPTIONS /{proxy+}"
"""Exists only where the API allows origins; needs no credentials."""


@dataclass(frozen=True)
class MatchedRoute:
    """The route of a request: its key and the values of its path's variables."""

    key: str
    path_parameters: dict[str, str]


def resolve(method: str, path: str, keys: Iterable[str] = ROUTE_KEYS) -> MatchedRoute:
    """Return the route of a request.

    Args:
        method: in capitals.
        path: decoded, without the query.
        keys: of the API's routes besides ``$default``.

    Example:
        ``resolve("GET", "/v1/health")`` is ``MatchedRoute("GET /v1/health", {})``.
    """
    matches = [route for key in keys if (route := _match(key, method, path)) is not None]
    return min(matches, key=lambda route: len(route.path_parameters), default=MatchedRoute(DEFAULT_ROUTE_KEY, {}))


def _match(key: str, method: str, path: str) -> MatchedRoute | None:
    key_method, _, template = key.partition(" ")
    patterns = template.split("/")
    parts = path.split("/", len(patterns) - 1 if template.endswith("+}") else -1)
    if method != key_method or len(patterns) != len(parts):
        return None
    parameters: dict[str, str] = {}
    for pattern, part in zip(patterns, parts, strict=True):
        if pattern.startswith("{") and part:
            parameters[pattern.strip("{+}")] = part
        elif pattern != part:
            return None
    return MatchedRoute(key, parameters)
