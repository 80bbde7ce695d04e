"""Faults of the model bucket: objects too large to be read, and writes whose answers are lost."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import boto3

from bench.chaos.server_faults import wait
from bench.chaos.targets import Target, require
from bench.common.lossy_proxy import LossyProxy
from bench.common.same_model import same_model_again
from devstack.publish import demo_artifact
from devstack.services.bucket import ACCESS_KEY, REGION
from model_export.experiments.audit import recorded_override
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.registry.availability import MAX_AVAILABILITY_BYTES, availability_key
from nextitem.registry.availability_publisher import AvailabilityPublisher
from nextitem.registry.publisher import Publisher
from nextitem.registry.route import MAX_ROUTE_BYTES, Route, route_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROUTE = "live"
REFRESH_SECONDS = 2.5
"""Time in which a function, whose route lives for `ROUTE_SECONDS`, has read the route again."""
ROUTE_SECONDS = 1
CHANGES = 2
"""Promotions whose answers are lost, and as many rollbacks."""
UNKNOWN_ITEM = "an item that no catalogue has"


def overgrow_objects(target: Target) -> None:
    """Replace route and availability by objects over their limits; running workers go on, and new ones start."""
    bucket = require(target.bucket)
    with _client(bucket.endpoint) as client:
        store = BotoObjectStore(bucket.name, client)
        good = store.read(route_key(ROUTE), MAX_ROUTE_BYTES)
        if good is None:
            raise AssertionError(f"{route_key(ROUTE)} is not in the bucket")
        large = {route_key(ROUTE): MAX_ROUTE_BYTES + 1, availability_key(ROUTE): MAX_AVAILABILITY_BYTES + 1}
        for key, size in large.items():
            client.put_object(Bucket=bucket.name, Key=key, Body=b" " * size)
        wait(REFRESH_SECONDS)
        with target.paused():
            target.retire_workers()
        wait(REFRESH_SECONDS)
        client.put_object(Bucket=bucket.name, Key=route_key(ROUTE), Body=good.data)
        client.delete_object(Bucket=bucket.name, Key=availability_key(ROUTE))
    wait(REFRESH_SECONDS)


def lose_answers_to_writes(target: Target) -> None:
    """Promote another version and roll it back while the bucket's answer to each write is lost once.

    Raises:
        AssertionError: a change was made twice or not at all.
    """
    bucket = require(target.bucket)
    with TemporaryDirectory() as folder, LossyProxy(bucket.endpoint) as proxy, _client(proxy.endpoint) as client:
        store = BotoObjectStore(bucket.name, client)
        publisher, availability = Publisher(store, ROUTE), AvailabilityPublisher(store, ROUTE)
        other = publisher.publish(same_model_again(demo_artifact(), Path(folder)))
        local = Path(folder, "fetched")
        override = recorded_override(store, ROUTE, "forced-promotion", {"version": other, "by": "bench.chaos"})
        first = publisher.current()
        if first is None:
            raise AssertionError(f"{route_key(ROUTE)} is not in the bucket")
        served = [variant.version for variant in first.variants]
        changes: list[tuple[Callable[[], Route], list[str]]] = [
            (lambda: publisher.promote(other, local, override=override), [other]),
            (lambda: publisher.rollback(local), served),
        ]
        for number in range(CHANGES):
            for change, expected in changes:
                proxy.fail("lose answer", lambda method, path, _: method == "PUT" and "routes/" in path, times=1)
                route = change()
                wait(REFRESH_SECONDS)
                versions = [variant.version for variant in route.variants]
                if proxy.left or versions != expected or publisher.current() != route:
                    raise AssertionError(f"the route is {publisher.current()}, and should name {expected}")
            proxy.fail("lose answer", lambda method, path, _: method == "PUT" and "availability/" in path, times=1)
            revision = availability.set_unavailable([f"{UNKNOWN_ITEM}: {number}"]).revision
            if revision != availability.current().revision or revision != number + 1:
                raise AssertionError(f"the availability has revision {revision} after {number + 1} changes")
        if route.revision != first.revision + 2 * CHANGES:
            raise AssertionError(f"{2 * CHANGES} changes led from revision {first.revision} to {route.revision}")


@contextlib.contextmanager
def _client(endpoint: str) -> "Iterator[S3Client]":
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
    )
    yield client
    client.close()
