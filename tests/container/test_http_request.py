"""Requests are read as API Gateway passes them on."""

import asyncio
import tracemalloc
from typing import Any

import pytest

from container import http_request
from container.http_request import MAX_RECEIVED_BYTES, ClientGone, decoded_path, http_call, read_body
from devstack.api_gateway.http_event import HttpRequest
from nextitem.errors import RequestError
from nextitem.service.schema import MAX_BODY_BYTES, ItemsBody, parse


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
    call = http_call("GET", "/v1/items/shelf/7/similar", b"limit=3", b"")
    assert (call.operation, call.item_id, call.body, call.query) == ("similar", "shelf/7", {"limit": "3"}, True)

    call = http_call("POST", "/v1/sessions/visitor-7/events", b"", b"{}")
    assert (call.operation, call.session_id, call.body, call.query) == ("append_events", "visitor-7", b"{}", False)
    assert call.subject is None


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", "/v1/health", 405, "GET"),
        ("HEAD", "/v1/health", 405, "GET"),
        ("DELETE", "/v1/sessions/a/events", 405, "POST"),
        ("GET", "/v1/sessions//events", 404, None),
        ("GET", "/v3", 404, None),
    ],
)
def test_a_request_without_an_operation_is_refused(method: str, path: str, status: int, allow: str | None) -> None:
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


@pytest.mark.parametrize("parts", [[], [part(b"{", more=True)]], ids=["nothing", "a part"])
def test_a_body_that_does_not_come_is_refused(monkeypatch: pytest.MonkeyPatch, parts: list[dict[str, Any]]) -> None:
    monkeypatch.setattr(http_request, "BODY_SECONDS", 0.05)
    with pytest.raises(RequestError, match="did not arrive") as refused:
        read(*parts)

    assert refused.value.status == 408


def test_a_body_beyond_the_limit_of_the_api_is_not_kept() -> None:
    piece, pieces = b" " * (1 << 16), MAX_RECEIVED_BYTES >> 16
    left = [part(piece, more=True)] * (pieces - 1) + [part(piece, more=False)]

    tracemalloc.start()
    whole = read(*left[-4:])
    kept = tracemalloc.get_traced_memory()[0]
    assert whole == piece * (MAX_BODY_BYTES >> 16)  # the longest that is kept

    async def read_all_but_the_last() -> tuple[int, bytes]:
        """Return the memory taken before the last part comes, and the body."""
        taken = []

        async def receive() -> dict[str, Any]:
            if len(left) == 1:
                taken.append(tracemalloc.get_traced_memory()[0])
            message = left.pop(0)
            return {**message, "body": bytes(bytearray(message["body"]))}  # of its own memory

        return taken[0] if (body := await read_body(receive)) and taken else 0, body

    taken, body = asyncio.run(read_all_but_the_last())
    tracemalloc.stop()
    assert len(body) == MAX_RECEIVED_BYTES
    assert 0 < taken - kept < MAX_BODY_BYTES
    with pytest.raises(RequestError, match=f"the body has {MAX_RECEIVED_BYTES} bytes, more than {MAX_BODY_BYTES}"):
        parse(http_call("POST", "/v1/recommendations", b"", body).body, ItemsBody)


@pytest.mark.parametrize("body", [bytes(MAX_BODY_BYTES + 1), b"{}".ljust(MAX_BODY_BYTES + 1)])
def test_a_long_body_of_an_operation_that_takes_none_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError, match="takes no body"):
        http_call("GET", "/v1/health", b"", body)
