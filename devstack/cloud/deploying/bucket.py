"""S3: buckets and their policies."""

import json
from collections.abc import Mapping
from typing import Any

from devstack.cloud.deploying.documents import bucket_policy, is_public
from devstack.cloud.deploying.resource_type import Created, Declared, ResourceType, Site, names
from devstack.cloud.resources import Resource

_SETTINGS = names(
    "VersioningConfiguration BucketEncryption OwnershipControls PublicAccessBlockConfiguration LifecycleConfiguration"
)


def _create_bucket(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("BucketName") or declared.name(maximum=63, lower=True)
    region = site.account.region
    site.clients.call("s3", "CreateBucket", Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    attributes = {
        "Arn": f"arn:{site.account.partition}:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
    }
    return Created(name, attributes)


def _configure(site: Site, resource: Resource) -> None:
    bucket, properties = resource.physical_id, resource.properties
    if versioning := properties.get("VersioningConfiguration"):
        site.clients.call("s3", "PutBucketVersioning", Bucket=bucket, VersioningConfiguration=versioning)
    if encryption := properties.get("BucketEncryption"):
        configuration = _renamed(
            encryption,
            {
                "ServerSideEncryptionConfiguration": "Rules",
                "ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault",
            },
        )
        site.clients.call("s3", "PutBucketEncryption", Bucket=bucket, ServerSideEncryptionConfiguration=configuration)
    if ownership := properties.get("OwnershipControls"):
        site.clients.call("s3", "PutBucketOwnershipControls", Bucket=bucket, OwnershipControls=ownership)
    if access := properties.get("PublicAccessBlockConfiguration"):
        site.clients.call("s3", "PutPublicAccessBlock", Bucket=bucket, PublicAccessBlockConfiguration=access)
    if lifecycle := properties.get("LifecycleConfiguration"):
        rules = [_lifecycle_rule(rule) for rule in lifecycle["Rules"]]
        configuration = {**lifecycle, "Rules": rules}
        site.clients.call("s3", "PutBucketLifecycleConfiguration", Bucket=bucket, LifecycleConfiguration=configuration)


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule as the API has it; CloudFormation has the parts of filter and expiration beside the actions."""
    renamed: dict[str, Any] = _renamed(rule, {"Id": "ID"})
    prefix = renamed.pop("Prefix", "")
    parts = {"ExpirationInDays": "Days", "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker"}
    expiration = {part: renamed.pop(name) for name, part in parts.items() if name in renamed}
    return {**renamed, **({"Expiration": expiration} if expiration else {}), "Filter": {"Prefix": prefix}}


def _renamed(value: Any, renames: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(item, renames) for item in value]
    if isinstance(value, dict):
        return {renames.get(key, key): _renamed(item, renames) for key, item in value.items()}
    return value


def _delete_bucket(site: Site, resource: Resource) -> None:
    versions = site.clients.call("s3", "ListObjectVersions", Bucket=resource.physical_id, MaxKeys=1)
    if "Versions" in versions or "DeleteMarkers" in versions:  # moto only looks at current objects
        raise ValueError(f"BucketNotEmpty: the bucket {resource.physical_id} has versions of objects")
    site.clients.call("s3", "DeleteBucket", Bucket=resource.physical_id)


def _create_policy(_site: Site, declared: Declared) -> Created:
    return Created(declared.properties["Bucket"])


def _put_policy(site: Site, policy: Resource) -> None:
    document = policy.properties["PolicyDocument"]
    bucket = site.find("AWS::S3::Bucket", policy.physical_id)
    if bucket is None:
        raise ValueError(f"Bucket: there is no bucket {policy.physical_id}")
    statements = bucket_policy(document, bucket.attributes["Arn"])
    if is_public(statements, bucket.properties.get("PublicAccessBlockConfiguration", {})):
        raise ValueError("PolicyDocument: BlockPublicPolicy of the bucket refuses a policy that lets everybody in")
    # checked only: moto would refuse what a Deny with an unmet Condition names; the door enforces the policy
    site.clients.check("s3", "PutBucketPolicy", Bucket=policy.physical_id, Policy=json.dumps(document))


def _delete_policy(site: Site, resource: Resource) -> None:
    site.clients.check("s3", "DeleteBucketPolicy", Bucket=resource.properties["Bucket"])


TYPES = (
    ResourceType(
        "AWS::S3::Bucket",
        _SETTINGS | names("BucketName"),
        _create_bucket,
        _delete_bucket,
        configure=_configure,
        changeable=_SETTINGS,
        named_by="BucketName",
    ),
    ResourceType(
        "AWS::S3::BucketPolicy",
        names("Bucket PolicyDocument"),
        _create_policy,
        _delete_policy,
        configure=_put_policy,
        changeable=names("PolicyDocument"),
    ),
)
