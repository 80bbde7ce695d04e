"""The routes of the HTTP API, and which of them a request takes.

Of API Gateway's rules (developer guide, "Create routes for HTTP APIs") this has those that our
template uses: paths with ``{variables}``, a full match before a match by variables, else
``$default``. Greedy variables (``{name+}``) and ``ANY`` are left out. Matching is on the decoded
path, which is what HTTP APIs pass on, so a ``/`` inside a variable never reaches its route.
"""

from dataclasses import dataclass

DEFAULT_ROUTE_KEY = "$default"

ROUTE_KEYS = (
    "POST /v1/sessions/{session_id}/events",
    "GET /v1/sessions/{session_id}/recommendations",
    "DELETE /v1/sessions/{session_id}",
    "POST /v1/recommendations",
    "GET /v1/health",
)
"""Those of template.yaml, besides ``$default``."""


@dataclass(frozen=True)
class Route:
    """A route as chosen: its key and the values of its path's variables."""

    key: str
    path_parameters: dict[str, str]


def resolve(method: str, path: str) -> Route:
    """The route that a request takes.

    Args:
        method: in capitals.
        path: decoded, without the query.
    """
    found = [route for key in ROUTE_KEYS if (route := _match(key, method, path)) is not None]
    found.sort(key=lambda route: len(route.path_parameters))
    return found[0] if found else Route(DEFAULT_ROUTE_KEY, {})


def _match(key: str, method: str, path: str) -> Route | None:
    wanted_method, _, template = key.partition(" ")
    wanted, given = template.split("/"), path.split("/")
    if method != wanted_method or len(wanted) != len(given):
        return None
    parameters: dict[str, str] = {}
    for want, got in zip(wanted, given, strict=True):
        if want.startswith("{") and got:
            parameters[want.strip("{}")] = got
        elif want != got:
            return None
    return Route(key, parameters)
