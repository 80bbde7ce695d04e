"""The model card repeats the manifest, is published, and is never fetched by a function."""

import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import ArtifactCorrupt
from nextitem.model.artifact import Artifact, open_artifact
from nextitem.model.manifest import CARD, FILES, MANIFEST
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import Registry, model_key
from tests.model_export.tiny import exported, listed, random_run

BUCKET = "registry"


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    return open_artifact(exported(random_run(), tmp_path / "out"), documents=True)


@pytest.fixture
def bucket() -> Iterator[BotoObjectStore]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield BotoObjectStore(BUCKET, client)
        client.close()


def test_the_card_repeats_the_manifest(artifact: Artifact) -> None:
    text = artifact.path(CARD).read_text()
    manifest = artifact.manifest
    training, scheme = manifest.training, manifest.quantization
    rows = dict(re.findall(r"^\| (.+?) \| (.+) \|$", text, re.MULTILINE))
    assert rows["sessions"] == f"{training.sessions:,}"
    assert rows["events"] == f"{training.events:,}"
    assert rows["period"] == "index 1 to 60 (times are only an order)"
    assert rows["SHA-256"] == f"`{training.data_sha256}`"
    assert rows["HR@20"].startswith(f"{scheme.hr_delta:+.4f}")
    assert rows["scheme"].startswith(scheme.scheme)
    assert rows["targets"] == f"{scheme.targets:,}"
    for name, value in training.hyperparameters.items():
        assert rows[name] == str(value)
    for metric, value in manifest.evaluation.items():
        assert f"| {metric.upper()} | {value:.4f} |" in text
    assert "## Intended use" in text
    assert "## Limits" in text


@pytest.mark.parametrize("damage", [b"# Another card", None], ids=["changed", "missing"])
def test_a_card_that_is_not_the_manifests_is_not_published(
    artifact: Artifact, bucket: BotoObjectStore, damage: bytes | None
) -> None:
    if damage is None:
        artifact.path(CARD).unlink()
    else:
        artifact.path(CARD).write_bytes(damage)
    assert open_artifact(artifact.folder).version == artifact.version
    with pytest.raises(ArtifactCorrupt, match="card"):
        Publisher(bucket).publish(artifact.folder)
    assert bucket.keys("") == []


def test_the_card_is_published_and_left_there(artifact: Artifact, bucket: BotoObjectStore, tmp_path: Path) -> None:
    Publisher(bucket).publish(artifact.folder)
    stored = bucket.read(model_key(artifact.version, CARD), 1 << 20)
    assert stored is not None
    assert stored.data == artifact.path(CARD).read_bytes()
    fetched = Registry(bucket, tmp_path / "models").fetch(artifact.version)
    assert listed(fetched.folder) == sorted([*FILES, MANIFEST])
    assert fetched.manifest.documents.keys() == {CARD}
