"""Publishing versions: whole or not at all, and never changed."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import ArtifactCorrupt, RegistryUnavailable, VersionExists, VersionNotFound
from nextitem.model.manifest import ATTRIBUTES, CARD, FILES, MANIFEST, PROFILE
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import Registry, model_key
from tests.nextitem.parts import BUCKET, VERSION, edited, everything
from tests.nextitem.publishers import UnjudgedPublisher

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def publisher(bucket: BotoObjectStore) -> Publisher:
    return UnjudgedPublisher(bucket)


@pytest.mark.slow
def test_a_version_is_published_whole_and_only_once(bucket: BotoObjectStore, publisher: Publisher, demo: Path) -> None:
    assert publisher.publish(demo) == demo.name
    objects = everything(bucket)
    assert objects == {
        model_key(demo.name, name): (demo / name).read_bytes() for name in (*FILES, CARD, ATTRIBUTES, PROFILE, MANIFEST)
    }

    # Publishing it again changes nothing.
    assert publisher.publish(demo) == demo.name
    assert everything(bucket) == objects


class InterruptedBucket(BotoObjectStore):
    """A bucket that fails after some objects."""

    def __init__(self, name: str, client: "S3Client", takes: int) -> None:
        super().__init__(name, client)
        self._takes = takes

    def create(self, key: str, data: bytes | Path) -> bool:
        if not self._takes:
            raise RegistryUnavailable("interrupted")
        self._takes -= 1
        return super().create(key, data)


@pytest.mark.parametrize("takes", range(len(FILES) + 1))
def test_an_interrupted_publish_is_completed_by_the_next(
    bucket: BotoObjectStore, s3: "S3Client", publisher: Publisher, demo: Path, folder: Path, takes: int
) -> None:
    # GIVEN an interrupted publish
    with pytest.raises(RegistryUnavailable):
        Publisher(InterruptedBucket(BUCKET, s3, takes)).publish(demo)
    assert len(bucket.keys("")) == takes

    # THEN the version is not in the registry
    assert publisher.versions() == []
    with pytest.raises(VersionNotFound):
        Registry(bucket, folder).fetch(demo.name)

    # WHEN it is published again THEN the registry has it
    publisher.publish(demo)
    assert [item.version for item in publisher.versions()] == [demo.name]
    Registry(bucket, folder).fetch(demo.name)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_other_content_under_a_version_is_not_overwritten(
    bucket: BotoObjectStore, publisher: Publisher, demo: Path, name: str
) -> None:
    key = model_key(demo.name, name)
    bucket.create(key, b"other content")
    with pytest.raises(VersionExists, match=f"^{key} "):
        publisher.publish(demo)
    assert everything(bucket)[key] == b"other content"


def test_a_damaged_artifact_is_not_published(
    bucket: BotoObjectStore, publisher: Publisher, demo: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(demo, tmp_path / demo.name))
    (copy / "weights.bin").write_bytes(b"damaged")
    with pytest.raises(ArtifactCorrupt, match=r"^weights\.bin"):
        publisher.publish(copy)
    assert bucket.keys("") == []


@pytest.mark.slow
def test_versions_are_listed_newest_first_with_their_shares(
    bucket: BotoObjectStore, publisher: Publisher, demo: Path, tmp_path: Path
) -> None:
    # GIVEN versions of different ages, and other objects beside them
    old, middle, new = (
        publisher.publish(edited(demo, tmp_path, lambda document, last=last: document["training"].update(last=last)))  # type: ignore[misc]
        for last in (1.0, 2.0, 3.0)
    )
    for key in ("models/", "models/README.md", "models/notes/manifest.json", f"models/{VERSION}/weights.bin"):
        bucket.create(key, b"")
    assert [(item.version, item.share) for item in publisher.versions()] == [(new, 0), (middle, 0), (old, 0)]

    # WHEN two of them are live THEN they have shares of the traffic
    publisher.promote(middle, tmp_path / "models")
    publisher.start_experiment(old, 0.25, tmp_path / "models")
    assert [(item.version, item.share) for item in publisher.versions()] == [(new, 0), (middle, 0.75), (old, 0.25)]
    assert [item.manifest.training.last for item in publisher.versions()] == [3.0, 2.0, 1.0]
