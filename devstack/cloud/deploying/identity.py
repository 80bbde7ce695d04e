"""IAM: roles and managed policies, in moto and in the authority that the doors ask."""

import json
from contextlib import suppress
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data

from devstack.cloud.deploying.resource_type import Created, Declared, ResourceType, Site, names
from devstack.cloud.iam.authority import UnknownEntity
from devstack.cloud.resources import Resource


@cache
def aws_managed_policies() -> dict[str, dict[str, Any]]:
    """Return the documents of AWS's own policies by name, which moto collects; parsing takes 0.2 s."""
    return {name: policy["Document"] for name, policy in json.loads(aws_managed_policies_data).items()}


def _create_role(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("RoleName") or declared.name()
    answer = site.clients.call(
        "iam", "CreateRole", RoleName=name,
        AssumeRolePolicyDocument=json.dumps(declared.properties["AssumeRolePolicyDocument"]),
        **declared.only("Description", "Path", "MaxSessionDuration", "PermissionsBoundary", "Tags"),
    )  # fmt: skip
    role = answer["Role"]
    return Created(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _set_policies(site: Site, resource: Resource) -> None:
    properties, role = resource.properties, resource.physical_id
    for policy in properties.get("Policies", []):
        named = dict(policy) | {"PolicyDocument": json.dumps(policy["PolicyDocument"])}
        site.clients.call("iam", "PutRolePolicy", RoleName=role, **named)
    managed = properties.get("ManagedPolicyArns", [])
    for arn in managed:
        if _is_aws_managed(site, arn):
            # moto has these policies only if it loads all of them, which takes seconds
            site.clients.check("iam", "AttachRolePolicy", RoleName=role, PolicyArn=arn)
            name = arn.rpartition("/")[2]
            if name not in aws_managed_policies():
                raise ValueError(f"there is no policy {arn}")
            site.authority.put_managed_policy(arn, aws_managed_policies()[name])
        else:
            site.clients.call("iam", "AttachRolePolicy", RoleName=role, PolicyArn=arn)
    documents = {policy["PolicyName"]: policy["PolicyDocument"] for policy in properties.get("Policies", [])}
    trust = properties["AssumeRolePolicyDocument"]
    site.authority.put_role(resource.attributes["Arn"], trust, documents, managed)


def _is_aws_managed(site: Site, arn: str) -> bool:
    return arn.startswith(f"arn:{site.account.partition}:iam::aws:policy/")


def _update_role(site: Site, resource: Resource, declared: Declared) -> Created:
    role = resource.physical_id
    trust = json.dumps(declared.properties["AssumeRolePolicyDocument"])
    site.clients.call("iam", "UpdateAssumeRolePolicy", RoleName=role, PolicyDocument=trust)
    site.clients.call("iam", "UpdateRole", RoleName=role, **declared.only("Description", "MaxSessionDuration"))
    _remove_policies(site, role)
    return Created(role, resource.attributes)


def _remove_policies(site: Site, role: str) -> None:
    for name in site.clients.call("iam", "ListRolePolicies", RoleName=role)["PolicyNames"]:
        site.clients.call("iam", "DeleteRolePolicy", RoleName=role, PolicyName=name)
    for policy in site.clients.call("iam", "ListAttachedRolePolicies", RoleName=role)["AttachedPolicies"]:
        site.clients.call("iam", "DetachRolePolicy", RoleName=role, PolicyArn=policy["PolicyArn"])


def _delete_role(site: Site, resource: Resource) -> None:
    _remove_policies(site, resource.physical_id)
    site.clients.call("iam", "DeleteRole", RoleName=resource.physical_id)
    with suppress(UnknownEntity):  # its creation may have stopped before
        site.authority.delete_role(resource.attributes["Arn"])


def _create_policy(site: Site, declared: Declared) -> Created:
    name = declared.properties.get("ManagedPolicyName") or declared.name(maximum=128)
    document = declared.properties["PolicyDocument"]
    answer = site.clients.call(
        "iam", "CreatePolicy", PolicyName=name, PolicyDocument=json.dumps(document),
        **declared.only("Description", "Path"),
    )  # fmt: skip
    arn = answer["Policy"]["Arn"]
    site.authority.put_managed_policy(arn, document)
    return Created(arn, {"PolicyArn": arn, "PolicyId": answer["Policy"]["PolicyId"]})


def _update_policy(site: Site, resource: Resource, declared: Declared) -> Created:
    arn = resource.physical_id
    document = declared.properties["PolicyDocument"]
    versions = site.clients.call("iam", "ListPolicyVersions", PolicyArn=arn)["Versions"]
    site.clients.call(
        "iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True
    )
    for version in versions:  # IAM keeps five at most; CloudFormation keeps one
        site.clients.call("iam", "DeletePolicyVersion", PolicyArn=arn, VersionId=version["VersionId"])
    site.authority.put_managed_policy(arn, document)
    return Created(arn, resource.attributes)


def _delete_policy(site: Site, resource: Resource) -> None:
    site.authority.delete_managed_policy(resource.physical_id)  # refuses one that an actor's role still has
    site.clients.call("iam", "DeletePolicy", PolicyArn=resource.physical_id)


_ROLE_CHANGES = names("AssumeRolePolicyDocument Description MaxSessionDuration Policies ManagedPolicyArns")

TYPES = (
    ResourceType(
        "AWS::IAM::Role",
        _ROLE_CHANGES | names("RoleName Path PermissionsBoundary Tags"),
        _create_role,
        _delete_role,
        update=_update_role,
        configure=_set_policies,
        changeable=_ROLE_CHANGES,
        named_by="RoleName",
        droppable=names("Policies ManagedPolicyArns"),
    ),
    ResourceType(
        "AWS::IAM::ManagedPolicy",
        names("ManagedPolicyName Description Path PolicyDocument"),
        _create_policy,
        _delete_policy,
        update=_update_policy,
        changeable=names("PolicyDocument"),
        named_by="ManagedPolicyName",
    ),
)
