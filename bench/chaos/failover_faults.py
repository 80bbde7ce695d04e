"""The blows to several servers: behind a Sentinel, and in a Cluster. Those that end a server end it for good."""

import os
import signal

from bench.chaos.blows import AGAIN_SECONDS, STILL_SECONDS, hold
from bench.chaos.scenes import PRIMARIES, Scene, present
from devstack.deployments import Node, eventually
from devstack.processes.children import LOOPBACK

SLOTS_MOVED = 15
MIGRATE_MS = 2000
SENTINEL_CLIENT = "sentinel-"
"""How a Sentinel names its connections: without them it would call the primary dead."""


def primary_killed(scene: Scene) -> None:
    """The primary dies."""
    present(scene.sentinelled).primary.child.kill()


def primary_hangs(scene: Scene) -> None:
    """The primary hangs for good: it stays without a word."""
    _stop(present(scene.sentinelled).primary)


def brain_split(scene: Scene) -> None:
    """The primary hangs, its replica takes over, then it wakes up, still a primary, until the Sentinel demotes it."""
    _replaced_and_woken(scene)
    _await_demotion(scene)


def brain_split_asleep(scene: Scene) -> None:
    """The same while the workers are frozen: their connections lead to the old primary, and it takes what they send."""
    with scene.paused():
        hold(STILL_SECONDS)
        with scene.frozen():
            _replaced_and_woken(scene)
    _await_demotion(scene)


def brain_split_asleep_guarded(scene: Scene) -> None:
    """The same with a primary that takes no write while no replica follows it."""
    present(scene.sentinelled).primary.ask("CONFIG", "SET", "min-replicas-to-write", 1)
    brain_split_asleep(scene)


def _replaced_and_woken(scene: Scene) -> None:
    deployment = present(scene.sentinelled)
    _stop(deployment.primary)
    eventually(lambda: deployment.known_primary() == deployment.replica.port, "the Sentinel promotes the replica")
    hold()
    os.kill(deployment.primary.child.pid, signal.SIGCONT)


def _await_demotion(scene: Scene) -> None:
    old = present(scene.sentinelled).primary
    eventually(lambda: old.ask("ROLE")[0] == b"slave", "the Sentinel demotes the old primary")


def sentinel_hangs(scene: Scene) -> None:
    """The Sentinel that is asked first hangs for good, and connections break, so that the primary must be asked for."""
    _stop(present(scene.hearsay))
    _hang_up(present(scene.sentinelled).primary)


def seed_hangs(scene: Scene) -> None:
    """The node that is asked first hangs for good, and connections break, so that the slots must be asked for."""
    _stop(present(scene.hearsay))
    for node in present(scene.clustered).nodes[:PRIMARIES]:
        _hang_up(node)


def cluster_primary_killed(scene: Scene) -> None:
    """One of the primaries dies."""
    present(scene.clustered).nodes[2].child.kill()


def cluster_primary_hangs(scene: Scene) -> None:
    """The primary that a client knows first hangs for good."""
    _stop(present(scene.clustered).nodes[0])


def slots_moved(scene: Scene) -> None:
    """Slots that have live sessions move to another primary."""
    cluster = present(scene.clustered)
    slots: dict[int, str] = {}
    for key in scene.live_keys():
        slots.setdefault(cluster.slot_of(key), key)
    for slot, key in list(slots.items())[:SLOTS_MOVED]:
        source = cluster.node_of(key)
        target = next(node for node in cluster.nodes[:PRIMARIES] if node is not source)
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id_of(source))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id_of(target))
        _migrate(source, target, slot)
        hold(AGAIN_SECONDS)  # requests for the slot's sessions are sent on by ASK now
        for node in (target, source):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", cluster.id_of(target))
        hold(AGAIN_SECONDS)  # and by MOVED now


def _migrate(source: Node, target: Node, slot: int) -> None:
    for key in source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000):
        source.ask("MIGRATE", LOOPBACK, target.port, key.decode(), 0, MIGRATE_MS)


def _stop(node: Node) -> None:
    os.kill(node.child.pid, signal.SIGSTOP)


def _hang_up(node: Node) -> None:
    with node.client as client:
        for other in client.client_list(_type="normal"):
            if not other["name"].startswith(SENTINEL_CLIENT):
                client.client_kill_filter(_id=other["id"], skipme=True)
