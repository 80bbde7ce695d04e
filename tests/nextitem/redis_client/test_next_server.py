"""The server that gets the next command: after a redirection, or one that is silent, not ready or no longer a node."""

import pytest

from devstack.processes.children import LOOPBACK
from nextitem.deadline import Deadline
from nextitem.errors import StoreUnavailable
from tests.nextitem.parts import soon
from tests.nextitem.sessions.scripted_server import ScriptedServer
from tests.nextitem.sessions.test_reported_addresses import EMPTY_LIST, NIL, slots_reply
from tests.nextitem.sessions.test_topology_replies import store_at

HURRY_SECONDS = 0.1
"""The deadline of a request whose server is silent."""


class Node(ScriptedServer):
    """A node of a Cluster; it lists itself as the primary of all slots.

    Attributes:
        replies: to each command, by a word in it.
        asked: the words of the commands that came.
    """

    def __init__(self, **replies: bytes) -> None:
        super().__init__(self._answer)
        self.replies = {"SLOTS": slots_reply(NIL, self.port), "ASKING": b"+OK\r\n", "PING": b"+PONG\r\n"} | replies
        self.asked: list[str] = []

    def _answer(self, command: bytes) -> bytes:
        word = next(word for word in self.replies if word.encode() in command)
        self.asked.append(word)
        return self.replies[word]


def url_of(*seeds: Node) -> str:
    return "redis+cluster://" + ",".join(f"{LOOPBACK}:{node.port}" for node in seeds)


@pytest.mark.parametrize(
    ("kind", "source_asked", "target_asked"),
    [
        ("MOVED", ["SLOTS", "PING"], ["PING", "PING"]),
        ("ASK", ["SLOTS", "PING", "PING"], ["ASKING", "PING", "ASKING", "PING"]),
    ],
)
def test_moved_is_remembered_and_ask_is_for_one_command(
    kind: str, source_asked: list[str], target_asked: list[str]
) -> None:
    with Node() as target:
        redirection = f"-{kind} 0 {LOOPBACK}:{target.port}\r\n".encode()
        with Node(PING=redirection) as source, store_at(url_of(source)) as store:
            for _ in range(2):
                store.ping(soon())
            assert (source.asked, target.asked) == (source_asked, target_asked)


@pytest.mark.parametrize("error", ["LOADING", "READONLY"])
def test_a_server_that_is_not_ready_is_tried_again_on_a_new_connection(error: str) -> None:
    # A host name may lead to a server that is ready by then.
    replies = iter([f"-{error} x\r\n".encode(), b"+PONG\r\n"])
    with (
        ScriptedServer(lambda _: next(replies)) as server,
        store_at(f"redis://{LOOPBACK}:{server.port}") as store,
    ):
        store.ping(soon())
        assert server.connections == 2


def test_a_node_outside_the_cluster_is_asked_once() -> None:
    # GIVEN a seed that has left the Cluster and reports no slots
    with Node(SLOTS=EMPTY_LIST) as left, Node() as node, store_at(url_of(left, node)) as store:
        # WHEN the store is called again THEN it uses another node
        with pytest.raises(StoreUnavailable, match="has slot"):
            store.ping(soon())
        store.ping(soon())
        assert left.asked == ["SLOTS"]


def test_a_silent_node_is_asked_after_the_others_the_next_time() -> None:
    with Node(SLOTS=b"") as silent, Node() as node, store_at(url_of(silent, node)) as store:
        with pytest.raises(StoreUnavailable):
            store.ping(Deadline.after(HURRY_SECONDS))
        store.ping(soon())
        assert node.asked == ["SLOTS", "PING"]


def test_a_server_is_ready_while_it_is_known_connected_and_not_suspect() -> None:
    with Node() as node, store_at(url_of(node)) as store:
        topology = store._topology
        ready = [topology.is_ready("")]
        store.ping(soon())
        ready.append(topology.is_ready(""))
        # WHEN a command fails THEN the server is suspect, although it has a connection
        node.replies["PING"] = b"-CLUSTERDOWN x\r\n"
        with pytest.raises(StoreUnavailable):
            store.ping(soon())
        ready.append(topology.is_ready(""))
        # WHEN it is found again THEN it is ready until its connections are closed
        node.replies["PING"] = b"+PONG\r\n"
        store.ping(soon())
        ready.append(topology.is_ready(""))
        store.close()
        ready.append(topology.is_ready(""))
        assert ready == [False, True, False, True, False]
