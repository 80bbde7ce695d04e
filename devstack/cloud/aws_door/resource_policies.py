"""The policies that resources have themselves: buckets, KMS keys, secrets, functions and VPC endpoints."""

import re
from collections.abc import Iterator
from typing import Any

from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.iam.patterns import PolicyError
from devstack.cloud.iam.policy import VERSION, PolicyKind, Statement, parse_policy
from devstack.cloud.resources import Resource

_PERMISSION_PROPERTIES = {"FunctionName", "Action", "Principal", "SourceArn", "SourceAccount"}
_ACCOUNT_OR_ARN = re.compile(r"\d{12}|arn:.*")
_ANYTHING = {
    "Version": VERSION,
    "Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
}
"""The policy of a VPC endpoint without one."""


def policy_of(resource: Resource, catalogue: Catalogue) -> tuple[Statement, ...]:
    """Return the statements of a resource's own policy; none if it has no policy.

    Raises:
        PolicyError: AWS refuses the policy, or a part of it is not modelled.
    """
    return tuple(
        statement
        for source, document in _documents(resource, catalogue)
        for statement in parse_policy(document, PolicyKind.RESOURCE, source=source)
    )


def _documents(resource: Resource, catalogue: Catalogue) -> Iterator[tuple[str, Any]]:
    """Yield the policy documents of a resource, each with the logical id of its source."""
    match resource.type:
        case "AWS::S3::Bucket":
            for policy in catalogue.of_type("AWS::S3::BucketPolicy"):
                if policy.properties["Bucket"] == resource.physical_id:
                    yield policy.logical_id, policy.properties["PolicyDocument"]
        case "AWS::SecretsManager::Secret":
            for policy in catalogue.of_type("AWS::SecretsManager::ResourcePolicy"):
                if policy.properties["SecretId"] == resource.physical_id:
                    yield policy.logical_id, policy.properties["ResourcePolicy"]
        case "AWS::KMS::Key":
            yield resource.logical_id, resource.properties["KeyPolicy"]
        case "AWS::EC2::VPCEndpoint":
            yield resource.logical_id, resource.properties.get("PolicyDocument", _ANYTHING)
        case "AWS::Lambda::Function":
            for permission in catalogue.of_type("AWS::Lambda::Permission"):
                function, arn = catalogue.function(permission.properties["FunctionName"], None)
                if function is resource:
                    yield permission.logical_id, _permission_document(permission, arn)


def _permission_document(permission: Resource, function_arn: str) -> dict[str, Any]:
    """Return the statement that Lambda adds to a function's policy."""
    properties = permission.properties
    if unknown := sorted(properties.keys() - _PERMISSION_PROPERTIES):
        raise PolicyError(f"{permission.logical_id}: {unknown} of a permission is not modelled")
    principal = properties["Principal"]
    conditions: dict[str, dict[str, str]] = {}
    if "SourceArn" in properties:
        conditions["ArnLike"] = {"aws:SourceArn": properties["SourceArn"]}
    if "SourceAccount" in properties:
        conditions["StringEquals"] = {"aws:SourceAccount": properties["SourceAccount"]}
    statement = {
        "Effect": "Allow",
        "Principal": principal
        if principal == "*"
        else {"AWS" if _ACCOUNT_OR_ARN.fullmatch(principal) else "Service": principal},
        "Action": properties["Action"],
        "Resource": function_arn,
        **({"Condition": conditions} if conditions else {}),
    }
    return {"Version": VERSION, "Statement": [statement]}
