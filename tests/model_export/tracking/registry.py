"""A registry in memory, with the manifests of the demo's models and verdicts on them."""

from pathlib import Path

from nextitem.model.manifest import MANIFEST
from nextitem.registry.reader import model_key
from nextitem.registry.verdicts import Figure, Verdict, write_verdict
from tests.nextitem.memory_bucket import MemoryBucket


def put(bucket: MemoryBucket, artifact: Path) -> None:
    """Publish the manifest of a version."""
    bucket.objects[model_key(artifact.name, MANIFEST)] = (artifact / MANIFEST).read_bytes()


def judge(bucket: MemoryBucket, version: str, reference: str, *, passed: bool, hr: float) -> None:
    """Write a verdict on a version."""
    reason = "It holds all bounds." if passed else "It misses hr@20."
    figures = {"hr@20": Figure(hr)}
    at = "2026-01-31T09:00:00+00:00"
    write_verdict(bucket, Verdict(version, reference, "live", at, passed, reason, None, figures, {}, {}, ()))
