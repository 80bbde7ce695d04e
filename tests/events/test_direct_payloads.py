"""The payloads of direct invokes in events/."""

from pathlib import Path

import msgspec
import pytest

import lambda_events
from model_export.simulator import Shop
from nextitem.service import schema
from tests.events.payload import EVENTS, direct_files

BODIES: dict[str, type[schema.RankingOptions]] = {"append_events": schema.EventsBody, "recommend": schema.ItemsBody}


@pytest.mark.parametrize("path", direct_files(), ids=lambda path: path.stem)
def test_the_payload_s_name_is_its_operation(path: Path) -> None:
    # GIVEN a payload named after its operation
    event = msgspec.json.decode(path.read_bytes())

    # WHEN the service reads it
    call = lambda_events.direct_call(event)

    # THEN it has operation, session and body
    assert f"direct_{call.operation}" == path.stem
    assert (call.session_id is not None) == (call.operation == "append_events")
    if call.operation in BODIES:
        schema.parse(call.body, BODIES[call.operation])


def test_every_item_is_in_the_demo_catalogue() -> None:
    documents = [msgspec.json.decode(path.read_bytes()) for path in direct_files()]
    named = {event["item_id"] for document in documents for event in document.get("events", [])}
    named |= {item_id for document in documents for item_id in document.get("item_ids", [])}

    assert named
    assert named <= {product.item_id for product in Shop().products}


@pytest.mark.parametrize("name", ["append_events", "recommend", "health"])
def test_the_http_payload_of_the_same_name_makes_the_same_call(name: str) -> None:
    # GIVEN a direct payload and its HTTP twin
    direct = msgspec.json.decode((EVENTS / f"direct_{name}.json").read_bytes())
    http = msgspec.json.decode((EVENTS / f"{name}.json").read_bytes())

    # WHEN the envelope is taken off both
    body = {field: value for field, value in direct.items() if field not in ("operation", "session_id")}

    # THEN both have the same JSON body
    assert body == msgspec.json.decode(http.get("body", "{}"))
    assert direct.get("session_id") == http.get("pathParameters", {}).get("session_id")
