"""The manifests are valid, fit each other and the code, and each kind of mistake in them is found."""

import copy
from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from tests.kubernetes.connections import connection_faults
from tests.kubernetes.manifests import (
    BASE,
    EXAMPLE,
    FOLDER,
    KSERVE,
    PROMETHEUS,
    Manifest,
    of_kind,
    resources,
)
from tests.kubernetes.policies import pod_faults
from tests.kubernetes.schemas import NEWEST, OLDEST, schema_fault

APPLIED = resources(BASE, PROMETHEUS, KSERVE)
MISSING = Ellipsis
"""Takes a field away."""


def faults(manifests: Sequence[Manifest]) -> list[str]:
    return [*pod_faults(manifests), *connection_faults(manifests)]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("manifest", APPLIED, ids=lambda manifest: manifest["kind"])
def test_a_manifest_has_the_schema_of_its_kind(manifest: Manifest, version: str) -> None:
    assert schema_fault(manifest, version) is None


def test_the_manifests_have_no_faults() -> None:
    assert faults(APPLIED) == []


def test_every_file_is_in_a_kustomization() -> None:
    named = {FOLDER / "prometheus" / "adapter_values.yaml"}  # for Helm
    for folder in (BASE, PROMETHEUS, KSERVE, EXAMPLE):
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
        patches = [patch["path"] for patch in kustomization.get("patches", []) if "path" in patch]
        files = [*kustomization["resources"], *patches]
        named |= {folder / name for name in (*files, "kustomization.yaml") if name.endswith(".yaml")}
    assert set(FOLDER.rglob("*.yaml")) == named


POD = ("Deployment", "spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)
SCORER = ("InferenceService", "spec", "predictor")
MISTAKES: list[tuple[tuple[Any, ...], Any, str]] = [
    ((*POD, "securityContext", "runAsNonRoot"), MISSING, "Deployment: it may run as root"),
    ((*POD, "securityContext", "runAsUser"), 0, "Deployment: it may run as root"),
    ((*POD, "securityContext", "seccompProfile"), MISSING, "seccomp"),
    ((*POD, "hostNetwork"), True, "shares namespaces"),
    ((*POD, "automountServiceAccountToken"), MISSING, "a token for the API server"),
    ((*POD, "serviceAccountName"), "default", "its ServiceAccount does not exist"),
    ((*POD, "enableServiceLinks"), MISSING, "enableServiceLinks must be false"),
    ((*POD, "terminationGracePeriodSeconds"), MISSING, "killed after 30 s, while it may need 33 s"),
    ((*POD, "volumes", 0, "emptyDir"), {}, "no volume of limited size for /tmp"),
    ((*CONTAINER, "volumeMounts", 0, "mountPath"), "/var/tmp", "no volume of limited size for /tmp"),  # noqa: S108
    ((*CONTAINER, "securityContext", "readOnlyRootFilesystem"), False, "root file system can be written"),
    ((*CONTAINER, "securityContext", "allowPrivilegeEscalation"), MISSING, "more privileges"),
    ((*CONTAINER, "securityContext", "privileged"), True, "more privileges"),
    ((*CONTAINER, "securityContext", "capabilities"), {"drop": ["NET_RAW"]}, "keeps capabilities"),
    ((*CONTAINER, "resources", "limits", "memory"), "2Gi", "memory is not what it requests"),
    ((*CONTAINER, "resources", "limits", "cpu"), "2", "throttled"),
    ((*CONTAINER, "resources", "requests", "cpu"), "1", "one worker for each core"),
    ((*CONTAINER, "ports", 0, "containerPort"), 8000, "NEXTITEM_PORT is not the container's port"),
    ((*CONTAINER, "ports", 0, "name"), "web", "Service: its target port"),
    ((*CONTAINER, "livenessProbe"), MISSING, "no livenessProbe"),
    ((*CONTAINER, "readinessProbe"), MISSING, "no readinessProbe"),
    ((*CONTAINER, "startupProbe"), MISSING, "no startupProbe"),
    ((*CONTAINER, "livenessProbe", "httpGet", "path"), "/readyz", "would be restarted"),
    ((*CONTAINER, "readinessProbe", "httpGet", "port"), 9090, "readinessProbe asks a port that it has not"),
    ((*CONTAINER, "env", 2, "value"), "0", "refuses requests before all nodes"),
    ((*CONTAINER, "env", 3, "value"), "25", "killed after 35 s, while it may need 38 s"),
    ((*CONTAINER, "env", 3, "name"), "NEXTITEM_DRAIN", "NEXTITEM_DRAIN_SECONDS is not set"),
    ((*CONTAINER, "env", 4), {"name": "NEXTITEM_STORE_URL", "value": "redis://h"}, "NEXTITEM_STORE_URL must come"),
    ((*CONTAINER, "env", 1, "name"), "NEXTITEM_PORT", "set twice"),
    ((*CONTAINER, "envFrom", 0, "configMapRef", "name"), "settings", "its ConfigMap does not exist"),
    (("Deployment", "spec", "strategy"), MISSING, "takes pods away before new ones are ready"),
    (("Deployment", "spec", "replicas"), 3, "resets the replicas"),
    (("Deployment", "spec", "template", "metadata", "labels"), {"app": "nextitem"}, "does not select its pods"),
    (("Service", "spec", "selector"), {"app": "nextitem"}, "Service: it selects no pods"),
    (("Service", "spec", "selector"), {}, "Service: it selects no pods"),
    (("Service", "spec", "ports", 0, "targetPort"), MISSING, "Service: its target port"),
    (("Service", "metadata", "labels"), {}, "ServiceMonitor: it selects no Service"),
    (("ServiceMonitor", "spec", "endpoints", 0, "port"), "metrics", "ServiceMonitor: its port"),
    (("PodDisruptionBudget", "spec", "maxUnavailable"), "50%", "not one pod at a time"),
    (
        ("PodDisruptionBudget", "spec", "selector", "matchLabels"),
        {"app": "x"},
        "PodDisruptionBudget: it selects no pods",
    ),
    (("PodDisruptionBudget", "kind"), "Other", "PodDisruptionBudget: there is none"),
    (("NetworkPolicy", "kind"), "Other", "NetworkPolicy: there is none"),
    (("NetworkPolicy", "spec", "podSelector", "matchLabels"), {"app": "x"}, "NetworkPolicy: it selects no pods"),
    (("NetworkPolicy", "spec", "policyTypes"), ["Ingress"], "one direction is open"),
    (("NetworkPolicy", "spec", "ingress", 0, "ports", 0, "port"), "metrics", "in to another port"),
    (("NetworkPolicy", "spec", "ingress", 0, "from"), MISSING, "lets everything through"),
    (("NetworkPolicy", "spec", "egress", 1, "ports", 0, "port"), 6380, "not those that they need"),
    (("NetworkPolicy", "spec", "egress", 0, "to", 1), MISSING, "NodeLocal DNSCache"),
    (("HorizontalPodAutoscaler", "kind"), "Other", "HorizontalPodAutoscaler: there is none"),
    (("HorizontalPodAutoscaler", "spec", "minReplicas"), 1, "the last pod may be evicted"),
    (("HorizontalPodAutoscaler", "spec", "scaleTargetRef", "name"), "shop", "scales another workload"),
    ((*SCORER, "containers", 0, "securityContext", "runAsUser"), MISSING, "InferenceService: it may run as root"),
    ((*SCORER, "containers", 0, "readinessProbe"), MISSING, "InferenceService: it has no readinessProbe"),
    ((*SCORER, "timeout"), 57, "InferenceService: it is killed after 57 s, while it may need 58 s"),
    (("InferenceService", "metadata", "labels"), MISSING, "InferenceService: it gets a public URL"),
]


def planted(path: tuple[Any, ...], value: object) -> list[Manifest]:
    """Return the manifests with another value at a path, which begins with a kind."""
    manifests = copy.deepcopy(APPLIED)
    place: Any = of_kind(manifests, path[0])[0]
    for step in path[1:-1]:
        place = place[step]
    if value is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = copy.deepcopy(value)
    return manifests


@pytest.mark.parametrize(("path", "value", "fault"), MISTAKES, ids=lambda part: str(part)[-40:])
def test_each_mistake_is_found(path: tuple[Any, ...], value: object, fault: str) -> None:
    found = faults(planted(path, value))

    assert [sentence for sentence in found if fault in sentence], found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*CONTAINER, "readinesProbe"), {}),
        ((*CONTAINER, "env", 0, "value"), 8080),
        (("HorizontalPodAutoscaler", "spec", "metrics", 0, "type"), 5),
        (("ServiceMonitor", "spec", "endpoints", 0, "interval"), "15"),
        (("PrometheusRule", "spec", "groups", 0, "rules", 0, "labels"), {"severity": 1}),
        ((*SCORER, "canaryTrafficPercent"), 101),
        ((*SCORER, "canaryTraffic"), 10),
        ((*SCORER, "containers", 0, "command"), "python"),
    ],
)
def test_a_schema_refuses_a_wrong_field(path: tuple[Any, ...], value: object) -> None:
    manifests = planted(path, value)

    assert [schema_fault(manifest, NEWEST) for manifest in of_kind(manifests, path[0])] != [None]
