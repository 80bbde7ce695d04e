"""The commands that the function sends to its store, as the store counts them."""

import re
from typing import Any

from tests.functions.client import Client, new_session, wait_until_saved

HIKE = ["tent-008", "sleep-010", "stove-003"]
OURS = re.compile(r"cmdstat_(evalsha|eval|script|hmget|hget|hset|hgetall|pexpire|del|unlink|ping|exists|get|set)\b")


def executed_commands(store: Any) -> set[str]:
    """Return the commands that the store executed since `CONFIG RESETSTAT`, those of scripts included."""
    return {command.group(1) for name in store.info("commandstats") if (command := OURS.match(name))}


def contents(store: Any) -> dict[bytes, bytes]:
    """Return all keys of the store with their values."""
    return {key: store.dump(key) for key in store.scan_iter()}


def test_a_request_with_store_false_calls_no_store(client: Client, store: Any, session_id: str) -> None:
    # GIVEN a session, and a store whose statistics are reset
    client.append(session_id, HIKE)
    wait_until_saved(store, session_id)
    client.get(session_id)  # by then the events are counted among what trends, too
    before = contents(store)
    store.config_resetstat()

    # WHEN events with "store": false come for a known and for a new session
    replies = [client.append(name, HIKE, store=False) for name in (session_id, new_session())]

    # THEN only these events are used
    assert [(reply.document["served_by"], reply.document["stored"]) for reply in replies] == [("stateless", False)] * 2
    # AND the store got no command and is unchanged
    assert executed_commands(store) == set()
    assert contents(store) == before

    # WHEN an event is stored THEN the statistics show it
    client.append(session_id, HIKE[:1])
    assert executed_commands(store) >= {"evalsha", "hset"}


def test_a_stateless_request_calls_no_store(client: Client, store: Any) -> None:
    store.config_resetstat()
    assert client.recommend(HIKE).status == 200
    assert executed_commands(store) == set()


def test_deleting_a_session_leaves_no_key(client: Client, store: Any, session_id: str) -> None:
    before = contents(store).keys()
    for start in (0, 64):
        client.append(session_id, [{"item_id": HIKE[n % 3], "event_id": f"e{n}"} for n in range(start, start + 64)])
    client.get(session_id)
    added = contents(store).keys() - before
    assert len(added) == 1
    assert client.delete(session_id).status == 204
    assert contents(store).keys() == before


def test_every_key_expires_and_contains_no_session_id(client: Client, store: Any, session_id: str) -> None:
    before = contents(store).keys()
    client.append(session_id, [{"item_id": HIKE[0], "event_id": "one", "occurred_at": "2026-01-20T09:20:00Z"}])
    (key,) = contents(store).keys() - before
    writes: list[dict[str, Any]] = [
        {"item_id": HIKE[1], "event_id": "later", "occurred_at": "2026-01-20T09:30:00Z"},
        {"item_id": HIKE[2], "event_id": "late", "occurred_at": "2026-01-20T09:10:00Z"},
        {"item_id": HIKE[0], "event_id": "one"},
        {"item_id": "no-such-item", "event_id": "unknown"},
    ]
    for event in writes:
        assert store.pexpire(key, 60_000)
        client.append(session_id, [event])
        assert store.pttl(key) > 60_000
    # no key of the store is without an end, or has the session's name
    assert [name for name in contents(store) if store.pttl(name) < 0] == []
    whole = b"".join([key, *store.hgetall(key).keys(), *store.hgetall(key).values()])
    assert session_id.encode() not in whole
