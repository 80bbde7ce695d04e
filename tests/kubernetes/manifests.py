"""The manifests of kubernetes/, as documents."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "kubernetes"
BASE, PROMETHEUS, KSERVE, EXAMPLE = (FOLDER / name for name in ("base", "prometheus", "kserve", "example"))

Manifest = dict[str, Any]


def resources(*folders: Path) -> list[Manifest]:
    """Return the resources that the kustomizations of folders list."""
    lists = [(folder, yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]) for folder in folders]
    files = [folder / name for folder, names in lists for name in names]
    return [document for file in files for document in yaml.safe_load_all(file.read_text())]


def of_kind(manifests: Iterable[Manifest], *kinds: str) -> list[Manifest]:
    """Return the manifests of some kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def pod_of(workload: Manifest) -> Manifest:
    """Return the pod's specification of a Deployment or an InferenceService."""
    spec: Manifest = workload["spec"]
    pod: Manifest = spec["template"]["spec"] if workload["kind"] == "Deployment" else spec["predictor"]
    return pod


def literals(container: Manifest) -> dict[str, str]:
    """Return the variables of a container that have their values in the manifest."""
    return {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
