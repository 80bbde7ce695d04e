"""CloudWatch Logs: encrypted log groups with a data-protection policy."""

import json

from devstack.cloud.deploying.resource_type import Created, Declared, ResourceType, Site, names
from devstack.cloud.iam.authority import service_principal
from devstack.cloud.iam.policy import Decision, PolicyKind, Request, evaluate, parse_policy
from devstack.cloud.resources import Resource

_RETENTION = {
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
}
"""Days: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""


def _create_group(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("LogGroupName") or declared.name(maximum=512)
    _require_key(site, declared, name)
    key = {"kmsKeyId": declared.properties["KmsKeyId"]} if "KmsKeyId" in declared.properties else {}
    site.clients.call("logs", "CreateLogGroup", logGroupName=name, **key)
    return Created(name, {"Arn": f"{_arn(site, name)}:*"})


def _set_up(site: Site, group: Resource) -> None:
    name = group.physical_id
    if days := group.properties.get("RetentionInDays"):
        if int(days) not in _RETENTION:
            raise ValueError(f"RetentionInDays: {days} is not one of {sorted(_RETENTION)}")
        site.clients.call("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=days)
    if policy := group.properties.get("DataProtectionPolicy"):
        site.clients.check(
            "logs", "PutDataProtectionPolicy", logGroupIdentifier=name, policyDocument=json.dumps(policy)
        )


def _require_key(site: Site, declared: Declared, name: str) -> None:
    """Refuse a key that the service may not use for this group, as CreateLogGroup does and moto does not."""
    arn = declared.properties.get("KmsKeyId")
    if arn is None:
        return
    key = next((key for key in site.of_type("AWS::KMS::Key") if key.attributes["Arn"] == arn), None)
    if key is None:
        raise ValueError(f"KmsKeyId: there is no key {arn}")
    statements = parse_policy(key.properties["KeyPolicy"], PolicyKind.RESOURCE)
    service = f"logs.{site.account.region}.amazonaws.com"
    context = {"kms:EncryptionContext:aws:logs:arn": (_arn(site, name),)}
    for action in ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"):
        request = Request(action, arn, context, service_principal(service))
        if evaluate(statements, request) is not Decision.ALLOW:
            raise ValueError(f"KmsKeyId: the policy of {arn} does not allow {service} to {action} for {name}")


def _arn(site: Site, name: str) -> str:
    return site.account.arn("logs", f"log-group:{name}")


def _update_group(site: Site, resource: Resource, declared: Declared) -> Created:
    name = resource.physical_id
    _require_key(site, declared, name)
    if key := declared.properties.get("KmsKeyId"):
        site.clients.check("logs", "AssociateKmsKey", logGroupName=name, kmsKeyId=key)
    return Created(name, resource.attributes)


def _delete_group(site: Site, resource: Resource) -> None:
    site.clients.call("logs", "DeleteLogGroup", logGroupName=resource.physical_id)


_CHANGES = names("KmsKeyId RetentionInDays DataProtectionPolicy")

TYPES = (
    ResourceType(
        "AWS::Logs::LogGroup",
        _CHANGES | names("LogGroupName"),
        _create_group,
        _delete_group,
        update=_update_group,
        configure=_set_up,
        changeable=_CHANGES,
        named_by="LogGroupName",
    ),
)
