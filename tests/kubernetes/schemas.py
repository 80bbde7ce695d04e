"""Schemas of the manifests: Kubernetes' own, strict, from kubernetes-validate; ours for three custom resources.

Ours have the fields that we use, after the reference of the Prometheus operator's API and of KServe's. An
InferenceService's predictor is a pod's specification with further fields, so Kubernetes' schema checks the rest of it.
"""

from typing import Any

import jsonschema
import kubernetes_validate

from tests.kubernetes.manifests import Manifest

OLDEST, NEWEST = "1.27", "1.37"
"""Versions of Kubernetes: the first that has every field without a feature gate, and the newest of the package."""

_TEXT, _COUNT = {"type": "string", "minLength": 1}, {"type": "integer", "minimum": 0}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = required | (optional or {})
    return {
        "type": "object",
        "additionalProperties": False,
        "required": sorted(required),
        "properties": properties,
    }


_TEXTS = {"type": "object", "additionalProperties": _TEXT}
_METADATA = _object({"name": _TEXT}, {"labels": _TEXTS, "annotations": _TEXTS, "namespace": _TEXT})
_ENDPOINT = _object({"port": _TEXT}, {"path": _TEXT, "interval": {"type": "string", "pattern": "^[0-9]+(ms|s|m)$"}})
SERVICE_MONITOR = _object(
    {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "kind": {"const": "ServiceMonitor"},
        "metadata": _METADATA,
        "spec": _object(
            {
                "selector": _object({"matchLabels": _TEXTS}),
                "endpoints": {"type": "array", "minItems": 1, "items": _ENDPOINT},
            }
        ),
    }
)
_RULE = _object(
    {"expr": _TEXT},
    {"alert": _TEXT, "record": _TEXT, "for": _TEXT, "keep_firing_for": _TEXT, "labels": _TEXTS, "annotations": _TEXTS},
)
_GROUP = _object({"name": _TEXT, "rules": {"type": "array", "minItems": 1, "items": _RULE}}, {"interval": _TEXT})
PROMETHEUS_RULE = _object(
    {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "kind": {"const": "PrometheusRule"},
        "metadata": _METADATA,
        "spec": _object({"groups": {"type": "array", "minItems": 1, "items": _GROUP}}),
    }
)
PREDICTOR = {
    "minReplicas": _COUNT,
    "maxReplicas": _COUNT,
    "scaleMetric": {"enum": ["cpu", "memory", "concurrency", "rps"]},
    "scaleTarget": _COUNT,
    "canaryTrafficPercent": {"type": "integer", "minimum": 0, "maximum": 100},
    "containerConcurrency": _COUNT,
    "timeout": _COUNT,
}
"""Fields of a predictor beside those of a pod."""
INFERENCE_SERVICE = _object(
    {
        "apiVersion": {"const": "serving.kserve.io/v1beta1"},
        "kind": {"const": "InferenceService"},
        "metadata": _METADATA,
        "spec": _object({"predictor": {"type": "object", "required": ["containers"], "properties": PREDICTOR}}),
    }
)


_CUSTOM = {"ServiceMonitor": SERVICE_MONITOR, "PrometheusRule": PROMETHEUS_RULE}


def schema_fault(manifest: Manifest, version: str) -> str | None:
    """Return what a schema refuses of a manifest, None if nothing.

    Args:
        manifest: the manifest.
        version: of Kubernetes.
    """
    try:
        if manifest["kind"] in _CUSTOM:
            jsonschema.validate(manifest, _CUSTOM[manifest["kind"]])
        elif manifest["kind"] == "InferenceService":
            jsonschema.validate(manifest, INFERENCE_SERVICE)
            pod = {name: value for name, value in manifest["spec"]["predictor"].items() if name not in PREDICTOR}
            kubernetes_validate.validate(
                {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "predictor"}, "spec": pod},
                version,
                strict=True,
            )
        else:
            kubernetes_validate.validate(manifest, version, strict=True)
    except jsonschema.ValidationError as error:
        return f"{'.'.join(map(str, error.path))}: {error.message}"
    return None
