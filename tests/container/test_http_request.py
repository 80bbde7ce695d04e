"""Requests are read as API Gateway passes them on."""

import asyncio
from typing import Any

import pytest

from container import http_request
from container.http_request import ClientGone, decoded_path, http_call, read_body
from devstack.api_gateway.http_event import HttpRequest
from nextitem.errors import RequestError


@pytest.mark.parametrize(
    "path",
    [
        "/v1/health",
        "/v1/items/a%2Fb/similar",
        "/v1/items/a%252Fb/similar",
        "/v1/items/a%3Fb/similar",
        "/%C3%A9",
        "/%ff",
        "/%",
    ],
)
def test_a_path_is_decoded_as_by_api_gateway(path: str) -> None:
    assert decoded_path(path.encode()) == HttpRequest("GET", path, (), b"", "127.0.0.1").path


def test_a_request_becomes_a_call() -> None:
    call = http_call("GET", b"/v1/items/shelf%2F7/similar", b"limit=3", b"")
    assert (call.operation, call.item_id, call.body, call.query) == ("similar", "shelf/7", {"limit": "3"}, True)

    call = http_call("POST", b"/v1/sessions/visitor-7/events", b"", b"{}")
    assert (call.operation, call.session_id, call.body, call.query) == ("append_events", "visitor-7", b"{}", False)
    assert call.subject is None


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", b"/v1/health", 405, "GET"),
        ("HEAD", b"/v1/health", 405, "GET"),
        ("DELETE", b"/v1/sessions/a/events", 405, "POST"),
        ("GET", b"/v1/sessions//events", 404, None),
        ("GET", b"/v3", 404, None),
    ],
)
def test_a_request_without_an_operation_is_refused(method: str, path: bytes, status: int, allow: str | None) -> None:
    with pytest.raises(RequestError) as refused:
        http_call(method, path, b"", b"")

    assert (refused.value.status, refused.value.allow) == (status, allow)


def read(*messages: dict[str, Any]) -> bytes:
    """Read a body from messages; after them nothing comes."""
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    return asyncio.run(read_body(receive))


def part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_is_put_together() -> None:
    assert read(part(b"{}", more=False)) == b"{}"
    assert read(part(b"{", more=True), part(b"", more=True), part(b"}", more=False)) == b"{}"


def test_a_client_that_goes_is_no_request() -> None:
    with pytest.raises(ClientGone):
        read({"type": "http.disconnect"})
    with pytest.raises(ClientGone):
        read(part(b"{", more=True), {"type": "http.disconnect"})


def test_a_body_that_does_not_come_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_request, "BODY_SECONDS", 0.05)
    with pytest.raises(RequestError, match="did not arrive") as refused:
        read(part(b"{", more=True))

    assert refused.value.status == 408
