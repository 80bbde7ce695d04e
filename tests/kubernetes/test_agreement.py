"""Manifests and Dockerfile name what the code has: settings, ports, paths, metrics, the user."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from container.settings import ContainerSettings
from nextitem.settings import Settings
from nextitem.telemetry.metrics import TOTAL
from nextitem.telemetry.prometheus import series_names
from observability.__main__ import RULE_RESOURCE, rendered_rule_resource
from tests.kubernetes.connections import connection_faults
from tests.kubernetes.manifests import (
    BASE,
    EXAMPLE,
    FOLDER,
    KSERVE,
    PROMETHEUS,
    ROOT,
    Manifest,
    literals,
    of_kind,
    pod_of,
    resources,
)
from tests.kubernetes.policies import WORKLOADS, pod_faults
from tests.kubernetes.schemas import NEWEST, schema_fault

PODS = [pod_of(workload) for workload in of_kind(resources(BASE, KSERVE), *WORKLOADS)]
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
WORKERS_BUSY = 0.6
"""The share of the workers that work at the autoscaler's target."""


def instructions(name: str) -> list[str]:
    return re.findall(rf"(?m)^{name} (.*)", DOCKERFILE)


def rendered(folder: Path) -> list[Manifest]:
    """Return what kustomize makes of a folder; skip without kubectl."""
    if (kubectl := shutil.which("kubectl")) is None:
        pytest.skip("no kubectl here")
    command = [kubectl, "kustomize", str(folder)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return list(yaml.safe_load_all(text))


@pytest.mark.parametrize("pod", PODS, ids=["deployment", "kserve"])
def test_every_setting_is_one_of_the_code(pod: Manifest) -> None:
    [settings] = of_kind(resources(BASE), "ConfigMap")
    names = {entry["name"] for entry in pod["containers"][0]["env"]} | set(settings["data"])
    documented = set(re.findall(r"``(\w+)``", f"{Settings.__doc__}{ContainerSettings.__doc__}"))

    assert names <= documented
    given = literals(pod["containers"][0]) | settings["data"]
    Settings.read(given | {"NEXTITEM_STORE_URL": "redis://valkey:6379", "NEXTITEM_KEY_SECRET": "sixteen characters"})
    read = ContainerSettings.read(given)
    delay = 5 if pod is PODS[0] else 0  # Knative's proxy waits itself
    assert (read.port, read.workers, read.drain_delay_seconds, read.drain_seconds) == (8080, 2, delay, 20)


def test_pods_listen_where_the_image_does_by_default() -> None:
    default = ContainerSettings.read({}).port

    assert instructions("EXPOSE") == [str(default)]
    assert {pod["containers"][0]["ports"][0]["containerPort"] for pod in PODS} == {default}


def test_pods_run_as_the_user_of_the_image() -> None:
    [user] = instructions("USER")
    users = {pod.get("securityContext", pod["containers"][0]["securityContext"])["runAsUser"] for pod in PODS}

    assert {f"{number}:{number}" for number in users} == {user}


def test_the_image_is_what_the_script_installs() -> None:
    assert instructions("ENTRYPOINT") == ['["python", "-m", "container"]']
    assert "RUN kubernetes/install.sh /app python" in DOCKERFILE
    pinned, *stages = instructions("FROM")
    assert re.fullmatch(r"python:3\.13\.\d+-slim-\w+@sha256:[0-9a-f]{64} AS base", pinned)
    assert stages == ["base AS build", "base"]


def test_the_autoscaler_follows_a_metric_that_the_adapter_makes_of_ours() -> None:
    [rule] = yaml.safe_load((PROMETHEUS / "adapter_values.yaml").read_text())["rules"]["custom"]
    [patch] = yaml.safe_load((PROMETHEUS / "requests_in_flight.yaml").read_text())
    pods = patch["value"]["pods"]
    workers = int(literals(PODS[0]["containers"][0])["NEXTITEM_WORKERS"])

    assert rule["seriesQuery"].partition("{")[0] in series_names(TOTAL)
    assert pods["metric"]["name"] == rule["name"]["as"]
    assert pods["target"]["averageValue"] == f"{WORKERS_BUSY * workers * 1000:.0f}m"


def test_the_rules_are_those_of_observability() -> None:
    assert RULE_RESOURCE.read_text() == rendered_rule_resource(), "run `make observability`"


def test_the_example_is_a_valid_deployment() -> None:
    manifests = rendered(EXAMPLE)

    assert [schema_fault(manifest, NEWEST) for manifest in manifests] == [None] * len(manifests)
    assert [*pod_faults(manifests), *connection_faults(manifests)] == []
    assert {manifest["metadata"]["namespace"] for manifest in manifests} == {"shop"}
    [deployment] = of_kind(manifests, "Deployment")
    assert re.fullmatch(r".+@sha256:[0-9a-f]{64}", pod_of(deployment)["containers"][0]["image"])
    [autoscaler] = of_kind(manifests, "HorizontalPodAutoscaler")
    assert [metric["type"] for metric in autoscaler["spec"]["metrics"]] == ["Resource", "Pods"]
    assert of_kind(manifests, "ServiceMonitor")


def test_the_patch_for_the_operators_label_works(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    file = tmp_path / "kubernetes" / "example" / "kustomization.yaml"
    before, start, after = file.read_text().partition("  # - target:\n")
    file.write_text(before + (start + after).replace("  # ", "  "))

    manifests = rendered(file.parent)

    labels = [each["metadata"].get("labels") for each in of_kind(manifests, "ServiceMonitor", "PrometheusRule")]
    assert labels == [{"release": "kube-prometheus-stack"}] * 2


def test_kustomize_sets_the_image_of_an_inference_service(tmp_path: Path) -> None:
    # GIVEN a kustomization of someone's own, as the how-to says
    shutil.copytree(KSERVE, tmp_path / "kserve")
    image = {"name": "nextitem", "newName": "registry.example.com/nextitem", "newTag": "2"}
    document = {"resources": ["kserve"], "namespace": "shop", "images": [image]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(document))

    [scorer] = rendered(tmp_path)

    assert scorer["metadata"]["namespace"] == "shop"
    assert pod_of(scorer)["containers"][0]["image"] == "registry.example.com/nextitem:2"


def test_the_image_has_no_other_folder_of_the_project() -> None:
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    taken = [line[1:] for line in ignored if line.startswith("!")]

    assert "*" in ignored
    assert taken == ["functions", "kubernetes/install.sh"]
    assert {"functions/learning", "functions/operations"} <= set(ignored)
    assert all((ROOT / path).exists() for path in taken)
