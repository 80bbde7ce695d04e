"""docs/openapi.json says what the code does."""

import re
from typing import Any
from urllib.parse import urlencode

import jsonschema_rs
import msgspec
import pytest
from openapi_spec_validator import validate

import calls
import http_routes
import lambda_events
from devstack.openapi.api_page import table
from devstack.openapi.document import ANSWERS, BODIES, JSON, PATH, PROBLEM, QUERIES, encode
from devstack.template.stack import deployed
from nextitem.errors import InputError
from nextitem.service import schema

DOCUMENT: dict[str, Any] = msgspec.json.decode(PATH.read_bytes())
OPERATIONS = {
    operation["operationId"]: (f"{method.upper()} {path}", operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
DECODERS = {"Answer": schema.Answer, "Health": schema.Health, "Problem": schema.Problem}


def validator(kind: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**kind, "components": DOCUMENT["components"]})


def request_examples() -> list[Any]:
    """Return each example of a body, with its operation."""
    return [
        pytest.param(name, example["value"], id=f"{name}: {label}")
        for name, (_, operation) in OPERATIONS.items()
        if "requestBody" in operation
        for label, example in operation["requestBody"]["content"][JSON]["examples"].items()
    ]


def answer_examples() -> list[Any]:
    """Return each example of an answer, with its schema."""
    responses = [response for _, operation in OPERATIONS.values() for response in operation["responses"].values()]
    return [
        pytest.param(content["schema"], content["example"], id=content["schema"]["$ref"].split("/")[-1])
        for response in (*responses, *DOCUMENT["components"]["responses"].values())
        for content in response.get("content", {}).values()
        if "example" in content
    ]


def test_the_document_is_that_of_the_code() -> None:
    assert PATH.read_bytes() == encode(), "run `make openapi`, and look at what changed for clients"


def test_its_texts_have_no_links_to_pages() -> None:
    # in an OpenAPI document they would lead nowhere: name the page in words
    assert re.findall(r"\]\([^)]*\.md[^)]*\)", PATH.read_text()) == []


def test_it_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    validate(DOCUMENT)


def test_it_has_the_template_s_routes_and_no_other() -> None:
    # GIVEN the routes that a deployment creates
    keys = {route["RouteKey"] for route in deployed().of_type("AWS::ApiGatewayV2::Route").values()} - {"$default"}

    # THEN the document has exactly these, with the operations that the function runs
    assert {key for key, _ in OPERATIONS.values()} == keys
    assert {key: name for name, (key, _) in OPERATIONS.items()} == dict(http_routes.ROUTE_KEYS)
    assert set(ANSWERS) == set(OPERATIONS)
    assert {*BODIES, *QUERIES} < set(OPERATIONS)


@pytest.mark.parametrize(("operation", "example"), request_examples())
def test_an_example_of_a_request_is_read_by_the_service(operation: str, example: dict[str, Any]) -> None:
    # WHEN the function reads the example
    key, described = OPERATIONS[operation]
    event = {"routeKey": key, "pathParameters": {"session_id": "me"}, "body": msgspec.json.encode(example).decode()}
    call = lambda_events.http_call(event)
    body = schema.parse(call.body, BODIES[operation])

    # THEN it understands all of it, and the example fits the document's schema
    assert call.operation == operation
    assert set(example) <= set(body.__struct_fields__)
    assert validator(described["requestBody"]["content"][JSON]["schema"]).is_valid(example)


@pytest.mark.parametrize(
    "operation", [name for name, (_, described) in OPERATIONS.items() if "parameters" in described]
)
def test_the_examples_of_parameters_are_read_by_the_service(operation: str) -> None:
    # GIVEN an operation's parameters
    key, described = OPERATIONS[operation]
    shown: dict[str, dict[str, Any]] = {"path": {}, "query": {}}
    for parameter in described["parameters"]:
        if "example" in parameter:
            shown[parameter["in"]][parameter["name"]] = parameter["example"]
            assert validator(parameter["schema"]).is_valid(parameter["example"])

    # WHEN the function reads the examples
    event = {"routeKey": key, "pathParameters": shown["path"], "rawQueryString": urlencode(shown["query"], doseq=True)}
    call = lambda_events.http_call(event)

    # THEN it finds the same values
    if "item_id" in shown["path"]:
        assert schema.checked_item_id(call.item_id, in_path=True) == shown["path"]["item_id"]
    elif "session_id" in shown["path"]:
        assert schema.checked_session_id(call.session_id) == shown["path"]["session_id"]
    if operation in QUERIES:
        read = msgspec.to_builtins(schema.parse(call.body, QUERIES[operation], strict=False))
        assert shown["query"]
        assert {name: read[name] for name in shown["query"]} == shown["query"]


@pytest.mark.parametrize(("kind", "example"), answer_examples())
def test_an_example_of_an_answer_fits_its_schema(kind: dict[str, Any], example: dict[str, Any]) -> None:
    decoder = DECODERS[kind["$ref"].split("/")[-1]]

    assert validator(kind).is_valid(example)
    assert set(example) <= set(decoder.__struct_fields__)
    msgspec.convert(example, decoder)


@pytest.mark.parametrize("kind", [schema.EventsBody, schema.EventBody, schema.ItemsBody, schema.RankingOptions])
def test_null_for_an_optional_field_fits_as_the_service_reads_it(kind: type[msgspec.Struct]) -> None:
    event = {"item_id": "tea-001"}
    examples: dict[type, dict[str, Any]] = {schema.EventsBody: {"events": [event]}, schema.EventBody: event}
    required = examples.get(kind, {})
    nothing = {field.name: None for field in msgspec.structs.fields(kind) if not field.required}
    schema.parse(msgspec.json.encode(required | nothing), kind)

    if kind.__name__ in DOCUMENT["components"]["schemas"]:
        assert validator({"$ref": f"#/components/schemas/{kind.__name__}"}).is_valid(required | nothing)


def test_every_field_of_a_request_is_described() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    bare = [
        f"{name}.{field}"
        for name in ("EventsBody", "EventBody", "ItemsBody")
        for field, kind in schemas[name]["properties"].items()
        if not kind.get("description")
    ]
    assert bare == []


def test_every_refusal_of_the_service_is_documented() -> None:
    """The statuses that the handler's modules name."""
    functions = PATH.parents[1] / "functions"
    parts = [*functions.glob("*.py"), *(functions / "nextitem" / "service").rglob("*.py")]
    texts = [part.read_text() for part in parts]
    refused = re.compile(r"(?:RequestError\(|Problem\(\"[^\"]+\", )(\d{3})")
    named = {status for text in texts for status in refused.findall(text)}

    responses = DOCUMENT["components"]["responses"]
    assert named >= {"400", "404", "422", "503"}
    assert {status for status in named if PROBLEM not in responses[status]["content"]} == set()


def test_every_answer_says_that_it_must_not_be_kept() -> None:
    successes = [
        operation["responses"].get("200") or operation["responses"]["204"] for _, operation in OPERATIONS.values()
    ]
    shown = [
        {name: header["schema"]["const"] for name, header in response["headers"].items()} for response in successes
    ]
    assert shown == [calls.NOT_CACHED] * len(OPERATIONS)


def test_a_table_that_the_page_lacks_is_an_error() -> None:
    with pytest.raises(InputError, match=r"api\.md: there is no table with the header \| colour \| \|"):
        table("colour", "")


def test_each_link_gives_an_operation_what_it_needs() -> None:
    links = [
        (link["operationId"], link["parameters"])
        for _, operation in OPERATIONS.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert {target for target, _ in links} == {"append_events", "get_recommendations", "delete_session", "similar"}
    for target, given in links:
        parameters = OPERATIONS[target][1]["parameters"]
        needed = {parameter["name"] for parameter in parameters if parameter.get("required")}
        assert needed <= set(given) <= {parameter["name"] for parameter in parameters}
