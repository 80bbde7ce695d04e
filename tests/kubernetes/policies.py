"""Checks of a pod that schemas cannot make: it is safe, has what it needs, and ends without losing requests."""

from collections.abc import Iterator, Sequence

from container.supervisor import EXIT_SECONDS
from tests.kubernetes.manifests import Manifest, literals, of_kind, pod_of

SECRETS = {"NEXTITEM_STORE_URL", "NEXTITEM_KEY_SECRET"}
WORKLOADS = ("Deployment", "InferenceService")
VISIBILITY = "networking.knative.dev/visibility"
"""The label by which Knative gives a service no public URL."""
KNATIVE_QUIET_SECONDS = 30
"""Knative's proxy sends requests for so long while a pod ends, and SIGTERM reaches the container only then."""


def pod_faults(manifests: Sequence[Manifest]) -> list[str]:
    """Return what is wrong with the pods of manifests that are applied together, a sentence each."""
    found: list[str] = []
    for workload in of_kind(manifests, *WORKLOADS):
        pod, name = pod_of(workload), workload["kind"]
        for container in pod["containers"]:
            checks = (_security, _settings, _resources, _files)
            found += [f"{name}: {fault}" for check in checks for fault in check(pod, container)]
            found += [f"{name}: {fault}" for fault in _probes(workload, container)]
        found += [
            f"{name}: {fault}" for fault in (*_identity(pod, manifests), *_ending(workload), *_exposure(workload))
        ]
    return found


def _security(pod: Manifest, container: Manifest) -> Iterator[str]:
    own, shared = container.get("securityContext", {}), pod.get("securityContext", {})
    both = shared | own
    if not both.get("runAsNonRoot") or not both.get("runAsUser"):
        yield "it may run as root"
    if not own.get("readOnlyRootFilesystem"):
        yield "its root file system can be written"
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield "it may get more privileges"
    if own.get("capabilities") != {"drop": ["ALL"]}:
        yield "it keeps capabilities"
    if both.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "it has no seccomp profile"
    if any(pod.get(shared_name) for shared_name in ("hostNetwork", "hostPID", "hostIPC")):
        yield "it shares namespaces of its node"


def _settings(pod: Manifest, container: Manifest) -> Iterator[str]:
    names = [entry["name"] for entry in container["env"]]
    if len(names) > len(set(names)):
        yield "a variable is set twice"
    if literals(container).get("NEXTITEM_PORT") != str(container["ports"][0]["containerPort"]):
        yield "NEXTITEM_PORT is not the container's port"
    if pod.get("enableServiceLinks") is not False:
        yield "Kubernetes sets NEXTITEM_PORT for the Service nextitem: enableServiceLinks must be false"
    if missing := SECRETS - {
        entry["name"] for entry in container["env"] if "secretKeyRef" in entry.get("valueFrom", {})
    }:
        yield f"{', '.join(sorted(missing))} must come from a Secret"


def _resources(pod: Manifest, container: Manifest) -> Iterator[str]:
    requests, limits = (container.get("resources", {}).get(kind, {}) for kind in ("requests", "limits"))
    if requests.get("memory") is None or requests["memory"] != limits.get("memory"):
        yield "its memory is not what it requests"
    if literals(container).get("NEXTITEM_WORKERS") != requests.get("cpu"):
        yield "it has not one worker for each core that it requests"
    if "cpu" in limits:
        yield "its CPU is throttled by a limit"


def _files(pod: Manifest, container: Manifest) -> Iterator[str]:
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    mounts = {mount["mountPath"]: mount["name"] for mount in container.get("volumeMounts", [])}
    scratch = volumes.get(mounts.get("/tmp", ""), {})  # noqa: S108 - the container's, not this machine's
    if not scratch.get("emptyDir", {}).get("sizeLimit"):
        yield "it has no volume of limited size for /tmp, where models are downloaded to"


def _probes(workload: Manifest, container: Manifest) -> Iterator[str]:
    kinds = ["livenessProbe", "readinessProbe", *(["startupProbe"] if workload["kind"] == "Deployment" else [])]
    ports = {port[key] for port in container["ports"] for key in ("name", "containerPort")}
    paths = {}
    for kind in kinds:
        request = container.get(kind, {}).get("httpGet")
        if request is None:
            yield f"it has no {kind}"
            continue
        paths[kind] = request["path"]
        if request["port"] not in ports:
            yield f"its {kind} asks a port that it has not"
    if paths.get("livenessProbe", 0) == paths.get("readinessProbe", 1):
        yield "a pod that is not ready would be restarted: both probes ask the same path"


def _identity(pod: Manifest, manifests: Sequence[Manifest]) -> Iterator[str]:
    accounts = {manifest["metadata"]["name"] for manifest in of_kind(manifests, "ServiceAccount")}
    maps = {manifest["metadata"]["name"] for manifest in of_kind(manifests, "ConfigMap")}
    if pod.get("serviceAccountName") not in accounts:
        yield "its ServiceAccount does not exist"
    if pod.get("automountServiceAccountToken") is not False:
        yield "it gets a token for the API server"
    sources = [source for container in pod["containers"] for source in container.get("envFrom", [])]
    if not {source["configMapRef"]["name"] for source in sources} <= maps:
        yield "its ConfigMap does not exist"


def _ending(workload: Manifest) -> Iterator[str]:
    pod = pod_of(workload)
    variables = literals(pod["containers"][0])
    delay, drain = (int(variables.get(f"NEXTITEM_DRAIN_{name}", 0)) for name in ("DELAY_SECONDS", "SECONDS"))
    grace = pod.get("terminationGracePeriodSeconds", 30) if workload["kind"] == "Deployment" else pod.get("timeout", 0)
    quiet = 0 if workload["kind"] == "Deployment" else KNATIVE_QUIET_SECONDS
    needed = quiet + delay + drain + EXIT_SECONDS
    if not drain:
        yield "NEXTITEM_DRAIN_SECONDS is not set"
    if not quiet and not delay:
        yield "it refuses requests before all nodes have removed it from their endpoints"
    if needed > grace:
        yield f"it is killed after {grace} s, while it may need {needed:g} s to end"
    if workload["kind"] == "Deployment":
        rolling = workload["spec"].get("strategy", {}).get("rollingUpdate", {})
        if rolling.get("maxUnavailable") != 0:
            yield "a rollout takes pods away before new ones are ready"


def _exposure(workload: Manifest) -> Iterator[str]:
    """A NetworkPolicy guards the Deployment's pods; it does not select those of Knative."""
    labels = workload["metadata"].get("labels", {})
    if workload["kind"] == "InferenceService" and labels.get(VISIBILITY) != "cluster-local":
        yield f"it gets a public URL without authentication: {VISIBILITY} must be cluster-local"
