"""The access string of the template: the function needs each of its rules, and no other command or key."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
from redis.exceptions import NoPermissionError, ResponseError

from nextitem.errors import StoreUnavailable
from nextitem.sessions.session import SessionKey, SessionRecord
from nextitem.sessions.trends import CAPACITY, Count
from nextitem.sessions.valkey_store import SNAPSHOTS_KEPT, ValkeyStore
from tests.devstack.cloud.store_door.conftest import Connect
from tests.devstack.cloud.store_door.scene import StoreScene
from tests.devstack.cloud.store_door.test_login import USER, client, token
from tests.nextitem.parts import VERSION, fresh_key, soon
from tests.nextitem.sessions.impression_contract import impression_of, show
from tests.nextitem.sessions.log_contract import add, event, numbered
from tests.nextitem.sessions.snapshot_contract import save, snapshot_of

UNUSED = {"serverless": {"+asking"}, "nodes": {"+asking", "+cluster|slots"}}
"""The commands that no operation needs, by kind of store: one access string is for both kinds.

ASKING follows a slot that moves from one node to another. No kind needs it as documented, because a serverless cache
shows one shard, and nodes have one. The client sends it only if a server asks for it, so it is kept as a hedge."""


@dataclass(frozen=True)
class Session:
    """A session that was there before the rights changed."""

    key: SessionKey
    record: SessionRecord


def fill(store: ValkeyStore) -> Iterator[Session]:
    """Yield new sessions, each longer than its window."""
    while True:
        key = fresh_key()
        add(store, key, *numbered(1, 40))
        yield Session(key, add(store, key, *numbered(41, 80)).session)


OPERATIONS: dict[str, Callable[[ValkeyStore, Session], object]] = {
    "ping": lambda store, _: store.ping(soon()),
    "prepare": lambda store, _: store.prepare(soon()),
    "append": lambda store, session: add(store, session.key, event("b")),
    "load": lambda store, session: store.load(session.key, VERSION, soon()),
    "save": lambda store, session: save(store, session.key, snapshot_of(session.record, 0.5)),
    "save of many versions": lambda store, session: [
        save(store, session.key, snapshot_of(session.record, 0.5), f"v{version}")
        for version in range(SNAPSHOTS_KEPT + 1)
    ],
    "show": lambda store, session: show(store, session.key, impression_of(session.record, "tea")),
    "count": lambda store, _: store.trends("a", 60).count([Count("tea", 1)] * 2, soon()).result(soon()),
    "count more than there is room for": lambda store, _: (
        store.trends("a", 60).count([Count(str(number), 1) for number in range(CAPACITY + 1)], soon()).result(soon())
    ),
    "trending": lambda store, _: store.trends("a", 60).top(None, 1, soon()),
    "move": lambda store, session: store.move(session.key, fresh_key(), soon()),
    "delete": lambda store, session: store.delete(session.key, soon()),
    "delete during a rotation": lambda store, session: store.delete(fresh_key(), soon(), session.key),
}
"""Everything that the function does with the store."""


def rights(scene: StoreScene) -> list[str]:
    text: str = scene.deployment.resources["StoreUser"].properties["AccessString"]
    return text.split()


def failing(scene: StoreScene, connect: Connect, rules: Sequence[str]) -> set[str]:
    """Return the operations that fail with an access string. The sessions that they use are made before."""
    scene.restore()
    sessions = [session for session, _ in zip(fill(connect()), OPERATIONS, strict=False)]
    scene.change("StoreUser", AccessString=" ".join(rules))
    failed: dict[str, str] = {}
    for session, (name, operation) in zip(sessions, OPERATIONS.items(), strict=True):
        try:
            operation(connect(), session)
        except StoreUnavailable as error:
            failed[name] = str(error)
    assert [text for text in failed.values() if "NOPERM" not in text] == []
    return set(failed)


@pytest.mark.slow
def test_the_rights_suffice(scene: StoreScene, connect: Connect) -> None:
    assert failing(scene, connect, rights(scene)) == set()


@pytest.mark.slow
def test_each_command_is_needed_by_an_operation(scene: StoreScene, connect: Connect) -> None:
    # GIVEN the rules of the template WHEN one command after the other is left out
    rules = rights(scene)
    broken = {
        rule: failing(scene, connect, [each for each in rules if each != rule])
        for rule in rules
        if rule.startswith("+")
    }
    # THEN an operation fails without it
    assert len(broken) > 5
    assert {rule for rule, operations in broken.items() if not operations} == UNUSED[scene.kind]


def test_only_the_keys_of_sessions_are_reached(scene: StoreScene, connect: Connect) -> None:
    # GIVEN a template whose function uses keys of other names than it may
    rules = [rule.replace("~nextitem:", "~sessions:") for rule in rights(scene)]
    needs_no_key = {"ping", "prepare"}
    assert failing(scene, connect, rules) == OPERATIONS.keys() - needs_no_key
    # AND with the template as it is, other keys are out of reach
    scene.restore()
    with client(scene, username=USER, password=token(scene)) as function, pytest.raises(NoPermissionError):
        function.hget("orders:1", "log")


@pytest.mark.parametrize("command", ["FLUSHALL", "KEYS *", "CONFIG GET *", "ACL LIST", "SCAN 0", "GET nextitem:x"])
def test_nothing_else_is_allowed(scene: StoreScene, command: str) -> None:
    with client(scene, username=USER, password=token(scene)) as function, pytest.raises(NoPermissionError):
        function.execute_command(*command.split())


@pytest.mark.parametrize(
    ("command", "refused_by"),
    [
        ("CONFIG GET *", {"serverless", "nodes"}),
        ("ACL SETUSER x on nopass +@all", {"serverless", "nodes"}),
        ("CLUSTER MEET 127.0.0.1 1", {"serverless", "nodes"}),
        ("KEYS *", {"serverless"}),
        ("CLIENT ID", {"serverless"}),
        ("FUNCTION LIST", {"serverless"}),
        ("DBSIZE", set()),
    ],
)
def test_no_access_string_allows_what_elasticache_does_not_have(
    scene: StoreScene, command: str, refused_by: set[str]
) -> None:
    scene.change("StoreUser", AccessString="on ~* +@all")
    with client(scene, username=USER, password=token(scene)) as function:
        if scene.kind in refused_by:
            with pytest.raises(NoPermissionError):
                function.execute_command(*command.split())
        else:
            function.execute_command(*command.split())


def test_a_serverless_cache_lists_itself_as_the_node_of_all_slots(scene: StoreScene) -> None:
    with client(scene, username=USER, password=token(scene)) as function:
        if scene.kind == "nodes":
            with pytest.raises(ResponseError, match="cluster support disabled"):
                function.execute_command("CLUSTER", "SLOTS")
        else:
            ((first, last, (host, port, *_)),) = function.execute_command("CLUSTER", "SLOTS")
            assert (first, last, host, port) == (0, 16_383, scene.host.encode(), 6379)
