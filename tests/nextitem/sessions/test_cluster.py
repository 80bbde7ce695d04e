"""The session store on a Cluster: the contract, slots that move, and a failover."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.deployments import ClusterDeployment
from devstack.processes.children import LOOPBACK, Children, free_port
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.event_stream import stream_key, stream_of, tombstones_key
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import KeyRing, SessionName
from nextitem.sessions.session import SessionKey, SessionStore
from nextitem.sessions.trends import Count, Trend
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import NOW, PATIENCE_SECONDS, SECRET, VERSION, fresh_key, soon
from tests.nextitem.sessions.failover import assert_it_comes_back
from tests.nextitem.sessions.log_contract import add, event, names
from tests.nextitem.sessions.snapshot_contract import DAY_MS, Inspector, save, snapshot_of
from tests.nextitem.sessions.store_contract import SessionStoreContract

SHORT_SECONDS = 1.0
"""Timeout of a store whose server hangs."""


class ClusterInspector:
    """Reads the node that has the key."""

    def __init__(self, cluster: ClusterDeployment) -> None:
        self._cluster = cluster

    def remaining(self, key: str) -> int | None:
        left = self._cluster.node_of(key).ask("PTTL", key)
        assert isinstance(left, int)
        return None if left == -2 else left

    def shorten(self, key: str, milliseconds: int) -> None:
        assert self._cluster.node_of(key).ask("PEXPIRE", key, milliseconds)

    def copy(self, key: str, other: str) -> None:
        with self._cluster.node_of(key).client as source, self._cluster.node_of(other).client as target:
            whole = source.dump(key)
            assert isinstance(whole, bytes)
            assert target.restore(other, source.pttl(key), whole, replace=True)


@pytest.fixture(scope="module")
def cluster(children: Children, tmp_path_factory: pytest.TempPathFactory) -> ClusterDeployment:
    return ClusterDeployment(children, tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def store(cluster: ClusterDeployment) -> Iterator[SessionStore]:
    store = ValkeyStore(parse_store_url(cluster.url), timeout=PATIENCE_SECONDS, ttl=DAY_MS / 1000)
    yield store
    store.close()


@pytest.fixture(scope="module")
def inspector(cluster: ClusterDeployment) -> Inspector:
    return ClusterInspector(cluster)


class TestCluster(SessionStoreContract):
    def test_sessions_are_on_every_primary(self, store: SessionStore, cluster: ClusterDeployment) -> None:
        keys = [fresh_key() for _ in range(50)]
        for key in keys:
            add(store, key, event("a"))
        assert {names(store.load(key, VERSION, soon()).log) == ["a"] for key in keys} == {True}
        assert {cluster.node_of(key).port for key in keys} == {node.port for node in cluster.nodes[:3]}

    def test_a_session_and_its_stream_of_the_event_lake_are_in_one_slot(
        self, store: SessionStore, cluster: ClusterDeployment
    ) -> None:
        ring = KeyRing(lambda: KeySecret(SECRET), DAY_MS / 1000, lambda _error: None, lake_buckets=8)
        keys = [ring.keys(SessionName(f"visitor-{number}")).current for number in range(40)]
        for key in keys:
            add(store, key, event("a"))
            store.delete(key, soon())
        for key_of_bucket in (stream_key, tombstones_key):
            added = [cluster.node_of(stream).ask("XLEN", stream) for stream in map(key_of_bucket, range(8))]
            assert sum(map(int, added)) == len(keys)
        assert len({stream_of(key) for key in keys}) == 8

    def test_a_session_moves_from_one_node_to_another(
        self, store: SessionStore, cluster: ClusterDeployment, key: SessionKey
    ) -> None:
        # An old and a new key on different nodes
        old = next(other for other in iter(fresh_key, "") if cluster.node_of(other) is not cluster.node_of(key))
        record = add(store, old, event("a"), event("b")).session
        assert store.move(old, key, soon())
        assert store.load(key, VERSION, soon()) == record
        assert [cluster.node_of(each).ask("EXISTS", each) for each in (old, key)] == [0, 1]

    def test_a_slot_that_is_being_moved_is_followed(
        self, store: SessionStore, cluster: ClusterDeployment, key: SessionKey
    ) -> None:
        # GIVEN a session whose slot is being moved to another node; the session is already there
        add(store, key, event("a"))
        source = cluster.node_of(key)
        target = next(node for node in cluster.nodes[:3] if node is not source)
        slot = cluster.slot_of(key)
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id_of(source))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id_of(target))
        source.ask("MIGRATE", LOOPBACK, target.port, key, 0, 5000)

        # WHEN an event comes and a snapshot is saved meanwhile
        record = add(store, key, event("b")).session
        assert save(store, key, snapshot_of(record, 1.0))
        # AND when the slot has arrived
        for node in (target, source):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", cluster.id_of(target))
        assert add(store, key, event("b"), event("c")).statuses == ("duplicate", "applied")

        # THEN no event is lost, and the session is on the other node
        assert names(store.load(key, VERSION, soon()).log) == ["a", "b", "c"]
        assert store.load(key, VERSION, soon()).snapshot is not None
        assert target.ask("EXISTS", key) == 1


def test_what_trends_is_counted_on_the_node_of_its_slot(cluster: ClusterDeployment) -> None:
    # GIVEN counts of several deployments, whose keys are on different nodes
    store = ValkeyStore(parse_store_url(cluster.url), timeout=PATIENCE_SECONDS, ttl=3600)
    deployments = [f"shop {number}" for number in range(8)]
    for name in deployments:
        trends = store.trends(name, 3600)
        assert trends.count([Count("tea", NOW, ("drinks", "leaves"))], soon()).result(soon())
    # THEN each is read again, in the catalogue and in each group
    for name in deployments:
        trends = store.trends(name, 3600)
        assert [trends.top(group, NOW, soon()) for group in (None, "drinks", "leaves")] == [[Trend("tea", 1.0)]] * 3
    assert len({cluster.node_of(store.trends(name, 3600).key(None)) for name in deployments}) > 1
    store.close()


def test_no_node_means_an_unavailable_store() -> None:
    store = ValkeyStore(parse_store_url(f"redis+cluster://{LOOPBACK}:{free_port()}"), timeout=1, ttl=60)
    with pytest.raises(StoreUnavailable, match="no node of the Cluster"):
        store.ping(soon())


@pytest.mark.slow
def test_a_primary_that_hangs_is_followed_by_its_replica(children: Children, tmp_path: Path) -> None:
    # GIVEN a session on the first seed node, which hangs with its connections open
    cluster = ClusterDeployment(children, tmp_path)
    store = ValkeyStore(parse_store_url(cluster.url), timeout=SHORT_SECONDS, ttl=3600)
    key = next(key for key in iter(fresh_key, "") if cluster.node_of(key) is cluster.nodes[0])
    add(store, key, event("a"), event("b"))
    with cluster.nodes[0].client as client:
        assert client.execute_command("WAIT", 1, int(PATIENCE_SECONDS * 1000)) == 1
    os.kill(cluster.nodes[0].child.pid, signal.SIGSTOP)

    # WHEN more events follow THEN the store uses the replica once it is the primary
    assert_it_comes_back(store, key)
    store.close()


@pytest.mark.slow
def test_a_killed_primary_is_followed_by_its_replica(children: Children, tmp_path: Path) -> None:
    # GIVEN a session on a primary and its replica
    cluster = ClusterDeployment(children, tmp_path)
    store = ValkeyStore(parse_store_url(cluster.url), timeout=PATIENCE_SECONDS, ttl=3600)
    key = fresh_key()
    add(store, key, event("a"), event("b"))
    primary = cluster.node_of(key)
    with primary.client as client:
        assert client.execute_command("WAIT", 1, int(PATIENCE_SECONDS * 1000)) == 1

    # WHEN the primary is killed
    primary.child.kill()

    # THEN the store finds the new primary, and no event is lost or stored twice
    assert_it_comes_back(store, key)
    store.close()
