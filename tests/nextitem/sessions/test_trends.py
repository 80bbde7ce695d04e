"""Counts of what trends, on a real Valkey: they fade, stay bounded, and are in one slot of a Cluster."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from devstack.processes.children import LOOPBACK
from devstack.services.valkey import Valkey
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.topology import key_slot
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions import valkey_trends
from nextitem.sessions.circuit_breaker import FAILURE_THRESHOLD, CircuitBreaker
from nextitem.sessions.trends import Count
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.sessions.valkey_trends import KEPT_HALF_LIVES, ValkeyTrends
from tests.nextitem.parts import NOW, PATIENCE_SECONDS, STEADY, soon
from tests.nextitem.sessions.scripted_server import ScriptedServer

HOUR = 3600.0
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def store(valkey: Valkey) -> Iterator[ValkeyStore]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield store
    store.close()


def fresh(store: ValkeyStore) -> ValkeyTrends:
    return store.trends(uuid.uuid4().hex, HOUR)


def count(trends: ValkeyTrends, counts: Sequence[Count]) -> None:
    assert trends.count(counts, soon()).result(soon())


def scores(trends: ValkeyTrends, group: str | None = None, now: int = NOW) -> dict[str, float]:
    return dict(trends.top(group, now, soon()))


@given(
    st.lists(
        st.tuples(st.sampled_from(["tea", "pot", "mug é"]), st.integers(0, 40 * HOUR_MS), st.sampled_from(["a", "b"])),
        min_size=1,
        max_size=30,
    )
)
@settings(STEADY, max_examples=30)
def test_counts_are_the_decayed_sums(store: ValkeyStore, events: list[tuple[str, int, str]]) -> None:
    # GIVEN events of two days in any order, each with its group
    trends = fresh(store)
    for start in range(0, len(events), 7):
        count(trends, [Count(item, NOW - age, (group,)) for item, age, group in events[start : start + 7]])

    # THEN a count is the sum over the item's events, halved each hour, in the catalogue and in each group
    for wanted in (None, "a", "b"):
        expected: defaultdict[str, float] = defaultdict(float)
        for item, age, group in events:
            if wanted in (None, group):
                expected[item] += 2.0 ** (-age / HOUR_MS)
        listed = scores(trends, wanted)
        assert listed == pytest.approx(dict(expected), rel=1e-7)
        assert list(listed.values()) == sorted(listed.values(), reverse=True)
    # AND an hour later each is half of it
    assert scores(trends, now=NOW + HOUR_MS) == pytest.approx({key: value / 2 for key, value in scores(trends).items()})


@given(st.lists(st.integers(0, 30), min_size=20, max_size=120), st.integers(2, 12))
@settings(STEADY, max_examples=30)
def test_a_full_list_keeps_what_is_frequent(store: ValkeyStore, items: list[int], capacity: int) -> None:
    # GIVEN a list with less room than there are items, over an hour
    trends = fresh(store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(valkey_trends, "CAPACITY", capacity)
        count(trends, [Count(str(item), NOW + place * HOUR_MS // 120) for place, item in enumerate(items)])
    now = NOW + HOUR_MS
    expected: defaultdict[str, float] = defaultdict(float)
    for place, item in enumerate(items):
        expected[str(item)] += 2.0 ** (place / 120 - 1)
    total = sum(expected.values())

    # THEN it stays bounded, has every frequent item, and counts none too low nor by more than its share too high
    listed = scores(trends, now=now)
    assert len(listed) <= capacity
    assert {item for item, weight in expected.items() if weight > total / capacity * (1 + 1e-9)} <= listed.keys()
    for name, score in listed.items():
        assert expected[name] * (1 - 1e-7) <= score <= (expected[name] + total / capacity) * (1 + 1e-7)


def test_lists_without_new_events_are_deleted_in_the_end(store: ValkeyStore, valkey: Valkey) -> None:
    trends = fresh(store)
    count(trends, [Count("tea", NOW, ("a", "b"))])
    with Redis.from_url(valkey.url) as client:
        for group in (None, "a", "b"):
            left = client.pttl(trends.key(group))
            assert isinstance(left, int)
            assert 0.99 < left / (KEPT_HALF_LIVES * HOUR_MS) <= 1


def test_many_events_of_one_item_are_told_apart(store: ValkeyStore) -> None:
    trends = fresh(store)
    for _ in range(20):
        count(trends, [Count("tea", NOW)] * 500)
    assert scores(trends) == pytest.approx({"tea": 10_000}, rel=1e-7)


def test_deployments_and_groups_have_lists_of_their_own_in_one_slot(store: ValkeyStore) -> None:
    ours, theirs = fresh(store), fresh(store)
    count(ours, [Count("tea", NOW, ("a",))])
    assert (scores(theirs), scores(ours, "b")) == ({}, {})
    keys = {ours.key(group) for group in (None, "a", "b", "{x}")}
    assert len(keys) == 4
    assert len({key_slot(key) for key in keys}) == 1
    assert key_slot(ours.key(None)) != key_slot(theirs.key(None))


def test_the_counts_share_the_circuit_of_their_server(valkey: Valkey) -> None:
    # GIVEN a key that no sorted set is at, and a server that is gone
    gone = ValkeyStore(parse_store_url("redis://127.0.0.1:1"), timeout=0.2, ttl=3600)
    breaker = CircuitBreaker(gone)
    trends = breaker.trends(gone.trends("shop", HOUR))
    # WHEN counts fail, whose replies are read later
    for _ in range(FAILURE_THRESHOLD):
        with pytest.raises(StoreUnavailable):
            trends.count([Count("tea", NOW)], soon()).result(soon())
    # THEN the next question fails at once
    with pytest.raises(StoreUnavailable, match="circuit is open"):
        trends.top(None, NOW, soon())
    gone.close()


def test_a_count_whose_connection_breaks_is_not_sent_again() -> None:
    # GIVEN a server that does not know the script, and whose connections break before they reply to it
    sent: list[bytes] = []

    def reply(command: bytes) -> bytes | None:
        sent.append(command)
        return b"-NOSCRIPT No matching script.\r\n" if b"EVALSHA" in command else None

    with ScriptedServer(reply) as server:
        url = parse_store_url(f"redis://{LOOPBACK}:{server.port}")
        store = ValkeyStore(url, timeout=PATIENCE_SECONDS, ttl=3600)
        # WHEN events are counted THEN the script is sent once: the server may have counted them
        with pytest.raises(StoreUnavailable):
            fresh(store).count([Count("tea", NOW)], soon()).result(soon())
        store.close()
    assert sum(b"\r\nEVAL\r\n" in command for command in sent) == 1


@pytest.mark.parametrize("damage", ["SET {key} x", "ZADD {key} inf tea", "ZADD {key} 5000000 tea"])
def test_a_damaged_list_is_a_fault_or_a_number(store: ValkeyStore, valkey: Valkey, damage: str) -> None:
    trends = fresh(store)
    with Redis.from_url(valkey.url) as client:
        client.execute_command(*damage.format(key=trends.key(None)).split())
    if damage.startswith("SET"):
        with pytest.raises(StoreUnavailable):
            trends.top(None, NOW, soon())
    else:
        assert list(scores(trends)) == ["tea"]
