"""HTTP API events and direct invokes become calls, and answers become HTTP responses."""

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls import Response
from http_routes import ROUTE_KEYS
from lambda_events import direct_call, http_call, http_response, is_http, wants_raised_errors
from nextitem.errors import RequestError
from nextitem.service import schema
from tests.events.payload import EVENT_SOURCES, OTHER_HTTP

PATHS = sorted({key.partition(" ")[2] for key in ROUTE_KEYS})
DEEP, NAN = 10_000, float("nan")
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

texts = st.text(st.characters(exclude_categories=["Cs"]))
documents = st.dictionaries(
    texts.filter(lambda name: name not in {"operation", "session_id", "item_id", "on_error"}),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def event(route_key: str, **fields: Any) -> dict[str, Any]:
    return {"version": "2.0", "routeKey": route_key, "rawQueryString": "", "isBase64Encoded": False, **fields}


def unrouted(method: str, path: str, stage: str = "$default") -> dict[str, Any]:
    context = {"stage": stage, "http": {"method": method, "path": path}}
    return event("$default", rawPath=path, requestContext=context)


def refusal(of: dict[str, Any]) -> RequestError:
    with pytest.raises(RequestError) as caught:
        http_call(of)
    return caught.value


@pytest.mark.parametrize(("route_key", "operation"), ROUTE_KEYS.items())
def test_the_route_key_names_the_operation(route_key: str, operation: str) -> None:
    call = http_call(event(route_key, pathParameters={"session_id": "visitor/7 ☕"}))

    assert (call.operation, call.session_id) == (operation, "visitor/7 ☕")
    assert call.query == (not route_key.startswith("POST"))


def test_a_query_string_is_the_body_of_a_get() -> None:
    call = http_call(event("GET /v1/sessions/{session_id}/recommendations", rawQueryString="limit=5&only=a"))
    assert (call.body, call.query) == ({"limit": "5", "only": ["a"]}, True)


def test_a_call_without_parameters_has_no_session() -> None:
    assert http_call(event("GET /v1/health")).session_id is None
    assert http_call(event("GET /v1/health", pathParameters=None)).session_id is None


@given(body=texts)
@settings(deadline=None)
@pytest.mark.slow
def test_a_body_arrives_as_it_was_sent(body: str) -> None:
    encoded = base64.b64encode(body.encode()).decode()
    sent = body.encode() or b"{}"
    assert http_call(event("POST /v1/recommendations", body=body)).body == sent
    assert http_call(event("POST /v1/recommendations", body=encoded, isBase64Encoded=True)).body == sent


@pytest.mark.parametrize("fields", [{}, {"body": None}, {"body": ""}, {"body": "", "isBase64Encoded": True}])
def test_no_body_is_an_empty_object(fields: dict[str, Any]) -> None:
    assert http_call(event("POST /v1/recommendations", **fields)).body == b"{}"


@pytest.mark.parametrize("body", ["not base64!", "e30", "é30=", "\ud800"])
def test_a_body_that_is_not_base64_is_malformed(body: str) -> None:
    error = refusal(event("POST /v1/recommendations", body=body, isBase64Encoded=True))
    assert error.status == 400
    assert "not base64" in str(error)


def test_half_a_surrogate_pair_in_a_body_is_malformed() -> None:
    call = http_call(event("POST /v1/recommendations", body='{"item_ids":["\ud800"]}'))
    with pytest.raises(RequestError) as caught:
        schema.parse(call.body, schema.ItemsBody)
    assert caught.value.status == 400


@pytest.mark.parametrize("stage", ["$default", "prod", "v1"])
@pytest.mark.parametrize(
    ("method", "template"), [(m, path) for path in PATHS for m in METHODS if f"{m} {path}" not in ROUTE_KEYS]
)
def test_a_known_path_lists_its_methods(method: str, template: str, stage: str) -> None:
    # GIVEN an existing path, with or without the stage's name, and a method that it does not accept
    path = re.sub(r"\{\w+\}", "a b", template)
    path = path if stage == "$default" else f"/{stage}{path}"

    # WHEN the request takes the default route
    error = refusal(unrouted(method, path, stage))

    # THEN the answer is a 405 with the accepted methods
    allowed = [key.partition(" ")[0] for key in ROUTE_KEYS if key.partition(" ")[2] == template]
    assert (error.status, error.allow) == (405, ", ".join(allowed))
    assert str(error).endswith(f"not {method}")


@pytest.mark.parametrize("stage", ["$default", "v2"])
@pytest.mark.parametrize(
    "path",
    ["/", "", "*", "/v1", "/v2", "/v2/health", "/v1/health/", "/v1//health", "//v1/health", "/v1/sessions//events"],
)
def test_any_other_path_is_not_found(path: str, stage: str) -> None:
    error = refusal(unrouted("PUT", path, stage))
    assert (error.status, error.allow) == (404, None)


@given(
    method=st.sampled_from(METHODS),
    path=st.sampled_from(PATHS) | st.text().map(lambda text: f"/{text}"),
    stage=st.sampled_from(["$default", "v1"]),
)
@settings(deadline=None)
@pytest.mark.slow
def test_the_default_route_always_raises_a_request_error(method: str, path: str, stage: str) -> None:
    error = refusal(unrouted(method, path, stage))
    routed = f"{method} {path.removeprefix('/v1') if stage == 'v1' else path}" in ROUTE_KEYS
    assert (error.status, error.allow is None) in ({(400, True)} if routed else {(404, True), (405, False)})


@given(operation=st.sampled_from(list(ROUTE_KEYS.values())), session_id=st.none() | texts, body=documents)
@settings(deadline=None)
@pytest.mark.slow
def test_a_direct_invoke_has_the_body_of_the_http_request(
    operation: str, session_id: str | None, body: dict[str, Any]
) -> None:
    call = direct_call({"operation": operation, "session_id": session_id, "on_error": "return", **body})

    assert (call.operation, call.session_id, call.query) == (operation, session_id, False)
    assert isinstance(call.body, bytes)
    in_session = session_id is None or operation in {"append_events", "get_recommendations", "delete_session"}
    assert json.loads(call.body) == body | ({} if in_session else {"session_id": session_id})


@pytest.mark.parametrize("operation", [None, "", "Health", "recommendations", 5, [], {"health": 1}])
def test_an_unknown_operation_is_refused_with_a_list_of_operations(operation: object) -> None:
    with pytest.raises(RequestError) as caught:
        direct_call({"operation": operation})
    assert (caught.value.status, caught.value.field) == (404, "operation")
    assert all(name in str(caught.value) for name in (*ROUTE_KEYS.values(), "verify"))


def test_verify_is_for_direct_invokes_only() -> None:
    assert direct_call({"operation": "verify"}).operation == "verify"
    assert "verify" not in ROUTE_KEYS.values()
    with pytest.raises(RequestError) as caught:
        http_call({"routeKey": "$default", "requestContext": {"http": {"method": "POST", "path": "/verify"}}})
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("authorizer", "subject"),
    [
        (None, None),
        ({}, None),
        ({"iam": {"userId": "AKID"}}, None),
        ({"lambda": {"sub": "alice"}}, None),
        ({"jwt": {"claims": {"sub": "alice"}, "scopes": None}}, "alice"),
    ],
)
def test_the_subject_comes_from_the_checked_token(authorizer: dict[str, Any] | None, subject: str | None) -> None:
    context = {} if authorizer is None else {"authorizer": authorizer}
    assert http_call({"routeKey": "GET /v1/health", "requestContext": context}).subject == subject


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"sub": None}, {"username": "alice"}, None])
def test_a_token_without_a_valid_subject_is_forbidden(claims: dict[str, Any] | None) -> None:
    context = {"authorizer": {"jwt": {"claims": claims, "scopes": None}}}
    with pytest.raises(RequestError) as caught:
        http_call({"routeKey": "GET /v1/health", "requestContext": context})
    assert caught.value.status == 403


@pytest.mark.parametrize("field", ["subject", "requestContext"])
def test_a_direct_invoke_cannot_set_a_subject(field: str) -> None:
    call = direct_call({"operation": "get_recommendations", "session_id": "me", field: "alice"})
    assert call.subject is None


@pytest.mark.parametrize("payload", [None, 5, "health", ["operation"], True])
def test_a_direct_invoke_must_be_an_object(payload: object) -> None:
    with pytest.raises(RequestError) as caught:
        direct_call(payload)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "fields", [{"item_ids": ["\ud800"]}, {"\ud800": 1}, {"exclude": {"\udfff": []}}, {"limit": [[]]}, {"limit": NAN}]
)
def test_a_direct_invoke_that_is_not_json_is_malformed(fields: dict[str, Any]) -> None:
    for _ in range(DEEP if fields == {"limit": [[]]} else 0):
        fields = {"limit": [fields["limit"]]}
    with pytest.raises(RequestError) as caught:
        direct_call({"operation": "recommend", **fields})
    assert caught.value.status == 400


@pytest.mark.parametrize("fields", [{"body": "{}", "rawQueryString": "k=3&limit=5"}, {"rawQueryString": "only[]=a"}])
def test_a_post_takes_no_query_parameters(fields: dict[str, Any]) -> None:
    error = refusal(event("POST /v1/recommendations") | fields)
    assert error.status == 422
    assert error.field in {"k", "only"}
    assert "send it in the body" in str(error)


@pytest.mark.parametrize("route_key", [key for key in ROUTE_KEYS if not key.startswith("POST")])
def test_other_methods_take_no_body(route_key: str) -> None:
    assert refusal(event(route_key, body='{"limit": 3}')).status == 422
    for body in ("", "{}", " null\n"):
        assert http_call(event(route_key, body=body)).body == {}


@pytest.mark.parametrize("on_error", ["ignore", 1, {}, ["raise"]])
def test_an_unknown_way_to_report_errors_is_refused_and_raised(on_error: object) -> None:
    payload = {"operation": "health", "on_error": on_error}
    with pytest.raises(RequestError) as caught:
        direct_call(payload)
    assert (caught.value.status, caught.value.field) == (422, "on_error")
    assert wants_raised_errors(payload)
    assert wants_raised_errors({"on_eror": "raise"})  # a misspelt field is refused, too
    assert not wants_raised_errors({"session_id": "raise"})


@pytest.mark.parametrize("name", sorted(EVENT_SOURCES))
def test_events_of_sources_are_refused_and_raised(name: str) -> None:
    for payload in (EVENT_SOURCES[name], EVENT_SOURCES[name].get("Records", [])):
        if payload:
            with pytest.raises(RequestError, match="are not accepted") as caught:
                direct_call(payload)
            assert caught.value.status == 400
            assert wants_raised_errors(payload)
            assert not is_http(payload)


@pytest.mark.parametrize("name", sorted(OTHER_HTTP))
def test_http_requests_of_other_sources_are_refused_as_http(name: str) -> None:
    payload = OTHER_HTTP[name]
    assert is_http(payload)
    error = refusal(payload)
    assert error.status == 400
    assert "HTTP API" in str(error)


@pytest.mark.parametrize("payload", [{}, {"operation": "health"}, {"operation": "health", "Records": []}, [], None, 5])
def test_a_direct_invoke_gets_its_errors_as_answers(payload: Any) -> None:
    assert not is_http(payload)
    assert not wants_raised_errors(payload)


def test_responses_have_their_content_type() -> None:
    problem = schema.Problem("Not found", 404, "no operation has this path")
    answer = http_response(Response(200, schema.Recommendation("café", 0.5), {}))
    refused = http_response(Response(404, problem, {"x-more": "1"}))

    assert answer["headers"] == {"content-type": "application/json", "cache-control": "no-store"}
    assert json.loads(answer["body"]) == {"item_id": "café", "score": 0.5}
    assert refused["headers"] == {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "x-more": "1",
    }
    assert (refused["statusCode"], json.loads(refused["body"])["status"]) == (404, 404)
    assert http_response(Response(204, None, {})) == {"statusCode": 204, "headers": {"cache-control": "no-store"}}
