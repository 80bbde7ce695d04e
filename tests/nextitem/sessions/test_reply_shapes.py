"""Replies that a command does not have: each is a fault of the store, never a success and never another exception."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.processes.children import LOOPBACK
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.codec import event_tag, next_chain
from nextitem.sessions.session import Event, Impression, LogEntry, SessionKey, SessionStore, Snapshot
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import HASH_KEY, NOW, PATIENCE_SECONDS, STEADY, VERSION, soon
from tests.nextitem.sessions.encoded_log import encode_log
from tests.nextitem.sessions.scripted_server import ScriptedServer

TIMEOUT_SECONDS, PREPARE_SECONDS = 0.1, 1.0
"""A server that sends half a reply is waited for so long; `prepare` has no other timeout."""
KEY = SessionKey("key", HASH_KEY)
CHAIN = next_chain(b"", event_tag(HASH_KEY, "a"), "tea")
LOG = encode_log(1, (LogEntry(NOW, event_tag(HASH_KEY, "a"), "tea", CHAIN),))

VERBS: dict[str, Callable[[SessionStore], object]] = {
    "append": lambda store: store.append(KEY, [Event("tea", "a")], VERSION, NOW, soon()),
    "load": lambda store: store.load("key", VERSION, soon()),
    "save": lambda store: store.save("key", VERSION, Snapshot(CHAIN, np.ones(8, np.float32)), soon()).result(soon()),
    "show": lambda store: store.save(
        "key", VERSION, None, soon(), Impression(CHAIN, "id", VERSION, "main", ("tea",))
    ).result(soon()),
    "move": lambda store: store.move("old", "key", soon()),
    "delete": lambda store: store.delete(KEY, soon()),
    "delete both": lambda store: store.delete(KEY, soon(), "old"),
    "ping": lambda store: store.ping(soon()),
    "prepare": lambda store: store.prepare(Deadline.after(PREPARE_SECONDS)) if isinstance(store, ValkeyStore) else None,
}


def bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)


def array(*parts: bytes) -> bytes:
    return b"*%d\r\n%b" % (len(parts), b"".join(parts))


NIL, OK, PONG, ERROR = b"$-1\r\n", b"+OK\r\n", b"+PONG\r\n", b"-ERR no\r\n"
SHAPES = {
    "empty line": b"\r\n",
    "ok": OK,
    "pong": PONG,
    "other text": b"+QUEUED\r\n",
    "zero": b":0\r\n",
    "one": b":1\r\n",
    "negative": b":-7\r\n",
    "huge": b":9223372036854775807\r\n",
    "no number": b":x\r\n",
    "text one": b"+1\r\n",
    "bytes": bulk(b"1"),
    "empty bytes": bulk(b""),
    "log": bulk(LOG),
    "nil": NIL,
    "nil array": b"*-1\r\n",
    "empty array": array(),
    "one nil": array(NIL),
    "two nils": array(NIL, NIL),
    "three nils": array(NIL, NIL, NIL),
    "four nils": array(NIL, NIL, NIL, NIL),
    "two numbers": array(b":1\r\n", b":2\r\n"),
    "two texts": array(bulk(b"a"), bulk(b"b")),
    "nested": array(array(NIL), array(NIL)),
    "number and numbers": array(b":1\r\n", array(b":1\r\n", b":2\r\n")),
    "odd pairs": array(b":1\r\n", array(bulk(b"log"))),
    "pairs with nil": array(b":1\r\n", array(bulk(b"log"), NIL)),
    "no pairs": array(b":-2\r\n", array()),
    "pairs": array(b":1\r\n", array(bulk(b"log"), bulk(LOG))),
    "error inside": array(ERROR, NIL),
    "four with error": array(bulk(b"a"), ERROR, NIL, NIL),
    "appended": array(bulk(b"a"), bulk(LOG), NIL, NIL),
    "appended too little": array(bulk(b""), bulk(LOG), NIL, NIL),
    "appended too much": array(bulk(b"aa"), bulk(LOG), NIL, NIL),
    "appended unknown": array(bulk(b"x"), bulk(LOG), NIL, NIL),
    "appended no log": array(bulk(b"a"), NIL, NIL, NIL),
    "appended bad log": array(bulk(b"a"), bulk(LOG[:-1]), NIL, NIL),
    "appended empty log": array(bulk(b"a"), bulk(encode_log(0, ())), NIL, NIL),
    "appended numbers": array(bulk(b"a"), bulk(LOG), b":1\r\n", b":1\r\n"),
    "error": ERROR,
    "error without text": b"-\r\n",
    "not utf-8": b"-\xff\xfe\r\n",
    "wrong type": b"-WRONGTYPE no\r\n",
    "no script": b"-NOSCRIPT no\r\n",
    "moved": b"-MOVED 1 127.0.0.1:1\r\n",
    "asked": b"-ASK 1 127.0.0.1:1\r\n",
    "loading": b"-LOADING no\r\n",
    "read-only": b"-READONLY no\r\n",
    "busy": b"-BUSY no\r\n",
    "moved nowhere": b"-MOVED\r\n",
    "RESP3 map": b"%1\r\n+a\r\n:1\r\n",
    "RESP3 set": b"~1\r\n:1\r\n",
    "RESP3 true": b"#t\r\n",
    "RESP3 false": b"#f\r\n",
    "RESP3 double": b",1\r\n",
    "RESP3 null": b"_\r\n",
    "RESP3 big number": b"(1\r\n",
    "RESP3 verbatim": b"=5\r\ntxt:1\r\n",
    "RESP3 push": b">1\r\n:1\r\n",
    "no protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "too long": b"$999999999999999999999\r\n",
    "negative length": b"$-5\r\n",
    "unfinished": b"$10\r\nabc",
    "unfinished array": b"*4\r\n" + NIL,
    "deep": b"*1\r\n" * 2000 + NIL,
}
UNFINISHED = {"RESP3 push", "unfinished", "unfinished array"}
"""The client waits for the rest of these."""
SUCCESSES = {
    "append": {"appended"},
    "load": {"two nils", "two texts"},
    "save": {"zero", "one"},
    "show": {"zero", "one"},
    "move": {"no pairs"},
    "delete": {"zero", "one"},
    "delete both": {"one"},
    "ping": {"pong"},
    "prepare": set(),
}


@contextmanager
def store_at(
    server: ScriptedServer, scheme: str = "redis", path: str = "", timeout: float = PATIENCE_SECONDS
) -> Iterator[ValkeyStore]:
    store = ValkeyStore(parse_store_url(f"{scheme}://{LOOPBACK}:{server.port}{path}"), timeout=timeout, ttl=60)
    yield store
    store.close()


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.slow
def test_a_reply_of_another_shape_is_a_fault_of_the_store(verb: str) -> None:
    succeeded = set()
    for shape, reply in SHAPES.items():
        timeout = TIMEOUT_SECONDS if shape in UNFINISHED else PATIENCE_SECONDS
        with ScriptedServer(reply) as server, store_at(server, timeout=timeout) as store:
            try:
                VERBS[verb](store)
            except StoreUnavailable:
                continue
            succeeded.add(shape)
    assert succeeded == SUCCESSES[verb]


REPLIES = st.recursive(
    st.sampled_from([NIL, OK, PONG, ERROR, bulk(b"a"), bulk(b"log"), bulk(LOG)])
    | st.integers(-3, 3).map(lambda number: b":%d\r\n" % number)
    | st.binary(max_size=8).map(bulk)
    | st.binary(min_size=1, max_size=8).map(lambda data: data + b"\r\n"),
    lambda parts: st.lists(parts, max_size=5).map(lambda replies: array(*replies)),
    max_leaves=8,
)


@pytest.mark.slow
@STEADY
@given(
    REPLIES | st.sampled_from(list(SHAPES.values())),
    st.sampled_from(list(VERBS)),
    st.sampled_from([("redis", ""), ("redis", "/1"), ("redis+cluster", ""), ("redis+sentinel", "/main")]),
)
def test_any_reply_is_a_success_or_a_fault_of_the_store(reply: bytes, verb: str, shape: tuple[str, str]) -> None:
    with ScriptedServer(reply) as server, store_at(server, *shape, TIMEOUT_SECONDS) as store:
        try:
            VERBS[verb](store)
        except StoreUnavailable:
            return


@pytest.mark.parametrize("extra", [OK, b":1\r\n", b"+", array(NIL, NIL), b"-ERR late\r\n"])
@pytest.mark.parametrize("verb", ["ping", "delete", "load"])
def test_a_connection_with_unread_data_is_not_used_again(verb: str, extra: bytes) -> None:
    right = {"ping": PONG, "delete": b":1\r\n", "load": array(NIL, NIL)}[verb]
    with ScriptedServer(right + extra) as server, store_at(server) as store:
        for number in itertools.count(1):
            VERBS[verb](store)
            assert server.connections == number
            if number == 3:
                return


@pytest.mark.parametrize("verb", VERBS)
def test_a_connection_with_an_unexpected_reply_is_not_used_again(verb: str) -> None:
    with ScriptedServer(b"+QUEUED\r\n") as server, store_at(server) as store:
        for number in (1, 2):
            with pytest.raises(StoreUnavailable):
                VERBS[verb](store)
            assert server.connections == number
