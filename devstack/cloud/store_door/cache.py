"""The cache of a deployment and its users: what ElastiCache takes from the template."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstack.cloud.resources import Deployment, Resource

IAM, PASSWORD, NO_PASSWORD = "iam", "password", "no-password-required"
_SERVERLESS, _NODES = "AWS::ElastiCache::ServerlessCache", "AWS::ElastiCache::ReplicationGroup"
_OF_THE_API = ("nopass", "resetpass", "reset")
_PASSWORD_SIGNS = (">", "<", "#", "!")


@dataclass(frozen=True)
class StoreUser:
    """An ElastiCache user.

    Attributes:
        arn: for ``elasticache:Connect``.
        user_id: equals the name, where IAM authenticates.
        access: the rules of its access string.
        mode: ``iam``, ``password`` or ``no-password-required``.
        passwords: of the mode ``password``.
    """

    arn: str
    user_id: str
    name: str
    access: tuple[str, ...]
    mode: str
    passwords: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cache:
    """A cache as its clients see it.

    Attributes:
        name: in tokens and ARNs.
        arn: for ``elasticache:Connect``.
        host: of its endpoint.
        port: of its endpoint.
        serverless: whether it is a serverless cache, which speaks the protocol of a Cluster.
        encrypted: whether it takes TLS only, or no TLS at all.
        users: of its user groups, by name; None if it has no user group, and anybody is let in.
    """

    name: str
    arn: str
    host: str
    port: int
    serverless: bool
    encrypted: bool
    users: Mapping[str, StoreUser] | None


def read_cache(deployment: Deployment) -> Cache:
    """Return the only cache of a deployment, as it is now.

    Raises:
        ValueError: there is none or more than one, ElastiCache refuses its properties, or they are not modelled.
    """
    caches = [*deployment.of_type(_SERVERLESS), *deployment.of_type(_NODES)]
    if len(caches) != 1:
        raise ValueError(f"{deployment.stack_name} has {len(caches)} caches; the door leads to exactly one")
    (cache,) = caches
    properties, serverless = cache.properties, cache.type == _SERVERLESS
    groups = [properties.get("UserGroupId")] if serverless else properties.get("UserGroupIds", [])
    endpoint = "Endpoint" if serverless else "PrimaryEndPoint"
    kind = "serverlesscache" if serverless else "replicationgroup"
    return Cache(
        name=cache.physical_id,
        arn=deployment.account.arn("elasticache", f"{kind}:{cache.physical_id}"),
        host=cache.attributes[f"{endpoint}.Address"],
        port=int(cache.attributes[f"{endpoint}.Port"]),
        serverless=serverless,
        encrypted=serverless or _is_encrypted(cache),
        users=_users(deployment, [group for group in groups if group]),
    )


def _is_encrypted(cache: Resource) -> bool:
    encrypted = str(cache.properties.get("TransitEncryptionEnabled", False)).lower() == "true"
    mode = cache.properties.get("TransitEncryptionMode", "required")
    if encrypted and mode != "required":
        raise ValueError(f'{cache.logical_id}, TransitEncryptionMode: "{mode}" is not modelled; use required')
    return encrypted


def _users(deployment: Deployment, groups: list[str]) -> dict[str, StoreUser] | None:
    if not groups:
        return None
    found = {group.physical_id: group for group in deployment.of_type("AWS::ElastiCache::UserGroup")}
    if missing := [group for group in groups if group not in found]:
        raise ValueError(f"user groups {missing} do not exist")
    ids = {user_id for group in groups for user_id in found[group].properties.get("UserIds", [])}
    users = [_user(deployment, each) for each in deployment.of_type("AWS::ElastiCache::User")]
    return {user.name: user for user in users if user.user_id in ids}


def _user(deployment: Deployment, user: Resource) -> StoreUser:
    properties, where = user.properties, f"{user.logical_id}, AccessString"
    access = tuple(str(properties.get("AccessString", "")).split())
    if wrong := [rule for rule in access if rule in _OF_THE_API or rule.startswith(_PASSWORD_SIGNS)]:
        raise ValueError(f"{where}: ElastiCache refuses {wrong}; AuthenticationMode says how a user logs in")
    user_id = str(properties["UserId"])
    mode, passwords = _authentication(properties)
    return StoreUser(
        arn=deployment.account.arn("elasticache", f"user:{user_id}"),
        user_id=user_id,
        name=str(properties["UserName"]),
        access=access,
        mode=mode,
        passwords=passwords,
    )


def _authentication(properties: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the mode and the passwords; both have an older form beside ``AuthenticationMode``."""
    mode = properties.get("AuthenticationMode", {})
    without = str(properties.get("NoPasswordRequired", False)).lower() == "true"
    passwords = mode.get("Passwords") or properties.get("Passwords") or []
    return str(mode.get("Type") or (NO_PASSWORD if without else PASSWORD)), tuple(map(str, passwords))
