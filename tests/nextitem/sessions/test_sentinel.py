"""The session store on a primary that a Sentinel knows: the contract, and a failover."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from devstack.deployments import SentinelDeployment, eventually
from devstack.processes.children import LOOPBACK, Children, free_port
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.session import SessionStore
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, fresh_key, soon
from tests.nextitem.sessions.failover import assert_it_comes_back
from tests.nextitem.sessions.log_contract import add, event
from tests.nextitem.sessions.snapshot_contract import DAY_MS, Inspector
from tests.nextitem.sessions.store_contract import SessionStoreContract
from tests.nextitem.sessions.test_valkey_store import ValkeyInspector

SHORT_SECONDS = 1.0
"""Timeout of a store whose server hangs."""


@pytest.fixture(scope="module")
def deployment(children: Children, tmp_path_factory: pytest.TempPathFactory) -> SentinelDeployment:
    return SentinelDeployment(children, tmp_path_factory.mktemp("sentinel"))


@pytest.fixture(scope="module")
def store(deployment: SentinelDeployment) -> Iterator[SessionStore]:
    store = ValkeyStore(parse_store_url(deployment.url), timeout=PATIENCE_SECONDS, ttl=DAY_MS / 1000)
    yield store
    store.close()


@pytest.fixture(scope="module")
def inspector(deployment: SentinelDeployment) -> Iterator[Inspector]:
    with Redis(LOOPBACK, deployment.primary.port) as client:
        yield ValkeyInspector(client)


class TestSentinel(SessionStoreContract):
    pass


def test_the_primary_is_ready_while_it_is_known_connected_and_not_suspect(deployment: SentinelDeployment) -> None:
    store = ValkeyStore(parse_store_url(deployment.url), timeout=PATIENCE_SECONDS, ttl=60)
    ready = [store._topology.is_ready("")]
    store.ping(soon())
    ready.append(store._topology.is_ready(""))
    store._topology.forget("")
    ready.append(store._topology.is_ready(""))
    store.close()
    assert ready == [False, True, False]


def test_no_sentinel_means_an_unavailable_store() -> None:
    store = ValkeyStore(parse_store_url(f"redis+sentinel://{LOOPBACK}:{free_port()}/main"), timeout=1, ttl=60)
    with pytest.raises(StoreUnavailable, match="no Sentinel knows"):
        store.ping(soon())


def test_an_unknown_name_means_an_unavailable_store(deployment: SentinelDeployment) -> None:
    url = deployment.url.replace("/main", "/other")
    store = ValkeyStore(parse_store_url(url), timeout=PATIENCE_SECONDS, ttl=60)
    with pytest.raises(StoreUnavailable, match="named other"):
        store.ping(soon())
    store.close()


@pytest.mark.slow
def test_a_primary_that_hangs_is_followed_by_its_replica(children: Children, tmp_path: Path) -> None:
    # GIVEN a session on a primary that hangs with its connections open
    deployment = SentinelDeployment(children, tmp_path)
    store = ValkeyStore(parse_store_url(deployment.url), timeout=SHORT_SECONDS, ttl=3600)
    key = fresh_key()
    add(store, key, event("a"), event("b"))
    with deployment.replica.client as replica:
        eventually(lambda: replica.exists(key), "the replica has the session")
    os.kill(deployment.primary.child.pid, signal.SIGSTOP)

    # WHEN more events follow THEN the store uses the replica once it is the primary
    assert_it_comes_back(store, key)
    store.close()


@pytest.mark.slow
def test_a_killed_primary_is_followed_by_its_replica(children: Children, tmp_path: Path) -> None:
    # GIVEN a session on a primary and its replica
    deployment = SentinelDeployment(children, tmp_path)
    store = ValkeyStore(parse_store_url(deployment.url), timeout=PATIENCE_SECONDS, ttl=3600)
    key = fresh_key()
    add(store, key, event("a"), event("b"))
    with deployment.replica.client as replica:
        eventually(lambda: replica.exists(key), "the replica has the session")

    # WHEN the primary is killed
    deployment.primary.child.kill()

    # THEN the store finds the new primary, and no event is lost or stored twice
    assert_it_comes_back(store, key)
    store.close()
