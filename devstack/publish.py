"""Publish a model artifact to the stack's bucket with the serving library's registry."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3

from devstack.processes.errors import StackError
from devstack.services.bucket import ACCESS_KEY, REGION, Bucket
from model_export.attributes.attribute_map import new_item_rows
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.model.artifact import open_artifact
from nextitem.model.manifest import VOCABULARY
from nextitem.model.vocabulary import Vocabulary
from nextitem.registry.catalogue_publisher import CataloguePublisher
from nextitem.registry.publisher import Publisher

DEMO_DIRECTORY = Path(__file__).parent / "demo"
EARLIER_DIRECTORY = Path(__file__).parent / "demo_earlier"


def demo_artifact() -> Path:
    """Return the directory of the demo model, whose name is its version.

    Raises:
        StackError: there is not exactly one.
    """
    return _only_artifact(DEMO_DIRECTORY)


def earlier_artifact() -> Path:
    """Return the directory of a smaller model of the demo's shop, to promote and to roll back.

    Raises:
        StackError: there is not exactly one.
    """
    return _only_artifact(EARLIER_DIRECTORY)


def _only_artifact(directory: Path) -> Path:
    manifests = sorted(directory.glob("*/manifest.json"))
    if len(manifests) != 1:
        raise StackError(
            f"devstack/{directory.name} has {len(manifests)} models instead of one: `make demo-model` trains one."
        )
    return manifests[0].parent


def most_popular_item(artifact: Path) -> str:
    """Return the id of the most frequent item in an artifact's training data.

    Raises:
        nextitem.errors.ArtifactError: the artifact is damaged.
    """
    opened = open_artifact(artifact)
    return Vocabulary(opened.path(VOCABULARY)).item_id(opened.manifest.popular[0].index)


def publish_only(artifact: Path, bucket: Bucket) -> str:
    """Publish an artifact directory without routing traffic to it, and return its version.

    Args:
        artifact: directory that `nextitem export` wrote.
        bucket: receives the artifact.

    Raises:
        nextitem.errors.ArtifactError: the artifact is damaged.
        nextitem.errors.RegistryError: the bucket refuses it.
    """
    with object_store(bucket) as store:
        return Publisher(store).publish(artifact)


def publish(artifact: Path, bucket: Bucket, directory: Path, *, exclude_seen: bool | None = None) -> str:
    """Publish an artifact directory, route all traffic to it, and return its version.

    Args:
        artifact: directory that `nextitem export` wrote.
        bucket: receives the artifact.
        directory: for the copy that the registry checks before it changes the route.
        exclude_seen: the route's setting, see `Publisher.promote`.

    Raises:
        nextitem.errors.ArtifactError: the artifact is damaged.
        nextitem.errors.RegistryError: the bucket refuses it.
    """
    with object_store(bucket) as store:
        publisher = Publisher(store, rows=new_item_rows)
        version = publisher.publish(artifact)
        publisher.promote(version, directory, exclude_seen=exclude_seen)
    return version


def publish_catalogue(catalogue: Path, bucket: Bucket, directory: Path) -> str:
    """Publish a catalogue file for the route, and return its version.

    Args:
        catalogue: the file.
        bucket: receives the catalogue and its joins with the models.
        directory: for the copies of the models that joins need.

    Raises:
        nextitem.errors.ArtifactError: the file or a model is damaged.
        nextitem.errors.RegistryError: the bucket refuses it.
    """
    with object_store(bucket) as store:
        return CataloguePublisher(store, directory, rows=new_item_rows).publish(catalogue).version


@contextmanager
def object_store(bucket: Bucket) -> Iterator[BotoObjectStore]:
    """Open a stack's bucket for the serving library's registry."""
    client = boto3.client(
        "s3",
        endpoint_url=bucket.endpoint,
        region_name=REGION,
        # Explicit, so that boto3 does not look for the user's own credentials.
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
    )
    try:
        yield BotoObjectStore(bucket.name, client)
    finally:
        client.close()
