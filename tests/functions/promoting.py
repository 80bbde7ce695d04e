"""Give a version the traffic of a stack, without a verdict: these tests are about the function."""

from pathlib import Path

from devstack.publish import object_store
from devstack.services.bucket import Bucket
from devstack.stack import Stack
from tests.nextitem.publishers import UnjudgedPublisher


def promote(stack: Stack, artifact: Path, folder: Path) -> str:
    """Publish an artifact, give it all traffic of the stack's route, and return its version."""
    with object_store(Bucket(stack.bucket, stack.s3_endpoint)) as store:
        publisher = UnjudgedPublisher(store)
        version = publisher.publish(artifact)
        publisher.promote(version, folder)
    return version
