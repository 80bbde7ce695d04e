"""Requests take the routes of template.yaml."""

import re
from pathlib import Path

import pytest

from devstack.api_gateway.routes import DEFAULT_ROUTE_KEY, PREFLIGHT_ROUTE_KEY, ROUTE_KEYS, resolve

TEMPLATE = Path(__file__).parents[3] / "template.yaml"


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("POST", "/v1/sessions/s-1/events", "POST /v1/sessions/{session_id}/events", {"session_id": "s-1"}),
        ("GET", "/v1/sessions/s/recommendations", "GET /v1/sessions/{session_id}/recommendations", {"session_id": "s"}),
        ("DELETE", "/v1/sessions/a b", "DELETE /v1/sessions/{session_id}", {"session_id": "a b"}),
        ("POST", "/v1/recommendations", "POST /v1/recommendations", {}),
        ("GET", "/v1/health", "GET /v1/health", {}),
        ("GET", "/v1/items/tea 1/similar", "GET /v1/items/{item_id}/similar", {"item_id": "tea 1"}),
        ("GET", "/v1/items/tea/1/similar", DEFAULT_ROUTE_KEY, {}),
        ("GET", "/v1/trending", "GET /v1/trending", {}),
        ("PUT", "/v1/health", DEFAULT_ROUTE_KEY, {}),
        ("GET", "/v1/health/", DEFAULT_ROUTE_KEY, {}),
        ("DELETE", "/v1/sessions/", DEFAULT_ROUTE_KEY, {}),
        ("DELETE", "/v1/sessions/a/b", DEFAULT_ROUTE_KEY, {}),
        ("GET", "/", DEFAULT_ROUTE_KEY, {}),
    ],
)
def test_a_request_takes_its_route(method: str, path: str, key: str, parameters: dict[str, str]) -> None:
    route = resolve(method, path)
    assert (route.key, route.path_parameters) == (key, parameters)


def test_the_routes_are_those_of_the_template() -> None:
    keys = re.findall(r"RouteKey: (\w+ /\S+)", TEMPLATE.read_text(encoding="utf-8"))

    assert sorted(keys) == sorted([*ROUTE_KEYS, PREFLIGHT_ROUTE_KEY])


@pytest.mark.parametrize(
    ("path", "key", "parameters"),
    [
        ("/v1/health", PREFLIGHT_ROUTE_KEY, {"proxy": "v1/health"}),
        ("/v1/sessions/a/b/", PREFLIGHT_ROUTE_KEY, {"proxy": "v1/sessions/a/b/"}),
        ("/", DEFAULT_ROUTE_KEY, {}),
    ],
)
def test_with_cors_every_path_has_options(path: str, key: str, parameters: dict[str, str]) -> None:
    route = resolve("OPTIONS", path, (*ROUTE_KEYS, PREFLIGHT_ROUTE_KEY))
    assert (route.key, route.path_parameters) == (key, parameters)
    assert resolve("OPTIONS", path).key == DEFAULT_ROUTE_KEY
