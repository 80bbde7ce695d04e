"""Feedback metrics: the next event of a session is compared with the answer before it."""

from collections.abc import Iterator
from typing import Any

import pytest

from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.functions.client import PATIENT, Client, new_session, wait_until_saved

QUALITY = ("labels", "hits_20", "reciprocal_rank", "clicks")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack with one worker, so that its log is in the order of the requests."""
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack:
        yield stack


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client(stack)


def feedback(client: Client) -> list[Any]:
    """Return the feedback metrics of the last record; None for a metric that it leaves out."""
    record = client.records()[-1]
    return [record.get(name) for name in QUALITY]


@pytest.mark.slow
def test_the_next_event_is_compared_with_the_answer_before_it(client: Client, stack: Stack, store: Any) -> None:
    me = new_session()
    shown = client.append(me, ["tent-008"])
    wait_until_saved(store, me)
    assert feedback(client) == [None] * 4

    event = {
        "item_id": shown.item_ids[3],
        "event_id": "click",
        "recommendation_id": shown.document["recommendation_id"],
    }
    after = client.append(me, [event])
    assert feedback(client) == [1, 1, 0.25, 1]
    record = client.records()[-1]
    assert (record["model_version"], record["variant"]) == (stack.version, "main")

    # a retry has the same id, and says nothing again
    wait_until_saved(store, me)
    again = client.append(me, [event])
    assert again.document["recommendation_id"] == after.document["recommendation_id"]
    assert client.get(me).document["recommendation_id"] == after.document["recommendation_id"]
    assert feedback(client) == [None] * 4

    missed = next(item_id for item_id in client.recommend([], limit=200).item_ids if item_id not in again.item_ids)
    client.append(me, [missed])
    assert feedback(client) == [1, 0, 0, 0]


@pytest.mark.slow
def test_feedback_counts_the_first_twenty_items_even_for_a_small_limit(client: Client, store: Any) -> None:
    me = new_session()
    few = client.append(me, ["tent-008"], limit=1)
    wait_until_saved(store, me)
    more = client.get(me, limit=20)
    assert (len(few.items), more.items[:1]) == (1, few.items)
    assert more.document["recommendation_id"] == few.document["recommendation_id"]

    event = {"item_id": more.item_ids[4], "recommendation_id": more.document["recommendation_id"]}
    client.append(me, [event])
    assert feedback(client) == [1, 1, 0.2, 1]


def test_two_visitors_with_the_same_events_have_different_recommendation_ids(client: Client) -> None:
    event = {"item_id": "tent-008", "event_id": "look-1"}
    ids = {client.append(new_session(), [event]).document["recommendation_id"] for _ in range(2)}
    assert len(ids) == 2


def test_without_storing_there_is_no_recommendation_id_and_no_feedback(client: Client) -> None:
    me = new_session()
    reply = client.append(me, ["tent-008"], store=False)
    client.append(me, [reply.item_ids[0]], store=False)
    assert "recommendation_id" not in reply.document
    assert feedback(client) == [None] * 4
