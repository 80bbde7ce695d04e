"""The bytes of logs, snapshots and impressions: what is encoded is decoded again, and other bytes are unreadable."""

import struct
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from redis import Redis

from devstack.services.valkey import Valkey
from nextitem.event_types import LABEL_PATTERN
from nextitem.hidden_state import HiddenState
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.codec import (
    CHAIN_BYTES,
    IMPRESSION_CODEC,
    LOG_CODEC,
    SNAPSHOT_CODEC,
    Unreadable,
    _seal,
    decode_impression,
    decode_log,
    decode_record,
    decode_snapshot,
    encode_impression,
    encode_snapshot,
    event_tag,
    next_chain,
    recommendation_id,
)
from nextitem.sessions.session import (
    CHALLENGER_TEAM,
    CHAMPION_TEAM,
    NO_TEAM,
    TAG_BYTES,
    Impression,
    LogEntry,
    Snapshot,
)
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import HASH_KEY, NOW, PATIENCE_SECONDS, STEADY, fresh_key
from tests.nextitem.sessions.encoded_log import encode_log
from tests.nextitem.sessions.log_contract import add, event

CHAIN = b"c" * CHAIN_BYTES
LOG = (
    LogEntry(NOW, event_tag(HASH_KEY, "a"), "tea", CHAIN),
    LogEntry(NOW + 1, event_tag(HASH_KEY, "b"), "té", b"d" * CHAIN_BYTES, "cart"),
)

TEAMS = (CHAMPION_TEAM, CHALLENGER_TEAM, NO_TEAM)
CHAINS = st.binary(min_size=CHAIN_BYTES, max_size=CHAIN_BYTES)
ENTRIES = st.builds(
    LogEntry,
    at=st.integers(0, 2**53),
    tag=st.binary(min_size=TAG_BYTES, max_size=TAG_BYTES),
    item_id=st.text(max_size=256),
    chain=CHAINS,
    type=st.sampled_from(["view", "cart"]) | st.from_regex(LABEL_PATTERN),
)
FINITE = arrays(np.float32, st.integers(0, 300), elements=st.floats(allow_nan=False, allow_infinity=False, width=32))
Decode = Callable[[bytes], object]


@pytest.fixture(scope="module")
def store(valkey: Valkey) -> Iterator[ValkeyStore]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield store
    store.close()


@STEADY
@given(st.integers(0, 2**32 - 1), st.lists(ENTRIES, max_size=64).map(tuple))
@pytest.mark.slow
def test_a_log_is_read_as_it_was_written(length: int, log: tuple[LogEntry, ...]) -> None:
    length = max(length, len(log))
    assert decode_log(encode_log(length, log)) == (length, log)


@STEADY
@given(CHAINS, FINITE)
@pytest.mark.slow
def test_a_snapshot_is_read_as_it_was_written(chain: bytes, hidden: HiddenState) -> None:
    decoded = decode_snapshot(encode_snapshot(Snapshot(chain, hidden)))
    assert decoded.chain == chain
    assert decoded.hidden.dtype == np.float32
    assert decoded.hidden.tobytes() == hidden.tobytes()  # bit for bit, also the sign of zero


@STEADY
@given(st.lists(st.tuples(st.text(min_size=1, max_size=40), st.none() | st.integers(0, 99)), min_size=1, max_size=64))
@pytest.mark.slow
def test_the_script_writes_the_same_bytes(
    valkey: Valkey, store: ValkeyStore, events: list[tuple[str, int | None]]
) -> None:
    # GIVEN a log that append.lua wrote in two halves
    key, half = fresh_key(), len(events) // 2
    sent = [event(name, None if at is None else NOW + at) for name, at in events]
    for batch in (sent[:half], sent[half:]):
        if batch:
            add(store, key, *batch)
    with Redis.from_url(valkey.url) as client:
        written = client.hget(key, "log")

    # WHEN it is decoded and encoded here THEN the bytes are the same
    assert isinstance(written, bytes)
    assert encode_log(*decode_log(written)) == written


@pytest.mark.parametrize(
    ("data", "decode"),
    [(encode_log(3, LOG), decode_log), (encode_snapshot(Snapshot(CHAIN, np.ones(8, np.float32))), decode_snapshot)],
    ids=["log", "snapshot"],
)
def test_any_truncation_or_flipped_bit_is_unreadable(data: bytes, decode: Decode) -> None:
    decode(data)
    damaged = [data[:size] for size in range(len(data))] + [data + b"\x00"]
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(flipped))
    for each in damaged:
        with pytest.raises(Unreadable):
            decode(each)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        struct.pack(">IB", 1, 0),
        struct.pack(">IdH8s16s", 1, 1.0, 5, b"", CHAIN) + b"\0tea",
        struct.pack(">IdH8s16s", 1, 1.0, 4, b"", CHAIN) + b"\0teapot",
        struct.pack(">IdH8s16s", 0, 1.0, 4, b"", CHAIN) + b"\0tea",
        struct.pack(">IdH8s16s", 1, 1.0, 4, b"", CHAIN) + b"\0te\xff",
        struct.pack(">IdH8s16s", 1, 1.0, 4, b"", CHAIN) + b"\1\xffea",
        struct.pack(">IdH8s16s", 1, 1.0, 4, b"", CHAIN) + b"\4tea",
        struct.pack(">IdH8s16s", 1, 1.0, 0, b"", CHAIN),
        struct.pack(">IdH8s16s", 1, float("nan"), 4, b"", CHAIN) + b"\0tea",
        struct.pack(">IdH8s16s", 1, float("inf"), 4, b"", CHAIN) + b"\0tea",
    ],
    ids=[
        *("empty", "half-an-entry", "short-item", "rest", "length", "utf-8", "type-utf-8", "long-type", "no-action"),
        *("nan", "infinite"),
    ],
)
def test_a_log_that_contradicts_itself_is_unreadable(body: bytes) -> None:
    # Bytes with the right checksum
    with pytest.raises(Unreadable):
        decode_log(_seal(LOG_CODEC, body))


@pytest.mark.parametrize(
    "body",
    [CHAIN[1:], CHAIN + b"\x00", CHAIN + b"\x00\x00\xc0\x7f", CHAIN + b"\x00\x00\x80\x7f"],
    ids=["short", "odd", "nan", "infinite"],
)
def test_a_snapshot_without_finite_values_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode_snapshot(_seal(SNAPSHOT_CODEC, body))


@STEADY
@given(
    CHAINS,
    st.text(max_size=20),
    st.text(max_size=20),
    st.lists(st.text(max_size=256), max_size=20).map(tuple),
    st.none() | st.text(max_size=20),
    st.text(TEAMS, max_size=20),
)
def test_an_impression_is_read_as_it_was_written(
    chain: bytes, answer: str, variant: str, item_ids: tuple[str, ...], placement: str | None, teams: str
) -> None:
    impression = Impression(chain, answer, "v1", variant, item_ids, placement, teams)
    assert decode_impression(encode_impression(impression)) == impression


@STEADY
@given(st.binary(max_size=300), st.integers(0, 8 * 75 - 1))
def test_a_damaged_impression_is_none(data: bytes, bit: int) -> None:
    written = bytearray(encode_impression(Impression(CHAIN, "a" * 16, "v" * 17, "main", ("tea", "pot"))))
    written[bit // 8] ^= 1 << bit % 8
    assert decode_impression(bytes(written)) is None
    assert decode_impression(data) is None
    assert decode_impression(_seal(IMPRESSION_CODEC, CHAIN + data)) is None
    assert decode_impression(None) is None


@STEADY
@given(st.binary(max_size=300))
def test_random_bytes_count_as_absent(data: bytes) -> None:
    whole = encode_log(2, LOG)
    assert decode_record(data, None) is None
    record = decode_record(whole, data)
    assert record is not None
    assert (record.log, record.snapshot) == (LOG, None)


def test_tags_differ_by_event_and_chain_values_by_the_whole_past() -> None:
    first = next_chain(b"", event_tag(HASH_KEY, "a"), "tea")
    assert len(event_tag(HASH_KEY, "a")) == TAG_BYTES
    assert len(first) == CHAIN_BYTES
    others = {
        next_chain(b"", event_tag(HASH_KEY, "b"), "tea"),
        next_chain(b"", event_tag(HASH_KEY, "a"), "pot"),
        next_chain(b"", event_tag(HASH_KEY, "a"), "tea", "cart"),
        next_chain(b"", event_tag(HASH_KEY, "a"), "ttea", "car"),
        next_chain(first, event_tag(HASH_KEY, "a"), "tea"),
        first,
    }
    assert len(others) == 6
    assert first == next_chain(b"", event_tag(HASH_KEY, "a"), "tea", "view")


def test_tags_and_recommendation_ids_are_keyed() -> None:
    assert event_tag(HASH_KEY, "a") != event_tag(b"another key", "a")
    ids = [recommendation_id(key, CHAIN, "v1", "main") for key in (HASH_KEY, HASH_KEY, b"another key")]
    assert ids[0] == ids[1] != ids[2]
