"""The archives of functions, in a bucket as `sam package` puts them."""

import hashlib
import io
import zipfile
from typing import Any

from devstack.cloud.deploying.resource_type import Site
from devstack.template.stack import CODE, Stack

_SAME_TIME = (1980, 1, 1, 0, 0, 0)


def artifacts_bucket(site: Site) -> str:
    """Return the name of the bucket of archives; it belongs to no stack."""
    return f"sam-artifacts-{site.account.id}"


def packaged(site: Site, stack: Stack) -> dict[str, dict[str, Any]]:
    """Upload the archives of a stack's functions and return its resources with their places.

    A changed archive has another key, from which CloudFormation sees that the code has changed.
    """
    _, _, marker, key = CODE.split("/", 3)
    local = {"S3Bucket": marker, "S3Key": key}
    return {
        name: {**resource, "Properties": {**resource["Properties"], "Code": _upload(site, name, stack)}}
        if resource.get("Properties", {}).get("Code") == local
        else resource
        for name, resource in stack.resources.items()
    }


def _upload(site: Site, function: str, stack: Stack) -> dict[str, str]:
    archive = site.code.get(function) or _placeholder(stack.sources[function])
    bucket, key = artifacts_bucket(site), f"{hashlib.sha256(archive).hexdigest()[:32]}.zip"
    client = site.clients.client("s3")
    if bucket not in {entry["Name"] for entry in client.list_buckets()["Buckets"]}:
        place = {"LocationConstraint": site.account.region}
        site.clients.call("s3", "CreateBucket", Bucket=bucket, CreateBucketConfiguration=place)
    client.put_object(Bucket=bucket, Key=key, Body=archive)
    return {"S3Bucket": bucket, "S3Key": key}


def _placeholder(source: str) -> bytes:
    """Return a small archive that is the same for equal sources; moto never runs it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("source.txt", _SAME_TIME), source)
    return buffer.getvalue()
