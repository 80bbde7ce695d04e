"""The HTTP payloads in events/: true to API Gateway, consistent in themselves, and one for each route."""

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
import pytest

import lambda_events
from model_export.simulator import Shop
from nextitem.errors import RequestError
from nextitem.service import schema
from tests.events.payload import Payload, http_files

BODIES: dict[str, type[schema.RankingOptions]] = {
    "append_events": schema.EventsBody,
    "recommend": schema.ItemsBody,
    "get_recommendations": schema.RankingOptions,
}
TIME_FORMAT = "%d/%b/%Y:%H:%M:%S %z"

every_payload = pytest.mark.parametrize("path", http_files(), ids=lambda path: path.stem)


def read(path: Path) -> Payload:
    return msgspec.json.decode(path.read_bytes(), type=Payload)


def given(value: dict[str, str] | msgspec.UnsetType) -> dict[str, str]:
    return {} if isinstance(value, msgspec.UnsetType) else value


def test_there_is_one_for_every_route() -> None:
    # GIVEN all payloads WHEN their routes are gathered THEN none of the handler's is missing, nor $default
    assert {read(path).route_key for path in http_files()} == {*lambda_events.ROUTE_KEYS, "$default"}


@every_payload
def test_it_has_the_shape_that_api_gateway_sends(path: Path) -> None:
    # GIVEN a file WHEN decoded strictly, unknown fields forbidden
    payload = read(path)

    # THEN what is said twice is said alike
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
def test_its_path_is_its_route_with_the_parameters_filled_in(path: Path) -> None:
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
def test_its_query_parameters_are_its_query_string(path: Path) -> None:
    # GIVEN a payload's raw query string WHEN parsed, repeated names joined by commas
    payload = read(path)
    parsed = {name: ",".join(values) for name, values in parse_qs(payload.raw_query_string).items()}

    # THEN it is what API Gateway gives parsed, and left out when there is none
    assert parsed == given(payload.query_string_parameters)
    assert payload.query_string_parameters != {}


@every_payload
def test_its_body_is_announced_by_its_headers(path: Path) -> None:
    # GIVEN a payload
    payload = read(path)

    # WHEN it has a body THEN type and length fit; WHEN it has none THEN nothing announces one
    if isinstance(payload.body, msgspec.UnsetType):
        assert not {"content-type", "content-length"} & payload.headers.keys()
    else:
        assert payload.headers["content-type"] == "application/json"
        assert payload.headers["content-length"] == str(len(payload.body.encode()))
        assert not payload.is_base64_encoded


@every_payload
def test_the_service_reads_it_as_it_is_meant(path: Path) -> None:
    # GIVEN a payload as Lambda hands it over
    event = msgspec.json.decode(path.read_bytes())
    if event["routeKey"] == "$default":
        # WHEN no route fits THEN the service says so
        with pytest.raises(RequestError, match="no operation has this path"):
            lambda_events.http_call(event)
        return

    # WHEN the service reads it THEN the operation is the route's, and its body is valid
    call = lambda_events.http_call(event)
    assert call.operation == lambda_events.ROUTE_KEYS[event["routeKey"]]
    assert call.session_id == event.get("pathParameters", {}).get("session_id")
    if call.operation in BODIES:
        schema.parse(call.body, BODIES[call.operation], strict=not call.query)


def test_every_item_is_sold_in_the_demo_shop() -> None:
    # GIVEN what the demo model was trained on
    sold = {product.item_id for product in Shop().products}

    # WHEN the bodies' and queries' items are gathered
    named: set[str] = set()
    for path in http_files():
        payload = read(path)
        body = {} if isinstance(payload.body, msgspec.UnsetType) else msgspec.json.decode(payload.body)
        named.update(event["item_id"] for event in body.get("events", []))
        named.update(body.get("item_ids", []))
        named.update(body.get("exclude", []))
        named.update(given(payload.query_string_parameters).get("exclude", "").split(","))

    # THEN the shop sells every one
    assert named - {""} <= sold
    assert len(named) > 8
