"""The store user has exactly the rights that the function needs, tried on a real Valkey."""

import contextlib
import uuid
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from devstack.deployments import SLOTS, Node, eventually, start_node
from devstack.processes.children import LOOPBACK, Children, free_port
from devstack.template.stack import Stack
from nextitem.errors import StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.keys import session_key
from nextitem.sessions.session import SessionKey
from nextitem.sessions.valkey_store import SNAPSHOTS_KEPT, ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS, VERSION, soon
from tests.nextitem.sessions.impression_contract import impression_of, show
from tests.nextitem.sessions.log_contract import add, numbered
from tests.nextitem.sessions.snapshot_contract import save, snapshot_of

USER, PASSWORD = "shop-recommend", "of-tests"
DURING_A_MOVE = {"+asking"}
"""Needed only while a slot moves from one node to another, which a single node cannot show."""


def fresh() -> SessionKey:
    return session_key(b"a secret of tests", uuid.uuid4().hex)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A Cluster of one node, which is what clients see of a serverless cache."""
    with Children() as children:
        port = str(free_port())
        node = start_node(
            children, tmp_path_factory.mktemp("valkey"), "--cluster-enabled", "yes", "--cluster-port", port
        )
        node.ask("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
        eventually(lambda: b"cluster_state:ok" in node.ask("CLUSTER", "INFO"), "the Cluster is up")
        yield node


@pytest.fixture
def rights(stack: Stack) -> list[str]:
    user = stack.only("AWS::ElastiCache::User")
    text: str = user["AccessString"]
    return text.split()


def admit(node: Node, rights: list[str]) -> None:
    node.ask("ACL", "SETUSER", USER, "reset", f">{PASSWORD}", *rights)
    node.ask("ACL", "LOG", "RESET")
    node.ask("SCRIPT", "FLUSH")


def refusals(node: Node) -> list[object]:
    with node.client as client:
        return list(client.acl_log())


def everything(node: Node) -> None:
    """Use every command that the function uses; the server's log lists what it refused.

    Raises:
        StoreUnavailable: the store refused something.
    """
    url = parse_store_url(f"redis+cluster://{USER}:{PASSWORD}@{LOOPBACK}:{node.port}")
    store = ValkeyStore(url, timeout=PATIENCE_SECONDS, ttl=60)
    old, key = fresh(), fresh()
    try:
        store.ping(soon())
        store.prepare(soon())
        for number in range(2):
            record = add(store, old, *numbered(1 + 40 * number, 40 + 40 * number)).session
        for version in range(SNAPSHOTS_KEPT + 1):
            save(store, old, snapshot_of(record, 0.5), f"v{version}")
        show(store, old, impression_of(record, "tea"))
        store.load(old, VERSION, soon())
        store.move(old, key, soon())
        store.delete(key, soon())
    finally:
        store.close()


def test_the_rights_suffice(node: Node, rights: list[str]) -> None:
    admit(node, rights)
    everything(node)
    assert refusals(node) == []


def test_every_right_is_needed(node: Node, rights: list[str]) -> None:
    commands = [right for right in rights if right.startswith("+") and right not in DURING_A_MOVE]
    assert len(commands) > 5

    for command in commands:
        admit(node, [right for right in rights if right != command])
        with contextlib.suppress(StoreUnavailable):
            everything(node)

        assert refusals(node), command


@pytest.mark.parametrize("command", ["FLUSHALL", "KEYS *", "CONFIG GET *", "ACL LIST", "SCAN 0", "GET nextitem:x"])
def test_nothing_else_is_allowed(node: Node, rights: list[str], command: str) -> None:
    admit(node, rights)
    with (
        Redis(LOOPBACK, node.port, username=USER, password=PASSWORD, protocol=2) as client,
        pytest.raises(NoPermissionError),
    ):
        client.execute_command(*command.split())


def test_other_keys_are_out_of_reach(node: Node, rights: list[str]) -> None:
    admit(node, rights)
    with Redis(LOOPBACK, node.port, username=USER, password=PASSWORD) as client, pytest.raises(NoPermissionError):
        client.hget("orders:1", "log")


def test_it_logs_in_by_iam_under_one_name(stack: Stack) -> None:
    user = stack.only("AWS::ElastiCache::User")
    group = stack.only("AWS::ElastiCache::UserGroup")
    assert user["AuthenticationMode"] == {"Type": "iam"}
    assert user["UserId"] == user["UserName"]
    assert not {"Passwords", "NoPasswordRequired"} & user.keys()
    assert group["UserIds"] == [{"Ref": "StoreUser"}]
    assert {user["Engine"], group["Engine"]} == {"valkey"}
    assert stack.only("AWS::ElastiCache::ServerlessCache")["UserGroupId"] == {"Ref": "StoreUsers"}
