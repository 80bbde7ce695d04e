"""Checks of several manifests that schemas cannot make: they select each other, and name ports that exist."""

from collections.abc import Iterator, Sequence
from typing import Any

from tests.kubernetes.manifests import Manifest, of_kind, pod_of

EGRESS = {53, 80, 443, 6379}
"""Ports of DNS, of the agent of EKS Pod Identity, of AWS and of Valkey."""
NODE_LOCAL_DNS = {"ipBlock": {"cidr": "169.254.20.10/32"}}
"""Many clusters answer DNS from a cache on each node. It has the node's network, so no label selects it."""


def connection_faults(manifests: Sequence[Manifest]) -> list[str]:
    """Return what does not fit between manifests that are applied together, a sentence each."""
    [deployment] = of_kind(manifests, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    ports = {port[key] for port in pod_of(deployment)["containers"][0]["ports"] for key in ("name", "containerPort")}
    found = [] if _selects(deployment["spec"]["selector"], labels) else ["Deployment: it does not select its pods"]
    for check in (_services, _budgets, _network):
        found += check(manifests, labels, ports)
    return [*found, *_monitors(manifests), *_autoscalers(manifests, deployment)]


def _selects(selector: Manifest, labels: Manifest) -> bool:
    wanted = selector["matchLabels"]
    return bool(wanted) and wanted.items() <= labels.items()


def _services(manifests: Sequence[Manifest], labels: Manifest, ports: set[Any]) -> Iterator[str]:
    for service in of_kind(manifests, "Service"):
        if not _selects({"matchLabels": service["spec"]["selector"]}, labels):
            yield "Service: it selects no pods"
        if not {port.get("targetPort", port["port"]) for port in service["spec"]["ports"]} <= ports:
            yield "Service: its target port is not one of the pods"


def _monitors(manifests: Sequence[Manifest]) -> Iterator[str]:
    services = of_kind(manifests, "Service")
    for monitor in of_kind(manifests, "ServiceMonitor"):
        selector = monitor["spec"]["selector"]
        watched = [service for service in services if _selects(selector, service["metadata"].get("labels", {}))]
        if not watched:
            yield "ServiceMonitor: it selects no Service"
        names = {port["name"] for service in watched for port in service["spec"]["ports"]}
        if not {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= names:
            yield "ServiceMonitor: its port is not one of the Service"


def _budgets(manifests: Sequence[Manifest], labels: Manifest, _ports: set[Any]) -> Iterator[str]:
    budgets = of_kind(manifests, "PodDisruptionBudget")
    if not budgets:
        yield "PodDisruptionBudget: there is none"
    for budget in budgets:
        if not _selects(budget["spec"]["selector"], labels):
            yield "PodDisruptionBudget: it selects no pods"
        if budget["spec"].get("maxUnavailable") != 1:
            yield "PodDisruptionBudget: not one pod at a time is evicted"


def _network(manifests: Sequence[Manifest], labels: Manifest, ports: set[Any]) -> Iterator[str]:
    policies = of_kind(manifests, "NetworkPolicy")
    if not policies:
        yield "NetworkPolicy: there is none"
    for policy in policies:
        spec = policy["spec"]
        if not _selects(spec["podSelector"], labels):
            yield "NetworkPolicy: it selects no pods"
        if set(spec["policyTypes"]) != {"Ingress", "Egress"}:
            yield "NetworkPolicy: one direction is open"
        if not {port["port"] for rule in spec["ingress"] for port in rule["ports"]} <= ports:
            yield "NetworkPolicy: it lets traffic in to another port"
        if any(not rule.get("from") for rule in spec["ingress"]) or any(not rule.get("to") for rule in spec["egress"]):
            yield "NetworkPolicy: a rule has no peers, so it lets everything through"
        if {port["port"] for rule in spec["egress"] for port in rule["ports"]} != EGRESS:
            yield "NetworkPolicy: the ports that pods call are not those that they need"
        dns = [rule["to"] for rule in spec["egress"] if {port["port"] for port in rule["ports"]} == {53}]
        if not any(NODE_LOCAL_DNS in peers for peers in dns):
            yield "NetworkPolicy: with NodeLocal DNSCache pods cannot look up names"


def _autoscalers(manifests: Sequence[Manifest], deployment: Manifest) -> Iterator[str]:
    autoscalers = of_kind(manifests, "HorizontalPodAutoscaler")
    if not autoscalers:
        yield "HorizontalPodAutoscaler: there is none"
    for autoscaler in autoscalers:
        target = autoscaler["spec"]["scaleTargetRef"]
        scaled = {"apiVersion": deployment["apiVersion"], "kind": "Deployment", "name": deployment["metadata"]["name"]}
        if target != scaled:
            yield "HorizontalPodAutoscaler: it scales another workload"
        if "replicas" in deployment["spec"]:
            yield "Deployment: each apply resets the replicas that the autoscaler has set"
        if not 2 <= autoscaler["spec"]["minReplicas"] <= autoscaler["spec"]["maxReplicas"]:
            yield "HorizontalPodAutoscaler: the last pod may be evicted"
