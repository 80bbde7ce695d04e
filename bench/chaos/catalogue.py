"""The faults by name: what each does to which deployment, and whether it destroys data by its nature."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.chaos import blows, failovers
from bench.chaos.blows import HOLD_SECONDS, LONG_SECONDS
from bench.chaos.scenes import Scene, Shape


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


FAULTS: tuple[Fault, ...] = (
    Fault("none", "single", blows.nothing),
    Fault("SIGSTOP 1 s", "single", blows.stopped(HOLD_SECONDS)),
    Fault("SIGSTOP 3 s", "single", blows.stopped(LONG_SECONDS)),
    Fault("CLIENT PAUSE 1 s", "single", blows.paused),
    Fault("SCRIPT FLUSH repeatedly", "single", blows.scripts_flushed),
    Fault("CLIENT KILL repeatedly", "single", blows.clients_killed),
    Fault("out of memory", "single", blows.out_of_memory),
    Fault("workers frozen, hung up on", "single", blows.workers_frozen),
    Fault("FLUSHALL", "single", blows.flushed, destroys=True),
    Fault("refused 1 s, back empty", "single", blows.restarted(HOLD_SECONDS), destroys=True),
    Fault("refused 3 s, back empty", "single", blows.restarted(LONG_SECONDS), destroys=True),
    Fault("latency 200 ms", "proxied", blows.delayed),
    Fault("partition 1 s, proxy", "proxied", blows.swallowed),
    Fault("half-closed sockets", "proxied", blows.half_closed),
    Fault("connections reset", "proxied", blows.reset),
    Fault("connections reset, TLS, ACL", "tls", blows.reset),
    Fault("partition 3 s, namespace", "namespace", blows.partitioned),
    Fault("slots move in the Cluster", "cluster", failovers.slots_moved),
    Fault("kill -9 primary, Cluster", "cluster", failovers.cluster_primary_killed, destroys=True),
    Fault("primary hangs, Cluster", "cluster", failovers.cluster_primary_hangs, destroys=True, alone=True),
    Fault("seed hangs, Cluster", "replica as seed", failovers.seed_hangs),
    Fault("kill -9 primary, Sentinel", "sentinel", failovers.primary_killed, destroys=True, alone=True),
    Fault("primary hangs, Sentinel", "sentinel", failovers.primary_hangs, destroys=True, alone=True),
    Fault("split brain, Sentinel", "sentinel", failovers.brain_split, destroys=True, alone=True),
    Fault("split brain, workers asleep", "sentinel", failovers.brain_split_asleep, destroys=True, alone=True),
    Fault("asleep, min-replicas 1", "sentinel", failovers.brain_split_asleep_guarded, destroys=True, alone=True),
    Fault("first Sentinel hangs", "two Sentinels", failovers.sentinel_hangs),
)
"""In an order in which those of one shape can share a deployment: what ends a server comes last."""
