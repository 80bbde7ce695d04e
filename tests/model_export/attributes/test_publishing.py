"""Publishing a catalogue, or promoting a version, writes the rows of new items into the join of both."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto import mock_aws

from model_export.attributes.attribute_map import new_item_rows
from model_export.export.export import export
from model_export.progress import Unwatched
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.catalogue.file import Catalogue
from nextitem.catalogue.join import open_join
from nextitem.errors import ArtifactCorrupt
from nextitem.model.artifact import Artifact, open_artifact
from nextitem.model.manifest import ATTRIBUTES
from nextitem.registry.catalogue_publisher import CataloguePublisher
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import Registry, model_key
from tests.model_export.attributes.shops import IDS, NEW, run_of_shop, shop
from tests.model_export.tiny import LOOSE

pytestmark = pytest.mark.slow
BUCKET = "registry"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return shop(tmp_path_factory.mktemp("shop") / "catalogue.bin")


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> Artifact:
    out = tmp_path_factory.mktemp("out")
    return open_artifact(export(run_of_shop(), out, LOOSE, Unwatched(), items=catalogue), documents=True)


@pytest.fixture
def bucket() -> Iterator[BotoObjectStore]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield BotoObjectStore(BUCKET, client)
        client.close()


def test_the_join_of_catalogue_and_model_has_the_rows_of_new_items(
    artifact: Artifact, catalogue: Catalogue, bucket: BotoObjectStore, tmp_path: Path
) -> None:
    # GIVEN a published version with an attribute map, and traffic on it
    publisher = Publisher(bucket, rows=new_item_rows)
    version = publisher.publish(artifact.folder)
    publisher.promote(version, tmp_path / "checked")
    # WHEN a catalogue with two new items is published
    catalogues = CataloguePublisher(bucket, tmp_path / "models", rows=new_item_rows)
    shop(tmp_path / "file.bin")
    pointer = catalogues.publish(tmp_path / "file.bin")
    # THEN the join has the rows that the map gives them
    registry = Registry(bucket, tmp_path / "function")
    path = registry.catalogues.fetch_join(pointer.version, version)
    join = open_join(path, pointer.version, version)
    positions = [catalogue.vocabulary.index(item) for item in NEW]
    assert join.new_positions.tolist() == positions
    expected = new_item_rows(artifact, catalogue, join.new_positions)
    assert expected is not None
    assert np.array_equal(join.new_rows, expected)
    assert len(join.position_of) == len(IDS)
    # AND a function that fetches the version does not fetch the map
    assert not registry.fetch(version).path(ATTRIBUTES).exists()


def test_a_damaged_map_is_named(artifact: Artifact, bucket: BotoObjectStore, tmp_path: Path) -> None:
    # GIVEN a fetched version whose map was changed in the bucket
    version = Publisher(bucket).publish(artifact.folder)
    registry, key = Registry(bucket, tmp_path / "models"), model_key(version, ATTRIBUTES)
    fetched = registry.fetch(version)
    stored = bucket.read(key, 1 << 30)
    assert stored is not None
    assert bucket.replace(key, bytes(len(stored.data)), stored.etag)
    # WHEN it is fetched, or used from the folder THEN it is refused
    with pytest.raises(ArtifactCorrupt, match=f"models/{version}/{ATTRIBUTES} is missing or damaged"):
        registry.fetch_document(fetched, ATTRIBUTES)
    fetched.path(ATTRIBUTES).write_bytes(bytes(len(stored.data)))
    with pytest.raises(ArtifactCorrupt, match=f"{ATTRIBUTES} of {version} is missing or damaged"):
        new_item_rows(fetched, shop(tmp_path / "file.bin"), np.zeros(1, np.int32))
