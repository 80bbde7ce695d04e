"""ElastiCache. moto knows users and little else, so the calls are checked and what exists is `Site.live`."""

import re
from typing import Any

from devstack.cloud.deploying.resource_type import Created, Declared, ResourceType, Site, names, random_text
from devstack.cloud.resources import Resource

PORT = 6379
_CLUSTER_MODE = ".cluster.on"
"""End of the names of AWS's parameter groups with cluster mode, which has one endpoint for all shards."""
_USER_CHANGES = names("AccessString AuthenticationMode")
_SERVERLESS_CHANGES = names("Description CacheUsageLimits UserGroupId SecurityGroupIds")
_NODES_CHANGES = names(
    "ReplicationGroupDescription CacheNodeType EngineVersion AutomaticFailoverEnabled MultiAZEnabled UserGroupIds"
    " SecurityGroupIds TransitEncryptionMode"
)


def _arn(site: Site, kind: str, name: str) -> str:
    return site.account.arn("elasticache", f"{kind}:{name}")


def _zone(site: Site) -> str:
    """Return a region as ElastiCache's host names have it: ``euc1`` for eu-central-1."""
    continent, direction, number = site.account.region.split("-")
    initials = "".join(part[0] for part in re.findall("north|south|east|west|central", direction))
    return f"{continent}{initials}{number}"


def _create_user(site: Site, declared: Declared) -> Created:
    properties = declared.properties
    user = properties["UserId"]
    site.refuse_duplicate(declared, user)
    site.clients.check("elasticache", "CreateUser", **properties)
    if properties.get("AuthenticationMode", {}).get("Type") == "iam" and user != properties["UserName"]:
        raise ValueError(f"UserName: with IAM authentication it must equal UserId, {user}")
    return Created(user, {"Arn": _arn(site, "user", user), "Status": "active"})


def _update_user(site: Site, resource: Resource, declared: Declared) -> Created:
    changes = declared.only(*_USER_CHANGES)
    site.clients.check("elasticache", "ModifyUser", UserId=resource.physical_id, **changes)
    return Created(resource.physical_id, resource.attributes)


def _delete_user(site: Site, resource: Resource) -> None:
    site.clients.check("elasticache", "DeleteUser", UserId=resource.physical_id)


def _create_users(site: Site, declared: Declared) -> Created:
    properties = declared.properties
    group = properties["UserGroupId"]
    site.refuse_duplicate(declared, group)
    site.clients.check("elasticache", "CreateUserGroup", **properties)
    _require_users(site, declared)
    return Created(group, {"Arn": _arn(site, "usergroup", group), "Status": "active"})


def _require_users(site: Site, declared: Declared) -> None:
    for name in declared.properties.get("UserIds", []):
        user = site.find("AWS::ElastiCache::User", name)
        if user is None:
            raise ValueError(f"UserIds: there is no user {name}")
        engine = declared.properties["Engine"]
        if user.properties["Engine"] != engine:
            raise ValueError(f"UserIds: the engine of {name} is {user.properties['Engine']}, not {engine}")


def _update_users(site: Site, resource: Resource, declared: Declared) -> Created:
    before, after = (set(of["UserIds"]) for of in (resource.properties, declared.properties))
    _require_users(site, declared)
    site.clients.check(
        "elasticache", "ModifyUserGroup", UserGroupId=resource.physical_id,
        **{name: sorted(ids) for name, ids in
           (("UserIdsToAdd", after - before), ("UserIdsToRemove", before - after)) if ids},
    )  # fmt: skip
    return Created(resource.physical_id, resource.attributes)


def _delete_users(site: Site, resource: Resource) -> None:
    site.clients.check("elasticache", "DeleteUserGroup", UserGroupId=resource.physical_id)


def _require_group(site: Site, name: str, engine: str) -> None:
    group = site.find("AWS::ElastiCache::UserGroup", name)
    if group is None:
        raise ValueError(f"there is no user group {name}")
    if group.properties["Engine"] != engine:
        raise ValueError(f"the engine of the user group {name} is {group.properties['Engine']}, not {engine}")


def _create_serverless(site: Site, declared: Declared) -> Created:
    properties = declared.properties
    name = properties["ServerlessCacheName"]
    site.refuse_duplicate(declared, name)
    site.clients.check("elasticache", "CreateServerlessCache", **properties)
    if group := properties.get("UserGroupId"):
        _require_group(site, group, properties["Engine"])
    address = f"{name}-{random_text(6)}.serverless.{_zone(site)}.cache.amazonaws.com"
    attributes = {
        "ARN": _arn(site, "serverlesscache", name),
        "Endpoint.Address": address,
        "Endpoint.Port": str(PORT),
        "ReaderEndpoint.Address": address,
        "ReaderEndpoint.Port": str(PORT + 1),
        "Status": "available",
        "FullEngineVersion": properties.get("MajorEngineVersion", ""),
    }
    return Created(name, attributes)


def _update_serverless(site: Site, resource: Resource, declared: Declared) -> Created:
    changes = declared.only(*_SERVERLESS_CHANGES)
    site.clients.check("elasticache", "ModifyServerlessCache", ServerlessCacheName=resource.physical_id, **changes)
    return Created(resource.physical_id, resource.attributes)


def _delete_serverless(site: Site, resource: Resource) -> None:
    site.clients.check("elasticache", "DeleteServerlessCache", ServerlessCacheName=resource.physical_id)


def _create_nodes(site: Site, declared: Declared) -> Created:
    properties = declared.properties
    name = properties["ReplicationGroupId"]
    site.refuse_duplicate(declared, name)
    site.clients.check("elasticache", "CreateReplicationGroup", **properties)
    _require_nodes(site, properties)
    suffix = f"{name}.{random_text(6)}.{_zone(site)}.cache.amazonaws.com"
    port = str(properties.get("Port", PORT))
    hosts = {"PrimaryEndPoint": f"master.{suffix}", "ReaderEndPoint": f"replica.{suffix}"}
    if properties.get("CacheParameterGroupName", "").endswith(_CLUSTER_MODE):
        hosts = {"ConfigurationEndPoint": f"clustercfg.{suffix}"}
    attributes = {"Arn": _arn(site, "replicationgroup", name)}
    for endpoint, host in hosts.items():
        attributes |= {f"{endpoint}.Address": host, f"{endpoint}.Port": port}
    return Created(name, attributes)


def _require_nodes(site: Site, properties: Any) -> None:
    """Refuse what CreateReplicationGroup documents: users need TLS, failover over zones needs both."""
    encrypted, failover, zones = (
        str(properties.get(name, False)).lower() == "true"
        for name in ("TransitEncryptionEnabled", "AutomaticFailoverEnabled", "MultiAZEnabled")
    )
    for group in properties.get("UserGroupIds", []):
        if not encrypted:
            raise ValueError("UserGroupIds: access control needs TransitEncryptionEnabled")
        _require_group(site, group, properties["Engine"])
    if zones and not failover:
        raise ValueError("MultiAZEnabled needs AutomaticFailoverEnabled")
    if failover and int(properties.get("NumCacheClusters", 1)) < 2:  # noqa: PLR2004 - a primary and a replica
        raise ValueError("AutomaticFailoverEnabled needs NumCacheClusters of at least 2")
    _require_family(properties)
    subnets = properties.get("CacheSubnetGroupName")
    if subnets and not site.find("AWS::ElastiCache::SubnetGroup", subnets):
        raise ValueError(f"CacheSubnetGroupName: there is no subnet group {subnets}")


def _require_family(properties: Any) -> None:
    """Refuse one of AWS's parameter groups that is for another engine or version."""
    family = properties.get("CacheParameterGroupName", "").removesuffix(_CLUSTER_MODE)
    major = properties.get("EngineVersion", "").partition(".")[0]
    wanted = f"default.{properties['Engine']}{major}"
    if family.startswith("default.") and major and family != wanted:
        raise ValueError(f"CacheParameterGroupName: {family} is not for this engine and version; take {wanted}")


def _update_nodes(site: Site, resource: Resource, declared: Declared) -> Created:
    _require_nodes(site, declared.properties)
    before, after = (set(of.get("UserGroupIds", [])) for of in (resource.properties, declared.properties))
    groups = {
        name: sorted(ids)
        for name, ids in (("UserGroupIdsToAdd", after - before), ("UserGroupIdsToRemove", before - after))
        if ids
    }
    changes = declared.only(*_NODES_CHANGES - {"UserGroupIds"})
    site.clients.check(
        "elasticache", "ModifyReplicationGroup", ReplicationGroupId=resource.physical_id, **changes, **groups
    )
    return Created(resource.physical_id, resource.attributes)


def _delete_nodes(site: Site, resource: Resource) -> None:
    site.clients.check("elasticache", "DeleteReplicationGroup", ReplicationGroupId=resource.physical_id)


def _create_subnets(site: Site, declared: Declared) -> Created:
    properties = declared.properties
    name = (properties.get("CacheSubnetGroupName") or declared.name(maximum=255)).lower()
    site.refuse_duplicate(declared, name)
    site.clients.check(
        "elasticache", "CreateCacheSubnetGroup", CacheSubnetGroupName=name,
        CacheSubnetGroupDescription=properties["Description"],
        **declared.without("CacheSubnetGroupName", "Description"),
    )  # fmt: skip
    return Created(name)


def _update_subnets(site: Site, resource: Resource, declared: Declared) -> Created:
    site.clients.check(
        "elasticache", "ModifyCacheSubnetGroup", CacheSubnetGroupName=resource.physical_id,
        CacheSubnetGroupDescription=declared.properties["Description"], **declared.only("SubnetIds"),
    )  # fmt: skip
    return Created(resource.physical_id)


def _delete_subnets(site: Site, resource: Resource) -> None:
    site.clients.check("elasticache", "DeleteCacheSubnetGroup", CacheSubnetGroupName=resource.physical_id)


TYPES = (
    ResourceType(
        "AWS::ElastiCache::User",
        _USER_CHANGES | names("Engine UserId UserName NoPasswordRequired Passwords"),
        _create_user,
        _delete_user,
        update=_update_user,
        changeable=_USER_CHANGES,
        named_by="UserId",
    ),
    ResourceType(
        "AWS::ElastiCache::UserGroup",
        names("Engine UserGroupId UserIds"),
        _create_users,
        _delete_users,
        update=_update_users,
        changeable=names("UserIds"),
        named_by="UserGroupId",
    ),
    ResourceType(
        "AWS::ElastiCache::ServerlessCache",
        _SERVERLESS_CHANGES | names("ServerlessCacheName Engine MajorEngineVersion KmsKeyId SubnetIds"),
        _create_serverless,
        _delete_serverless,
        update=_update_serverless,
        changeable=_SERVERLESS_CHANGES,
        named_by="ServerlessCacheName",
    ),
    ResourceType(
        "AWS::ElastiCache::ReplicationGroup",
        _NODES_CHANGES
        | names(
            "ReplicationGroupId Engine CacheParameterGroupName NumCacheClusters TransitEncryptionEnabled"
            " AtRestEncryptionEnabled KmsKeyId Port CacheSubnetGroupName"
        ),
        _create_nodes,
        _delete_nodes,
        update=_update_nodes,
        changeable=_NODES_CHANGES,
        named_by="ReplicationGroupId",
    ),
    ResourceType(
        "AWS::ElastiCache::SubnetGroup",
        names("CacheSubnetGroupName Description SubnetIds"),
        _create_subnets,
        _delete_subnets,
        update=_update_subnets,
        changeable=names("Description SubnetIds"),
        named_by="CacheSubnetGroupName",
    ),
)
