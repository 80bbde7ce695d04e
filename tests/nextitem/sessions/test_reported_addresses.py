"""Addresses in replies of nodes and Sentinels: valid ones are used, all others mean an unavailable store."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.processes.children import LOOPBACK
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import MAX_PORT, Address, reported_address
from tests.nextitem.parts import STEADY, fresh_key, soon
from tests.nextitem.sessions.scripted_server import ScriptedServer
from tests.nextitem.sessions.test_topology_replies import store_at

NIL, EMPTY_LIST, ERROR = b"$-1\r\n", b"*0\r\n", b"-ERR x\r\n"
DELETED = b":1\r\n"
REPLIER = Address("replier", 1)


def bulk(text: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text)


def array(*parts: bytes) -> bytes:
    return b"*%d\r\n%b" % (len(parts), b"".join(parts))


def sentinel_reply(ip: bytes, port: bytes) -> bytes:
    """Return the reply to SENTINEL MASTERS, with the values of two fields in bytes of the protocol."""
    fields = {
        "name": bulk(b"main"),
        "ip": ip,
        "port": port,
        "flags": bulk(b"master"),
        "num-other-sentinels": bulk(b"0"),
    }
    return array(array(*(part for name, value in fields.items() for part in (bulk(name.encode()), value))))


def slots_reply(host: bytes, port: int) -> bytes:
    """Return the reply to CLUSTER SLOTS, with a host in bytes of the protocol."""
    return array(array(b":0\r\n", b":16383\r\n", array(host, b":%d\r\n" % port)))


UNUSABLE = [EMPTY_LIST, array(bulk(b"a")), b":0\r\n", b":5\r\n", ERROR, bulk(b"\xff"), bulk(b"a b"), bulk(b"a\0b")]
"""Values that are no host."""


@pytest.mark.parametrize("ip", [NIL, *UNUSABLE])
def test_a_sentinel_that_names_no_host_means_an_unavailable_store(ip: bytes) -> None:
    # GIVEN a Sentinel that does not know its primary's host, and a server on loopback with the primary's port
    with ScriptedServer(DELETED) as other, ScriptedServer(sentinel_reply(ip, bulk(b"%d" % other.port))) as sentinel:
        # WHEN a session is deleted THEN the deletion fails, and the other server is not asked
        with (
            store_at(f"redis+sentinel://{LOOPBACK}:{sentinel.port}/main") as store,
            pytest.raises(StoreUnavailable, match=r"Sentinel's answer|valid host"),
        ):
            store.delete(fresh_key(), soon())
        assert other.connections == 0


@pytest.mark.parametrize("port", [NIL, EMPTY_LIST, ERROR, bulk(b"0"), bulk(b"65536"), bulk(b"x")])
def test_a_sentinel_that_names_no_port_means_an_unavailable_store(port: bytes) -> None:
    with (
        ScriptedServer(sentinel_reply(bulk(LOOPBACK.encode()), port)) as sentinel,
        store_at(f"redis+sentinel://{LOOPBACK}:{sentinel.port}/main") as store,
        pytest.raises(StoreUnavailable, match=r"Sentinel's answer|valid port"),
    ):
        store.delete(fresh_key(), soon())


@pytest.mark.parametrize("host", [NIL, bulk(b""), bulk(b"?"), bulk(LOOPBACK.encode())])
def test_a_node_without_a_host_is_the_one_that_replied(host: bytes) -> None:
    with ScriptedServer(DELETED) as node:
        node.reply = lambda command: slots_reply(host, node.port) if b"SLOTS" in command else DELETED
        with store_at(f"redis+cluster://{LOOPBACK}:{node.port}") as store:
            store.delete(fresh_key(), soon())


@pytest.mark.parametrize("host", UNUSABLE)
def test_slots_that_name_no_host_mean_an_unavailable_store(host: bytes) -> None:
    with ScriptedServer(DELETED) as node:
        node.reply = lambda command: slots_reply(host, node.port) if b"SLOTS" in command else DELETED
        with (
            store_at(f"redis+cluster://{LOOPBACK}:{node.port}") as store,
            pytest.raises(StoreUnavailable, match="valid host"),
        ):
            store.delete(fresh_key(), soon())


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.binary()
    | st.text(st.characters())
    | st.just(ValueError()),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@given(host=anything | st.just("host"), port=anything | st.integers(-1, MAX_PORT + 1).map(str))
@STEADY
@pytest.mark.slow
def test_any_reply_is_an_address_or_an_error(host: Any, port: Any) -> None:
    try:
        address = reported_address(host, port, REPLIER)
    except StoreUnavailable:
        return
    assert address.host.isprintable()
    assert type(host) in (str, bytes)
    assert type(port) in (int, str, bytes)
    assert type(address.port) is int
    assert 0 < address.port <= MAX_PORT


@pytest.mark.parametrize("port", [" 1", "1_0", "+1", "\u0661", "1.0", b"\xff", True, 1.0, "9" * 5000])
def test_a_port_is_a_number_in_ascii_digits(port: object) -> None:
    with pytest.raises(StoreUnavailable, match="valid port"):
        reported_address("host", port, REPLIER)


@pytest.mark.parametrize("port", [7000, "7000", b"7000"])
def test_a_host_and_a_port_may_be_text_or_bytes(port: object) -> None:
    assert reported_address(b"h", port, REPLIER) == reported_address("h", port, REPLIER) == Address("h", 7000)
