"""Sessions over HTTP through real runtime clients: append, read, delete."""

import re
from typing import Any

import pytest

from devstack.stack import KEY_SECRET, Stack
from nextitem.model.engine import Model
from nextitem.sessions.keys import session_key
from nextitem.sessions.session import WINDOW
from tests.functions.client import Client, alike, named, new_session, session_keys, wait_until_saved

HIKE = ["tent-008", "sleep-010", "stove-003"]
DAY_SECONDS = 86_400


@pytest.fixture
def client(client_of_either: Client) -> Client:
    """Of both entry points."""
    return client_of_either


def at(minute: int, item_id: str, event_id: str | None = None) -> dict[str, Any]:
    event = {"item_id": item_id, "occurred_at": f"2026-01-20T09:{minute:02}:00Z"}
    return event if event_id is None else event | {"event_id": event_id}


@pytest.mark.slow
def test_an_event_is_answered_with_the_model_s_best_twenty_items(client: Client, stack: Stack, model: Model) -> None:
    # GIVEN a new session
    session_id = new_session()

    # WHEN its first event arrives
    reply = client.append(session_id, [{"item_id": "tent-008", "event_id": "look-1"}])

    # THEN the answer has all fields
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    recommendations = reply.document.pop("recommendations")
    assert len(reply.document.pop("recommendation_id")) == 16
    following = client.get(session_id, after=reply.document.pop("next"))
    assert not {item["item_id"] for item in recommendations} & {*following.item_ids}
    assert reply.document == {
        "session_id": session_id,
        "events": [{"event_id": "look-1", "item_id": "tent-008", "status": "applied"}],
        "session_length": 1,
        "stored": True,
        "served_by": "session",
        "model": {"version": stack.version, "variant": "main"},
    }
    # AND its items are those of the engine
    seen = model.vocabulary.indices(["tent-008"])
    expected = named(model.top(model.replay(None, seen), (), 20, seen), model.vocabulary)
    assert len({item_id for item_id, _ in expected}) == 20
    assert recommendations == [{"item_id": item_id, "score": pytest.approx(score)} for item_id, score in expected]


def test_single_events_lead_to_the_answer_of_a_whole_replay(client: Client, session_id: str, model: Model) -> None:
    for length, item_id in enumerate(HIKE, start=1):
        reply = client.append(session_id, [item_id])
        assert (reply.document["session_length"], reply.statuses) == (length, ["applied"])

        seen = model.vocabulary.indices(HIKE[:length])
        assert alike(reply.items, named(model.top(model.replay(None, seen), (), 20, seen), model.vocabulary))


def test_a_repeated_event_changes_nothing(client: Client, session_id: str) -> None:
    # GIVEN a session
    event = {"item_id": "tent-008", "event_id": "look-1"}
    first = client.append(session_id, [event])

    # WHEN its event is sent again
    again = client.append(session_id, [event])

    # THEN it is a duplicate, and the answer is the same
    assert again.statuses == ["duplicate"]
    assert again.document["session_length"] == 1
    assert again.items == first.items


def test_an_event_without_an_id_gets_one(client: Client, session_id: str) -> None:
    reply = client.append(session_id, ["tent-008", "tent-008"])
    names = [event["event_id"] for event in reply.document["events"]]
    assert len(set(names)) == 2

    assert client.append(session_id, [{"item_id": "tent-008", "event_id": names[0]}]).statuses == ["duplicate"]


def test_each_event_of_a_batch_has_its_own_status(client: Client, session_id: str) -> None:
    # GIVEN a session
    client.append(session_id, [at(20, "tent-008", "first")])

    # WHEN a batch has an event of each kind, not in the order of their times
    batch = [at(30, "sleep-010"), at(10, "stove-003"), at(20, "tent-008", "first"), at(25, "no-such-item")]
    reply = client.append(session_id, batch)

    # THEN the statuses are in the order of the batch, and each distinct event counts
    assert reply.statuses == ["applied", "late", "duplicate", "unknown_item"]
    assert [event["item_id"] for event in reply.document["events"]] == [event["item_id"] for event in batch]
    assert reply.document["session_length"] == 4


def test_a_late_event_is_put_at_its_time(client: Client, session_id: str) -> None:
    # GIVEN a session whose second event was delayed
    client.append(session_id, [at(10, HIKE[0])])
    client.append(session_id, [at(30, HIKE[2])])

    # WHEN it arrives
    late = client.append(session_id, [at(20, HIKE[1])])

    # THEN the answer is that of a session without delays
    in_time = client.append(new_session(), [at(10, HIKE[0]), at(20, HIKE[1]), at(30, HIKE[2])])
    assert late.statuses == ["late"]
    assert late.items == in_time.items
    # AND differs from that of the order of arrival
    as_they_came = client.append(new_session(), [HIKE[0], HIKE[2], HIKE[1]])
    assert late.items != as_they_came.items


def test_the_session_length_counts_events_beyond_the_log(client: Client, session_id: str) -> None:
    batch = [{"item_id": HIKE[n % 3], "event_id": f"look-{n}"} for n in range(2 * WINDOW)]
    first = client.append(session_id, batch[:WINDOW])
    assert (first.statuses, first.document["session_length"]) == (["applied"] * WINDOW, WINDOW)

    second = client.append(session_id, batch[WINDOW:])
    assert (second.statuses, second.document["session_length"]) == (["applied"] * WINDOW, 2 * WINDOW)
    # those trimmed from it are still known
    again = client.append(session_id, batch[:1])
    assert (again.statuses, again.document["session_length"]) == (["duplicate"], 2 * WINDOW)
    assert client.get(session_id).document["session_length"] == 2 * WINDOW


def test_unknown_items_never_fail(client: Client, session_id: str) -> None:
    strange = client.append(session_id, ["no-such-item", "né/☕ 🛒"], exclude=["nor-this"])
    assert (strange.status, strange.document["served_by"]) == (200, "popular")
    assert (strange.statuses, strange.document["session_length"]) == (["unknown_item"] * 2, 2)
    assert len(strange.item_ids) == 20

    known = client.append(session_id, ["tent-008"])
    assert (known.statuses, known.document["session_length"]) == (["applied"], 3)
    assert known.items == client.append(new_session(), ["tent-008"]).items


def test_reading_a_session_does_not_change_it(client: Client, session_id: str, store: Any) -> None:
    # GIVEN a session
    posted = client.append(session_id, HIKE)
    key = session_key(KEY_SECRET.encode(), session_id)
    before = wait_until_saved(store, session_id)

    # WHEN its recommendations are read
    reply = client.get(session_id)

    # THEN the answer is that to its last event, without the event's fields
    assert reply.status == 200
    assert reply.items == posted.items
    assert reply.document.keys() == posted.document.keys() - {"events", "stored"}
    assert (reply.document["served_by"], reply.document["session_length"]) == ("session", 3)
    assert store.dump(key) == before


def test_an_unknown_session_gets_popular_items(client: Client, session_id: str, store: Any) -> None:
    reply = client.get(session_id)

    assert (reply.status, reply.document["served_by"], reply.document["session_length"]) == (200, "popular", 0)
    assert reply.item_ids == client.recommend([]).item_ids
    assert not store.exists(session_key(KEY_SECRET.encode(), session_id))


def test_a_deleted_session_is_forgotten(client: Client, session_id: str, store: Any) -> None:
    # GIVEN a session
    client.append(session_id, HIKE)
    assert store.exists(session_key(KEY_SECRET.encode(), session_id))

    # WHEN it is deleted
    reply = client.delete(session_id)

    # THEN nothing of it is left when the answer arrives
    assert (reply.status, reply.document) == (204, None)
    assert not store.exists(session_key(KEY_SECRET.encode(), session_id))
    after = client.get(session_id).document
    assert (after["served_by"], after["session_length"]) == ("popular", 0)
    # AND deleting it again is no error
    assert client.delete(session_id).status == 204


def test_items_are_answered_without_a_session(client: Client, store: Any) -> None:
    # GIVEN the contents of the store
    keys = store.dbsize()

    # WHEN items are sent without a session
    reply = client.recommend(HIKE)

    # THEN the answer is that of a session with these items, and nothing was stored
    assert (reply.status, reply.document.keys()) == (200, {"recommendations", "next", "served_by", "model"})
    assert reply.document["served_by"] == "stateless"
    assert store.dbsize() == keys
    assert reply.items == client.append(new_session(), HIKE).items


@pytest.mark.parametrize("body", [{"item_ids": []}, {}, {"item_ids": ["no-such-item"]}])
def test_without_a_known_item_popular_items_are_answered(client: Client, model: Model, body: dict[str, Any]) -> None:
    reply = client.request("POST", "/v1/recommendations", body)

    assert (reply.status, reply.document["served_by"]) == (200, "popular")
    assert reply.item_ids == [item_id for item_id, _ in named(model.popular((), 20), model.vocabulary)]


def test_events_with_store_false_are_not_stored(client: Client, session_id: str, store: Any) -> None:
    twice = {"item_id": HIKE[0], "event_id": "look-1"}
    reply = client.append(session_id, [twice, *HIKE[1:], twice], store=False)

    assert (reply.status, reply.document["served_by"], reply.document["stored"]) == (200, "stateless", False)
    assert (reply.statuses, reply.document["session_length"]) == (["applied"] * 3 + ["duplicate"], 3)
    assert reply.items == client.recommend(HIKE).items
    # the store has no key for it
    assert not store.exists(session_key(KEY_SECRET.encode(), session_id))


def test_an_event_with_store_false_does_not_change_the_session(client: Client, session_id: str, store: Any) -> None:
    client.append(session_id, HIKE)
    before = wait_until_saved(store, session_id)
    assert client.append(session_id, ["mug-003"], store=False).document["session_length"] == 1
    assert store.dump(session_key(KEY_SECRET.encode(), session_id)) == before


def test_the_store_has_no_session_id_and_every_key_expires(client: Client, session_id: str, store: Any) -> None:
    # GIVEN a session, and a session whose items the model does not know
    client.append(session_id, [*HIKE, "no-such-item"])
    client.append(new_session(), ["no-such-item"])

    # WHEN all keys of the store are read
    keys = [key.decode() for key in store.keys("*")]

    # THEN each is a keyed digest that will expire, except for the counts of what trends, which name no session
    sessions = session_keys(store)
    assert session_key(KEY_SECRET.encode(), session_id) in sessions
    assert [key for key in sessions if not re.fullmatch(r"nextitem:[0-9a-f]{32}", key)] == []
    assert all(0 < store.ttl(key) <= DAY_SECONDS for key in sessions)
    assert all(store.ttl(key) > 0 for key in keys)
    # AND the values do not contain the session id either
    kept = store.hgetall(session_key(KEY_SECRET.encode(), session_id))
    assert session_id.encode() not in b"".join([*kept, *kept.values()])
