"""The faults: what is done to a deployment, from the first blow until it is lifted.

Knows no traffic and no oracle; a fault only says whether it destroys data by its nature.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.chaos.scenes import Scene, Shape
from devstack.deployments import Node
from devstack.processes import LOOPBACK

HOLD_SECONDS = 1.0
"""How long a fault lasts that is lifted."""
AGAIN_SECONDS = 0.05
"""Between two blows of a fault that strikes repeatedly."""
SLOTS_MOVED = 15
MIGRATE_MS = 2000
_NEVER = threading.Event()


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: as in the report.
        shape: the deployment that it needs.
        strike: does it and, where it can be lifted, lifts it before it returns.
        destroys: whether acknowledged data may be gone with it.
        alone: whether it needs a deployment that no other fault has touched, and leaves none to others.
    """

    name: str
    shape: Shape
    strike: Callable[[Scene], None]
    destroys: bool = False
    alone: bool = False


def _hold(seconds: float = HOLD_SECONDS) -> None:
    _NEVER.wait(seconds)


def _again(blow: Callable[[], object]) -> None:
    until = time.monotonic() + HOLD_SECONDS
    while time.monotonic() < until:
        blow()
        _hold(AGAIN_SECONDS)


def _nothing(_scene: Scene) -> None:
    _hold()


def _stopped(scene: Scene) -> None:
    os.kill(scene.the_server.child.pid, signal.SIGSTOP)
    _hold()
    os.kill(scene.the_server.child.pid, signal.SIGCONT)


def _paused(scene: Scene) -> None:
    scene.the_server.ask("CLIENT", "PAUSE", int(HOLD_SECONDS * 1000), "ALL")
    _hold()


def _scripts_flushed(scene: Scene) -> None:
    _again(lambda: scene.the_server.ask("SCRIPT", "FLUSH"))


def _clients_killed(scene: Scene) -> None:
    _again(lambda: scene.the_server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))


def _flushed(scene: Scene) -> None:
    scene.the_server.ask("FLUSHALL")


def _out_of_memory(scene: Scene) -> None:
    scene.the_server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    scene.the_server.ask("CONFIG", "SET", "maxmemory", 1)
    _hold()
    scene.the_server.ask("CONFIG", "SET", "maxmemory", 0)


def _restarted(scene: Scene) -> None:
    scene.the_server.child.kill()
    _hold()
    scene.the_server.start_again()


def _delayed(scene: Scene) -> None:
    scene.the_proxy.mode = "delay"
    _hold()
    scene.the_proxy.mode = "pass"


def _partitioned(scene: Scene) -> None:
    scene.the_proxy.mode = "swallow"
    _hold()
    scene.the_proxy.reset()  # as a network does that comes back and no longer knows its connections
    scene.the_proxy.mode = "pass"


def _half_closed(scene: Scene) -> None:
    _again(scene.the_proxy.half_close)


def _reset(scene: Scene) -> None:
    _again(scene.the_proxy.reset)


def _primary_killed(scene: Scene) -> None:
    scene.the_sentinelled.primary.child.kill()


def _primary_hangs(scene: Scene) -> None:
    os.kill(scene.the_sentinelled.primary.child.pid, signal.SIGSTOP)  # for good: it stays without a word


def _cluster_primary_killed(scene: Scene) -> None:
    scene.the_cluster.nodes[2].child.kill()


def _cluster_primary_hangs(scene: Scene) -> None:
    os.kill(scene.the_cluster.nodes[0].child.pid, signal.SIGSTOP)  # the node that a client knows first


def _slots_moved(scene: Scene) -> None:
    cluster = scene.the_cluster
    slots: dict[int, str] = {}
    for key in scene.live_keys():
        slots.setdefault(cluster.slot_of(key), key)
    for slot, key in list(slots.items())[:SLOTS_MOVED]:
        source = cluster.node_of(key)
        target = next(node for node in cluster.nodes[:3] if node is not source)
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id_of(source))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id_of(target))
        _migrate(source, target, slot)
        _hold(AGAIN_SECONDS)  # requests for the slot's sessions are sent on by ASK now
        for node in (target, source):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", cluster.id_of(target))
        _hold(AGAIN_SECONDS)  # and by MOVED now


def _migrate(source: Node, target: Node, slot: int) -> None:
    for key in source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000):
        source.ask("MIGRATE", LOOPBACK, target.port, key.decode(), 0, MIGRATE_MS)


FAULTS: tuple[Fault, ...] = (
    Fault("none", "single", _nothing),
    Fault("SIGSTOP 1 s", "single", _stopped),
    Fault("CLIENT PAUSE 1 s", "single", _paused),
    Fault("SCRIPT FLUSH repeatedly", "single", _scripts_flushed),
    Fault("CLIENT KILL repeatedly", "single", _clients_killed),
    Fault("out of memory", "single", _out_of_memory),
    Fault("FLUSHALL", "single", _flushed, destroys=True),
    Fault("refused 1 s, back empty", "single", _restarted, destroys=True),
    Fault("latency 200 ms", "proxied", _delayed),
    Fault("partition 1 s", "proxied", _partitioned),
    Fault("half-closed sockets", "proxied", _half_closed),
    Fault("connections reset", "proxied", _reset),
    Fault("slots move in the Cluster", "cluster", _slots_moved),
    Fault("kill -9 primary, Cluster", "cluster", _cluster_primary_killed, destroys=True),
    Fault("primary hangs, Cluster", "cluster", _cluster_primary_hangs, destroys=True, alone=True),
    Fault("kill -9 primary, Sentinel", "sentinel", _primary_killed, destroys=True, alone=True),
    Fault("primary hangs, Sentinel", "sentinel", _primary_hangs, destroys=True, alone=True),
)
"""In an order in which those of one shape can share a deployment: what ends a server comes last."""
