"""With the event lake on, each added event is in its bucket's stream, with its rank in the answer before it."""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from devstack.services.valkey import Valkey
from nextitem.errors import StoreRefused, StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.codec import event_tag, recommendation_id
from nextitem.sessions.event_stream import STREAM_ENTRIES, TOMBSTONES, stream_of, tombstones_of
from nextitem.sessions.feedback import feedback_on
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import KeyRing, SessionName
from nextitem.sessions.session import Answerer, Appended, Event, Impression, SessionKey
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import NOW, PATIENCE_SECONDS, SECRET, STEADY, VERSION, soon

BUCKETS = 4
ANSWERER = Answerer(VERSION, "main")
ITEMS = ("a", "b", "c", "d")
KINDS = st.sampled_from(["view", "cart"])
LATER = st.tuples(st.sampled_from(ITEMS), KINDS, st.sampled_from([None, -5, 5]), st.booleans())
"""Item, type, distance from its place in time, and whether it names the answer."""
NAMES = iter(range(1_000_000))


class Entry(NamedTuple):
    """An entry of a stream."""

    status: str
    source: tuple[str, str, str]
    item: str
    time: int
    tag: bytes
    rank: int | None
    clicked: bool
    judged: tuple[str, str, str]
    team: str


def entries_of(fields: dict[bytes, bytes]) -> Entry:
    source = msgspec.msgpack.decode(fields[b"c"], type=tuple[str, str, str])
    action, rank = fields[b"a"], fields[b"r"]
    judged = (fields[b"v"].decode(), fields[b"w"].decode(), fields[b"p"].decode())
    item = action[action[0] + 1 :].decode()
    known = None if rank == b"" else int(rank)
    clicked, team = fields[b"k"] == b"1", fields[b"g"].decode()
    return Entry(fields[b"s"].decode(), source, item, int(fields[b"t"]), fields[b"e"], known, clicked, judged, team)


def ring(secret: KeySecret = KeySecret(SECRET), buckets: int = BUCKETS) -> KeyRing:  # noqa: B008 - it is frozen
    return KeyRing(lambda: secret, 3600, lambda error: pytest.fail(str(error)), lake_buckets=buckets)


def new_key() -> SessionKey:
    return ring().keys(SessionName(f"visitor-{next(NAMES)}")).current


@pytest.fixture(scope="module")
def client(valkey: Valkey) -> Iterator[Redis]:
    with Redis.from_url(valkey.url) as connected:
        yield connected


@pytest.fixture(scope="module")
def store(valkey: Valkey) -> Iterator[ValkeyStore]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield store
    store.close()


def append(store: ValkeyStore, key: SessionKey, *events: Event, answerer: Answerer = ANSWERER) -> Appended:
    return store.append(key, events, VERSION, NOW, soon(), answerer)


def show(
    store: ValkeyStore, key: SessionKey, appended: Appended, *items: str, placement: str | None = None, teams: str = ""
) -> str:
    """Save an answer's items, and return its id."""
    chain = appended.session.log[-1].chain
    answer = recommendation_id(key.hash_key, chain, VERSION, "main", placement)
    impression = Impression(chain, answer, VERSION, "main", items, placement, teams)
    assert store.save(key, VERSION, None, soon(), impression).result(soon())
    return answer


def stream(client: Redis, key: SessionKey) -> list[Entry]:
    """Return the entries of a session, oldest first."""
    entries = [entries_of(fields) for _, fields in cast(Any, client).xrange(stream_of(key))]
    return [entry for entry in entries if entry.source[0] == key.pseudonym]


def tombstones(client: Redis, key: SessionKey) -> int:
    """Return how many tombstones of a session wait."""
    waiting = [fields[b"s"] for _, fields in cast(Any, client).xrange(tombstones_of(key))]
    return waiting.count(str(key.pseudonym).encode())


def test_each_added_event_is_in_the_stream_once_and_a_repeated_one_is_not(store: ValkeyStore, client: Redis) -> None:
    # GIVEN a session with two events
    key = new_key()
    append(store, key, Event("a", "1", NOW), Event("b", "2", NOW + 10, type="cart"))

    # WHEN one comes again, and a new one is late
    append(store, key, Event("a", "1", NOW), Event("c", "3", NOW + 5))

    # THEN the stream has all three, as the log has them
    entries = stream(client, key)
    assert [(entry.status, entry.item, entry.time) for entry in entries] == [
        ("a", "a", NOW),
        ("a", "b", NOW + 10),
        ("l", "c", NOW + 5),
    ]
    assert [entry.tag for entry in entries] == [event_tag(key.hash_key, name) for name in "123"]
    assert {entry.source for entry in entries} == {(key.pseudonym, VERSION, "main")}


def test_an_event_after_an_answer_says_its_rank_and_whether_it_names_the_answer(
    store: ValkeyStore, client: Redis
) -> None:
    key = new_key()
    shown = show(store, key, append(store, key, Event("a", "1")), "b", "c", placement="home")
    shown = show(store, key, append(store, key, Event("c", "2", recommendation_id=shown)), "d")
    append(store, key, Event("e", "3", recommendation_id=shown), Event("d", "4"))

    # An event without an answer before it has no rank; one whose item the answer did not hold has rank 0
    assert [(entry.rank, entry.clicked, entry.judged) for entry in stream(client, key)] == [
        (None, False, ("", "", "")),
        (2, True, (VERSION, "main", "home")),
        (0, False, (VERSION, "main", "")),
        (None, False, ("", "", "")),
    ]


def test_an_event_says_which_team_drafted_its_item(store: ValkeyStore, client: Redis) -> None:
    # GIVEN a session with interleaved answers, whether they have a placement or not
    key = new_key()
    shown = show(store, key, append(store, key, Event("a", "1")), "b", "c", "d", teams="xc-")
    shown = show(store, key, append(store, key, Event("c", "2", recommendation_id=shown)), "b", "d", teams="-x")
    shown = show(store, key, append(store, key, Event("e", "3")), "d", teams="c", placement="home")
    # WHEN the next event is not of the last answer, but a further one, of the same request, names it
    append(store, key, Event("a", "4"), Event("d", "5", recommendation_id=shown))

    # THEN both say so: the first has no item of it, the second is a click
    entries = stream(client, key)
    assert [entry.team for entry in entries] == ["", "c", "", "", "c"]
    assert [(entry.rank, entry.clicked) for entry in entries[-2:]] == [(0, False), (None, True)]


@settings(STEADY, max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from(ITEMS), KINDS), min_size=1, max_size=3),
    st.lists(LATER, min_size=1, max_size=5),
    st.permutations(ITEMS).flatmap(lambda items: st.integers(0, 4).map(lambda count: items[:count])),
)
def test_ranks_and_clicks_are_those_of_the_metrics(
    store: ValkeyStore,
    client: Redis,
    before: list[tuple[str, str]],
    after: list[tuple[str, str, int | None, bool]],
    shown: list[str],
) -> None:
    # GIVEN a session with an answer
    key = new_key()
    events = [Event(item, f"b{place}", NOW, type=kind) for place, (item, kind) in enumerate(before)]
    answer = show(store, key, append(store, key, *events), *shown)

    # WHEN further events come, some late, some of the answer
    later = [
        Event(item, f"a{place}", NOW + (offset or place), answer if named else None, kind)
        for place, (item, kind, offset, named) in enumerate(after)
    ]
    later.sort(key=lambda event: event.occurred_at or 0)
    appended = append(store, key, *later)

    # THEN the stream says of the answer what the online metrics say
    feedback = feedback_on(key, appended.session, appended.impression, later, appended.statuses, ANSWERER)
    of_answer = [each for each in feedback if each.rank is not None or each.clicks]
    entries = stream(client, key)[len(before) :]
    ranks = [entry.rank for entry in entries if entry.rank is not None]
    assert ranks == [each.rank for each in of_answer if each.rank is not None]
    assert sum(entry.clicked for entry in entries) == sum(each.clicks for each in of_answer)
    assert [entry.tag for entry in entries] == [event_tag(key.hash_key, event.event_id) for event in later]


def test_a_deleted_session_leaves_a_tombstone_and_a_session_that_moves_leaves_none(
    store: ValkeyStore, client: Redis
) -> None:
    # GIVEN a session under a previous key secret
    name = SessionName(f"visitor-{next(NAMES)}")
    first, both = KeySecret(SECRET), KeySecret(b"another secret of tests", SECRET, None, KeySecret(SECRET).lake_key)
    old = ring(first).keys(name).current
    append(store, old, Event("a", "1"))
    keys = ring(both).keys(name)
    assert keys.previous == old != keys.current
    assert keys.current.pseudonym == old.pseudonym

    # WHEN it moves, gets an event, and is deleted
    assert store.move(old, keys.current, soon())
    append(store, keys.current, Event("a", "1"), Event("b", "2"))
    store.delete(keys.current, soon(), keys.previous)

    # THEN each event was added once, and there is one tombstone, with the name of both
    assert [entry.item for entry in stream(client, old)][:1] == ["a"]
    entries = {(entry.status, entry.item) for key in (old, keys.current) for entry in stream(client, key)}
    assert entries == {("a", "a"), ("a", "b")}
    assert [tombstones(client, key) for key in (old, keys.current)] == [0, 1]
    assert not client.exists(old)
    assert client.hkeys(keys.current) == [b"gone"]


def test_a_delete_of_a_session_that_the_store_has_lost_leaves_a_tombstone(store: ValkeyStore, client: Redis) -> None:
    # GIVEN a session that the store has lost, with its stream and any tombstone
    key = new_key()
    append(store, key, Event("a", "1"))
    client.flushall()
    # WHEN it is deleted all the same THEN the lake is told
    store.delete(key, soon())
    assert (stream(client, key), tombstones(client, key)) == ([], 1)


def test_where_too_many_tombstones_wait_a_delete_is_refused_and_deletes_nothing(
    store: ValkeyStore, client: Redis
) -> None:
    # GIVEN a bucket whose tombstones have not been collected for long
    key = ring(buckets=7_000).keys(SessionName("waiting")).current
    append(store, key, Event("a", "1"))
    with client.pipeline(transaction=False) as filling:
        for _ in range(TOMBSTONES):
            filling.xadd(tombstones_of(key), {"s": "f" * 16})
        filling.execute()
    old = new_key()
    append(store, old, Event("b", "1"))
    # WHEN one of its sessions is deleted THEN the error says what to do, and the session is there, also that of before
    # a rotation
    kept = client.hgetall(key)
    with pytest.raises(StoreRefused, match="too many deletions wait for the collector of the event lake; run it"):
        store.delete(key, soon(), old)
    assert (client.hgetall(key), client.xlen(tombstones_of(key)), client.exists(old)) == (kept, TOMBSTONES, 1)
    # AND once a tombstone was collected, the next DELETE is carried out
    client.xtrim(tombstones_of(key), maxlen=TOMBSTONES - 1, approximate=False)
    store.delete(key, soon())
    assert (client.exists(key), tombstones(client, key)) == (0, 1)
    client.delete(tombstones_of(key), stream_of(key))


def test_events_of_a_joined_session_are_not_added_again(store: ValkeyStore, client: Redis) -> None:
    old, key = new_key(), new_key()
    append(store, old, Event("a", "1"))
    append(store, key, Event("b", "2"))
    assert store.move(old, key, soon())
    assert [entry.item for entry in stream(client, key)] == ["b"]


def test_a_refused_stream_refuses_the_event_and_the_deletion(store: ValkeyStore, client: Redis) -> None:
    # GIVEN a session whose stream is not a stream
    key = ring(buckets=9_000).keys(SessionName(f"visitor-{next(NAMES)}")).current
    append(store, key, Event("a", "1"))
    for name in (stream_of(key), tombstones_of(key)):
        client.delete(name)
        client.set(name, "not a stream")

    # WHEN an event comes, or a deletion, THEN it fails and changes nothing
    kept = client.hgetall(key)
    with pytest.raises(StoreUnavailable):
        append(store, key, Event("b", "2"))
    with pytest.raises(StoreUnavailable):
        store.delete(key, soon())
    assert client.hgetall(key) == kept
    client.delete(stream_of(key), tombstones_of(key))


def test_a_stream_is_bounded(store: ValkeyStore, client: Redis) -> None:
    key = ring(buckets=8_000).keys(SessionName("bounded")).current
    with client.pipeline(transaction=False) as filling:
        for _ in range(STREAM_ENTRIES + 500):
            filling.xadd(stream_of(key), {"s": "a"})
        filling.execute()
    append(store, key, Event("a", "1"))
    assert STREAM_ENTRIES <= client.xlen(stream_of(key)) <= STREAM_ENTRIES + 200
    client.delete(stream_of(key))


def test_without_the_lake_there_is_no_stream(store: ValkeyStore, client: Redis) -> None:
    key = ring(buckets=0).keys(SessionName(f"visitor-{next(NAMES)}")).current
    assert key.pseudonym is None
    assert "{" not in key
    known = set(client.keys("nextitem:*lake"))
    append(store, key, Event("a", "1"))
    store.delete(key, soon())
    assert set(client.keys("nextitem:*lake")) == known
