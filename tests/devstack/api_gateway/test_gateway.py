"""The gateway answers as API Gateway and Lambda's Invoke API do, with a real worker."""

import base64
import gzip
import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from devstack.api_gateway.gateway import BODY_LIMIT_BYTES, HEAD_LIMIT_BYTES
from devstack.lambda_runtime.invocation import PAYLOAD_LIMIT_BYTES
from tests.devstack.conftest import Toy

if TYPE_CHECKING:
    from botocore.client import BaseClient

ARN = "arn:aws:lambda:us-east-1:123456789012:function:nextitem"
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


class Client:
    def __init__(self, url: str) -> None:
        self._netloc = urlsplit(url).netloc

    def send(self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] = JSON) -> Reply:
        connection = http.client.HTTPConnection(self._netloc, timeout=20)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return Reply(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def say(self, answer: Any) -> Reply:
        """Have the function return `answer`."""
        return self.send("POST", "/v1/recommendations", json.dumps(answer).encode())


@pytest.fixture
def toy(serve: Callable[..., Toy]) -> Toy:
    return serve()


@pytest.fixture
def client(toy: Toy) -> Client:
    return Client(toy.served.url)


@pytest.fixture
def lambda_client(toy: Toy) -> "Iterator[BaseClient]":
    client = boto3.client(
        "lambda",
        endpoint_url=toy.served.url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",  # noqa: S106 - there is no IAM
    )
    yield client
    client.close()


def test_a_request_reaches_the_function_as_an_event(client: Client) -> None:
    reply = client.send("GET", "/v1/sessions/a%20b/recommendations?limit=2&x=%C3%A4", headers={"X-Tea": "green"})

    assert (reply.status, reply.header("content-type")) == (200, ["application/json"])
    event = reply.json()
    assert event["routeKey"] == "GET /v1/sessions/{session_id}/recommendations"
    assert event["pathParameters"] == {"session_id": "a b"}
    assert event["rawQueryString"] == "limit=2&x=%C3%A4"
    assert event["headers"]["x-tea"] == "green"
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"


def test_a_response_with_status_headers_and_cookies(client: Client) -> None:
    reply = client.say(
        {
            "statusCode": 422,
            "headers": {"Content-Type": "application/problem+json", "X-Number": 5, "Content-Length": "9999"},
            "cookies": ["a=1; HttpOnly", "b=2"],
            "body": '{"title":"no"}',
        }
    )
    assert (reply.status, reply.body) == (422, b'{"title":"no"}')
    assert reply.header("content-type") == ["application/problem+json"]
    assert reply.header("x-number") == ["5"]
    assert reply.header("set-cookie") == ["a=1; HttpOnly", "b=2"]


def test_a_binary_response(client: Client) -> None:
    body = base64.b64encode(b"\x00\xff").decode()
    reply = client.say({"statusCode": 200, "body": body, "isBase64Encoded": True})
    assert reply.body == b"\x00\xff"


def test_a_response_without_a_body(client: Client) -> None:
    reply = client.say({"statusCode": 204})
    assert (reply.status, reply.body) == (204, b"")


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": "many"},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["no", "object"]},
        {"statusCode": 200, "headers": {"x-tea": "green\r\nx-milk: yes"}},
    ],
)
def test_a_malformed_response_is_a_500(client: Client, answer: dict[str, Any]) -> None:
    reply = client.say(answer)
    assert (reply.status, reply.json()) == (500, {"message": "Internal Server Error"})


def test_a_failing_function_is_a_500_without_details(client: Client) -> None:
    reply = client.send("POST", "/v1/recommendations", b"{this is no JSON")
    assert (reply.status, reply.json()) == (500, {"message": "Internal Server Error"})


@pytest.mark.parametrize("size", [BODY_LIMIT_BYTES + 1, PAYLOAD_LIMIT_BYTES])
def test_a_body_over_the_limits_is_a_413(client: Client, size: int) -> None:
    reply = client.send("POST", "/v1/recommendations", b"x" * size, {"content-type": "text/plain"})
    assert (reply.status, reply.json()) == (413, {"message": "Request Entity Too Large"})


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "tea"])
def test_a_body_with_a_content_encoding_reaches_the_function_as_it_was_sent(client: Client, encoding: str) -> None:
    body = gzip.compress(b'{"item_ids":["a"]}')
    event = client.send("POST", "/v1/recommendations", body, JSON | {"content-encoding": encoding}).json()
    assert event["isBase64Encoded"]
    assert base64.b64decode(event["body"]) == body


def test_a_response_with_a_content_encoding_stays_as_it_is(client: Client) -> None:
    body = gzip.compress(b"{}")
    answer = {"statusCode": 200, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    assert client.say(answer | {"headers": {"content-encoding": "gzip"}}).body == body


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/v1/health?" + "x" * HEAD_LIMIT_BYTES, {}),
        ("/v1/health?" + "x" * 5_000_000, {}),
        ("/v1/health", {"x-a": "x" * 6000, "x-b": "y" * 6000}),
        ("/v1/health", {"x-a": "x" * 100_000}),
        ("/v1/health", {f"x-{number}": "x" * 100 for number in range(200)}),
    ],
    ids=["request line", "very long request line", "headers together", "very long header", "many headers"],
)
def test_a_head_over_the_limit_is_a_431(client: Client, target: str, headers: dict[str, str]) -> None:
    reply = client.send("GET", target, headers=headers)

    assert (reply.status, reply.json()) == (431, {"message": "Request Header Fields Too Large"})


def test_a_header_as_long_as_the_limit_allows_is_passed_on(client: Client) -> None:
    value = "x" * (HEAD_LIMIT_BYTES - 200)
    assert client.send("GET", "/v1/health", headers={"x-tea": value}).json()["headers"]["x-tea"] == value


@pytest.mark.parametrize("encoded", ["%0A", "%0D", "%E2%80%A8"])
def test_a_line_break_in_a_path_is_the_function_s_affair(client: Client, encoded: str) -> None:
    event = client.send("DELETE", f"/v1/sessions/a{encoded}b").json()

    assert event["routeKey"] == "DELETE /v1/sessions/{session_id}"
    assert event["pathParameters"] == {"session_id": unquote(f"a{encoded}b")}


def test_head_has_no_body(client: Client) -> None:
    assert client.send("HEAD", "/v1/health").body == b""


def test_a_large_body_is_passed_on(client: Client) -> None:
    tea = "x" * (PAYLOAD_LIMIT_BYTES // 2)
    assert client.say({"tea": tea}).json() == {"tea": tea}


@pytest.mark.parametrize("name", ["nextitem", "nextitem:live", f"{ARN}:live", ARN])
def test_boto3_invokes_the_function(lambda_client: Any, name: str) -> None:
    answer = lambda_client.invoke(FunctionName=name, Payload=b'{"do":"echo"}')
    with answer["Payload"] as payload:
        assert json.loads(payload.read()) == {"do": "echo"}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer


def test_boto3_gets_a_function_error(lambda_client: Any) -> None:
    answer = lambda_client.invoke(FunctionName="nextitem", Payload=b'{"do":"raise","message":"no"}')
    with answer["Payload"] as payload:
        assert json.loads(payload.read())["errorMessage"] == "no"
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"FunctionName": "other", "Payload": b"{}"}, "ResourceNotFoundException"),
        ({"FunctionName": "nextitem:other", "Payload": b"{}"}, "ResourceNotFoundException"),
        ({"FunctionName": "nextitem", "Payload": b"{"}, "InvalidRequestContentException"),
        ({"FunctionName": "nextitem", "Payload": b"NaN"}, "InvalidRequestContentException"),
        ({"FunctionName": "nextitem", "Payload": "{}".encode("utf-16")}, "InvalidRequestContentException"),
        ({"FunctionName": "nextitem", "Payload": gzip.compress(b"{}")}, "InvalidRequestContentException"),
        ({"FunctionName": "nextitem", "Payload": b"[" * 100_000}, "InvalidRequestContentException"),
        ({"FunctionName": "nextitem", "Payload": b" " * (BODY_LIMIT_BYTES + 1)}, "RequestTooLargeException"),
        ({"FunctionName": "nextitem", "InvocationType": "Event"}, "InvalidParameterValueException"),
        (
            {"FunctionName": "nextitem", "Payload": b'"%s"' % (b"x" * PAYLOAD_LIMIT_BYTES)},
            "RequestTooLargeException",
        ),
    ],
)
def test_boto3_gets_the_error_of_a_bad_invocation(lambda_client: Any, arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        lambda_client.invoke(**arguments)
    assert caught.value.response["Error"]["Code"] == code
