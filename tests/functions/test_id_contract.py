"""An id is accepted at every entrance, or refused at every entrance with the same text."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calls import Call
from devstack.api_gateway.http_event import HttpRequest, to_event
from devstack.api_gateway.routes import resolve
from lambda_events import direct_call, http_call
from model_export.cli.items import require_ids
from nextitem.errors import InputError, RequestError
from nextitem.ids import ID_FAULT
from nextitem.service import schema

ANY_ID = st.text(st.sampled_from("a./,%+ &;\\?#é🛒\n\x00\x7f\u2028\ufffd"), max_size=6) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=12
)
"""Texts that JSON and UTF-8 can carry: others never become an id."""


def over_http(method: str, target: str, document: Any = None) -> Call:
    body = b"" if document is None else json.dumps(document).encode()
    request = HttpRequest(method, target, (("content-type", "application/json"),), body, "192.0.2.7")
    return http_call(json.loads(to_event(request, resolve(method, request.path))))


def outcome(read: Callable[[], object]) -> object:
    """Return the id that an entrance reads, or the text with which it refuses it."""
    try:
        return read()
    except RequestError as error:
        return error.status, error.field and error.field.partition("[")[0], str(error)


@pytest.mark.parametrize(
    ("method", "end", "operation"),
    [
        ("POST", "/events", "append_events"),
        ("GET", "/recommendations", "get_recommendations"),
        ("DELETE", "", "delete_session"),
    ],
)
@settings(deadline=None)
@given(session_id=ANY_ID.filter(bool))
@example(session_id="a/b")
@example(session_id="..")
@example(session_id="a%2Fb")
@example(session_id="a?b")
@example(session_id="a,b c")
def test_a_session_id_is_the_same_by_path_and_directly(method: str, end: str, operation: str, session_id: str) -> None:
    call = direct_call({"operation": operation, "session_id": session_id})
    directly = outcome(lambda: schema.checked_session_id(call.session_id))
    if {*"%?"} & {*session_id}:  # API Gateway makes another path of these
        assert directly[:2] == (422, "session_id")  # type: ignore[index]  # a refusal is a tuple
        return

    def by_path() -> str:
        call = over_http(method, f"/v1/sessions/{quote(session_id, safe='')}{end}")
        assert call.operation == operation
        return schema.checked_session_id(call.session_id)

    assert outcome(by_path) == directly
    assert directly == session_id or directly[:2] == (422, "session_id")  # type: ignore[index]  # a refusal is a tuple


@settings(deadline=None)
@given(item_id=ANY_ID.filter(bool))
@example(item_id="a/b")
@example(item_id="a/similar")
@example(item_id="..")
@example(item_id="a?b")
def test_an_item_id_is_the_same_by_path_and_directly(item_id: str) -> None:
    call = direct_call({"operation": "similar", "item_id": item_id})
    directly = outcome(lambda: schema.checked_item_id(call.item_id, in_path=False))
    if {*"%?"} & {*item_id} or item_id in {".", ".."}:  # no path carries them, but a body does
        refused = outcome(lambda: schema.checked_item_id(item_id, in_path=True))
        assert refused[:2] == (422, "item_id")  # type: ignore[index]  # a refusal is a tuple
        return

    call = over_http("GET", f"/v1/items/{quote(item_id, safe='')}/similar")
    assert call.operation == "similar"
    assert outcome(lambda: schema.checked_item_id(call.item_id, in_path=True)) == directly
    assert directly == item_id or directly[:2] == (422, "item_id")  # type: ignore[index]  # a refusal is a tuple


@pytest.mark.parametrize("encode", [urlencode, lambda pairs: urlencode(pairs, quote_via=quote)])
@settings(deadline=None)
@given(item_ids=st.lists(ANY_ID, min_size=1, max_size=4))
@example(item_ids=["a,b", "c"])
@example(item_ids=["a+b", "%2C", "null"])
@pytest.mark.slow
def test_item_ids_are_the_same_in_a_query_a_body_an_invoke_and_a_command(
    encode: Callable[[list[tuple[str, str]]], str], item_ids: list[str]
) -> None:
    def by_query() -> object:
        query = encode([("exclude", item_id) for item_id in item_ids])
        call = over_http("GET", f"/v1/sessions/me/recommendations?{query}")
        return schema.parse(call.body, schema.RankingOptions, strict=False).exclude

    def by_body() -> object:
        call = over_http("POST", "/v1/recommendations", {"exclude": item_ids})
        return schema.parse(call.body, schema.ItemsBody).exclude

    def directly() -> object:
        call = direct_call({"operation": "recommend", "exclude": item_ids})
        return schema.parse(call.body, schema.ItemsBody).exclude

    expected = outcome(directly)
    assert outcome(by_query) == outcome(by_body) == expected
    if expected == item_ids:
        require_ids(item_ids)
        return
    assert ID_FAULT in expected[-1]  # type: ignore[index]  # a refusal is a tuple
    with pytest.raises(InputError) as caught:
        require_ids(item_ids)
    assert ID_FAULT in str(caught.value)
