"""Brings a model artifact into the stack's bucket, through the registry code that serves.

The one place in devstack that knows the registry.
"""

from pathlib import Path

import boto3

from devstack.processes.errors import StackError
from devstack.services.bucket import ACCESS_KEY, REGION, Bucket
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.model.artifact import open_artifact
from nextitem.model.manifest import VOCABULARY
from nextitem.model.vocabulary import Vocabulary
from nextitem.registry.publisher import Publisher

DEMO_DIRECTORY = Path(__file__).parent / "demo"


def demo_artifact() -> Path:
    """Directory of the demo model, which is named by its version.

    Raises:
        StackError: there is none, or more than one.
    """
    manifests = sorted(DEMO_DIRECTORY.glob("*/manifest.json"))
    if len(manifests) != 1:
        raise StackError(f"devstack/demo should hold exactly one model and holds {len(manifests)}.")
    return manifests[0].parent


def best_seller(artifact: Path) -> str:
    """Id of the item that an artifact's training data had most often.

    Raises:
        nextitem.errors.ArtifactError: it is no artifact that may be served.
    """
    opened = open_artifact(artifact)
    return Vocabulary(opened.path(VOCABULARY)).item_id(opened.manifest.popular[0].index)


def publish(artifact: Path, bucket: Bucket, directory: Path) -> str:
    """Publish an artifact directory and give it all traffic; returns its version.

    Args:
        artifact: what `nextitem export` wrote.
        bucket: where to.
        directory: for the copy with which the registry checks the version before it takes traffic.

    Raises:
        nextitem.errors.ArtifactError: it is no artifact that may be served.
        nextitem.errors.RegistryError: the bucket does not take it.
    """
    client = boto3.client(
        "s3",
        endpoint_url=bucket.endpoint,
        region_name=REGION,
        # Said here so that no credentials of the person who runs this are looked for.
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
    )
    try:
        publisher = Publisher(BotoObjectStore(bucket.name, client))
        version = publisher.publish(artifact)
        publisher.promote(version, directory)
    finally:
        client.close()
    return version
