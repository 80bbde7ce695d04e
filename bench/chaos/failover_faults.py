"""Faults of several servers: behind a Sentinel, and in a Cluster. A killed or stopped server stays so."""

import os
import signal

from bench.chaos.server_faults import LONG_FAULT_SECONDS, REPEAT_SECONDS, SETTLE_SECONDS, wait
from bench.chaos.targets import PRIMARIES, Target, require
from devstack.deployments import Node, eventually
from devstack.processes.children import LOOPBACK

SLOTS_MOVED = 15
MIGRATE_MS = 2000
SENTINEL_CLIENT = "sentinel-"
"""Prefix of the names of a Sentinel's connections. If they closed, it would take the primary for dead."""


def kill_primary(target: Target) -> None:
    """Kill the primary behind the Sentinel."""
    require(target.sentinelled).primary.child.kill()


def hang_primary(target: Target) -> None:
    """Stop the primary behind the Sentinel for good: its connections stay open and silent."""
    _stop(require(target.sentinelled).primary)


def split_brain(target: Target) -> None:
    """Stop the primary until its replica is promoted, then continue it: two primaries until the Sentinel acts."""
    _promote_and_continue(target)
    _await_demotion(target)


def split_brain_while_frozen(target: Target) -> None:
    """Split the brain while the workers are frozen: their connections lead to the old primary, which accepts writes."""
    with target.paused():
        wait(SETTLE_SECONDS)
        with target.frozen():
            _promote_and_continue(target)
    _await_demotion(target)


def split_brain_with_min_replicas(target: Target) -> None:
    """Split the brain likewise, with a primary that refuses writes while it has no replica."""
    require(target.sentinelled).primary.ask("CONFIG", "SET", "min-replicas-to-write", 1)
    split_brain_while_frozen(target)


def _promote_and_continue(target: Target) -> None:
    deployment = require(target.sentinelled)
    _stop(deployment.primary)
    eventually(lambda: deployment.known_primary() == deployment.replica.port, "the Sentinel promotes the replica")
    wait()
    os.kill(deployment.primary.child.pid, signal.SIGCONT)


def _await_demotion(target: Target) -> None:
    old = require(target.sentinelled).primary
    eventually(lambda: old.ask("ROLE")[0] == b"slave", "the Sentinel demotes the old primary")


def hang_first_sentinel(target: Target) -> None:
    """Stop the Sentinel that clients ask first, and close connections, so that clients must ask for the primary."""
    _stop(require(target.first_contact))
    _close_connections(require(target.sentinelled).primary)


def hang_seed(target: Target) -> None:
    """Stop the node that clients ask first, and close connections, so that clients must ask for the slots."""
    _stop(require(target.first_contact))
    for node in require(target.clustered).nodes[:PRIMARIES]:
        _close_connections(node)


def kill_cluster_primary(target: Target) -> None:
    """Kill one primary of the Cluster."""
    require(target.clustered).nodes[2].child.kill()


def pause_cluster_primary(target: Target) -> None:
    """Let one primary answer no client for a time, too short for a failover: the others' sessions go on."""
    require(target.clustered).nodes[0].ask("CLIENT", "PAUSE", int(LONG_FAULT_SECONDS * 1000), "ALL")
    wait(LONG_FAULT_SECONDS)


def hang_cluster_primary(target: Target) -> None:
    """Stop the first primary that clients know, for good."""
    _stop(require(target.clustered).nodes[0])


def move_slots(target: Target) -> None:
    """Move slots with live sessions to another primary."""
    cluster = require(target.clustered)
    slots: dict[int, str] = {}
    for key in target.live_keys():
        slots.setdefault(cluster.slot_of(key), key)
    for slot, key in list(slots.items())[:SLOTS_MOVED]:
        source = cluster.node_of(key)
        destination = next(node for node in cluster.nodes[:PRIMARIES] if node is not source)
        destination.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id_of(source))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id_of(destination))
        for moved in source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000):
            source.ask("MIGRATE", LOOPBACK, destination.port, moved.decode(), 0, MIGRATE_MS)
        wait(REPEAT_SECONDS)  # ASK redirects requests for the slot's sessions now
        for node in (destination, source):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", cluster.id_of(destination))
        wait(REPEAT_SECONDS)  # and MOVED now


def _stop(node: Node) -> None:
    os.kill(node.child.pid, signal.SIGSTOP)


def _close_connections(node: Node) -> None:
    """Close the connections of all clients but the Sentinels."""
    with node.client as client:
        for other in client.client_list(_type="normal"):
            if not other["name"].startswith(SENTINEL_CLIENT):
                client.client_kill_filter(_id=other["id"], skipme=True)
