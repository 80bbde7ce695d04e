"""The HTTP payloads in events/: consistent, and one for each route."""

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
import pytest

import http_routes
import lambda_events
from model_export.simulator import Shop
from nextitem.errors import RequestError
from nextitem.service import schema
from tests.events.payload import Payload, http_files

BODIES: dict[str, type[schema.ListOptions]] = {
    "append_events": schema.EventsBody,
    "recommend": schema.ItemsBody,
    "get_recommendations": schema.RankingOptions,
    "similar": schema.ListOptions,
    "trending": schema.TrendingOptions,
}
TIME_FORMAT = "%d/%b/%Y:%H:%M:%S %z"

every_payload = pytest.mark.parametrize("path", http_files(), ids=lambda path: path.stem)


def read(path: Path) -> Payload:
    return msgspec.json.decode(path.read_bytes(), type=Payload)


def given(value: dict[str, str] | msgspec.UnsetType) -> dict[str, str]:
    return {} if isinstance(value, msgspec.UnsetType) else value


def test_every_route_has_a_payload() -> None:
    assert {read(path).route_key for path in http_files()} == {*http_routes.ROUTE_KEYS, "$default"}


@every_payload
def test_a_payload_has_api_gateway_s_shape(path: Path) -> None:
    payload = read(path)

    context = payload.request_context
    assert context.route_key == payload.route_key
    assert context.http.path == payload.raw_path
    assert context.domain_name == payload.headers["host"]
    assert context.domain_name.startswith(f"{context.domain_prefix}.")
    assert context.domain_prefix == context.api_id
    assert context.http.user_agent == payload.headers["user-agent"]
    assert context.http.source_ip == payload.headers["x-forwarded-for"]
    assert datetime.strptime(context.time, TIME_FORMAT) == datetime.fromtimestamp(context.time_epoch / 1000, UTC)


@every_payload
def test_the_path_is_the_route_with_its_parameters(path: Path) -> None:
    # GIVEN a payload of a route
    payload = read(path)
    parameters = given(payload.path_parameters)

    # WHEN the route's template is filled in
    if payload.route_key == "$default":
        # THEN (no route: no template and no parameters)
        assert parameters == {}
        return
    method, template = payload.route_key.split(" ")
    filled = re.sub(r"\{(\w+)\}", lambda match: parameters[match[1]], template)

    # THEN it is the path, and no parameter is left over
    assert (method, filled) == (payload.request_context.http.method, payload.raw_path)
    assert len(parameters) == template.count("{")


@every_payload
def test_the_query_parameters_match_the_query_string(path: Path) -> None:
    payload = read(path)
    parsed = {name: ",".join(values) for name, values in parse_qs(payload.raw_query_string).items()}

    assert parsed == given(payload.query_string_parameters)
    assert payload.query_string_parameters != {}


@every_payload
def test_the_headers_match_the_body(path: Path) -> None:
    payload = read(path)

    if isinstance(payload.body, msgspec.UnsetType):
        assert not {"content-type", "content-length"} & payload.headers.keys()
    else:
        assert payload.headers["content-type"] == "application/json"
        assert payload.headers["content-length"] == str(len(payload.body.encode()))
        assert not payload.is_base64_encoded


@every_payload
def test_the_payload_is_a_valid_call(path: Path) -> None:
    event = msgspec.json.decode(path.read_bytes())
    if event["routeKey"] == "$default":
        with pytest.raises(RequestError, match="no operation has this path"):
            lambda_events.http_call(event)
        return

    call = lambda_events.http_call(event)
    assert call.operation == http_routes.ROUTE_KEYS[event["routeKey"]]
    assert call.session_id == event.get("pathParameters", {}).get("session_id")
    assert call.item_id == event.get("pathParameters", {}).get("item_id")
    if call.operation in BODIES:
        schema.parse(call.body, BODIES[call.operation], strict=not call.query)


def test_every_item_is_in_the_demo_catalogue() -> None:
    # GIVEN the training data of the demo model
    sold = {product.item_id for product in Shop().products}

    # WHEN the items of all bodies and queries are collected
    named: set[str] = set()
    for path in http_files():
        payload = read(path)
        body = {} if isinstance(payload.body, msgspec.UnsetType) else msgspec.json.decode(payload.body)
        named.update(event["item_id"] for event in body.get("events", []))
        named.update(body.get("item_ids", []))
        named.update(body.get("exclude", []))
        named.update(value for name, value in given(payload.path_parameters).items() if name == "item_id")
        named.update(given(payload.query_string_parameters).get("exclude", "").split(","))

    # THEN the shop sells every one
    assert named - {""} <= sold
    assert len(named) > 8
