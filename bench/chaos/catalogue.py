"""The faults by name: the function that injects each, the deployment it needs, and whether it may destroy data."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.chaos import bucket_faults as bucket
from bench.chaos import failover_faults as failover
from bench.chaos import lake_faults as lake
from bench.chaos import server_faults as server
from bench.chaos.server_faults import FAULT_SECONDS, LONG_FAULT_SECONDS
from bench.chaos.targets import Shape, Target


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: in the report.
        shape: the deployment that it needs.
        inject: injects it and ends it, if it can be ended, before it returns.
        destroys: whether acknowledged data may be lost by the nature of the fault.
        alone: whether it needs a fresh deployment and leaves one that no other fault can use.
    """

    name: str
    shape: Shape
    inject: Callable[[Target], None]
    destroys: bool = False
    alone: bool = False


FAULTS: tuple[Fault, ...] = (
    Fault("none", "single", server.no_fault),
    Fault("SIGSTOP 1 s", "single", server.hang_server(FAULT_SECONDS)),
    Fault("SIGSTOP 3 s", "single", server.hang_server(LONG_FAULT_SECONDS)),
    Fault("CLIENT PAUSE 1 s", "single", server.pause_clients),
    Fault("SCRIPT FLUSH repeatedly", "single", server.flush_scripts),
    Fault("CLIENT KILL repeatedly", "single", server.kill_clients_repeatedly),
    Fault("out of memory", "single", server.exhaust_memory),
    Fault("appends of late events", "single", server.append_late_events),
    Fault("workers frozen, hung up on", "single", server.freeze_workers),
    Fault("kill -9 the collector repeatedly", "single", lake.kill_collector_repeatedly),
    Fault("S3 loses and refuses the lake", "single", lake.lose_writes_to_the_lake),
    Fault("lost answers, dying collectors", "single", lake.lose_answers_while_collectors_die),
    Fault("streams overflow", "single", lake.overflow_streams),
    Fault("FLUSHALL", "single", server.flush_all, destroys=True),
    Fault("refused 1 s, back empty", "single", server.restart_empty(FAULT_SECONDS), destroys=True),
    Fault("refused 3 s, back empty", "single", server.restart_empty(LONG_FAULT_SECONDS), destroys=True),
    Fault("latency 200 ms", "proxied", server.delay_answers),
    Fault("partition 1 s, proxy", "proxied", server.drop_bytes),
    Fault("half-closed sockets", "proxied", server.half_close_connections),
    Fault("a reply too many", "proxied", server.add_replies),
    Fault("connections reset", "proxied", server.reset_connections),
    Fault("connections reset, TLS, ACL", "tls", server.reset_connections),
    Fault("partition 3 s, namespace", "namespace", server.cut_network),
    Fault("objects over their limits", "bucket", bucket.overgrow_objects),
    Fault("lost answers to promotions", "bucket", bucket.lose_answers_to_writes),
    Fault("slots move in the Cluster", "cluster", failover.move_slots),
    Fault("one primary paused, Cluster", "cluster", failover.pause_cluster_primary),
    Fault("kill -9 primary, Cluster", "cluster", failover.kill_cluster_primary, destroys=True),
    Fault("primary hangs, Cluster", "cluster", failover.hang_cluster_primary, destroys=True, alone=True),
    Fault("seed hangs, Cluster", "replica as seed", failover.hang_seed),
    Fault("kill -9 primary, Sentinel", "sentinel", failover.kill_primary, destroys=True, alone=True),
    Fault("primary hangs, Sentinel", "sentinel", failover.hang_primary, destroys=True, alone=True),
    Fault("split brain, Sentinel", "sentinel", failover.split_brain, destroys=True, alone=True),
    Fault("split brain, workers asleep", "sentinel", failover.split_brain_while_frozen, destroys=True, alone=True),
    Fault("asleep, min-replicas 1", "sentinel", failover.split_brain_with_min_replicas, destroys=True, alone=True),
    Fault("first Sentinel hangs", "two Sentinels", failover.hang_first_sentinel),
)
"""Faults of one shape stand side by side and share a deployment; those that end a server come last."""
