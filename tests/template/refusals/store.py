"""Refusals of ElastiCache."""

import re

from devstack.template.stack import Properties, Values
from tests.template.refusals.cloud import Cloud
from tests.template.refusals.types import ABSENT, AWS, Planted, Refusal, is_true, number_at, value_at

USER, GROUP, NODES = "AWS::ElastiCache::User", "AWS::ElastiCache::UserGroup", "AWS::ElastiCache::ReplicationGroup"
CREATE_NODES = f"{AWS}/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html"
ACCESS = f"{AWS}/AmazonElastiCache/latest/dg/Clusters.RBAC.html"
NODE_STORE: Values = {"StoreKind": "nodes"}
REFUSED_RULES = {"nopass", "resetpass", "reset", "resetkeys", "resetchannels"}


def _without_default(group: Properties, cloud: Cloud) -> bool:
    names = {cloud.named(user).get("UserName") for user in group.get("UserIds", [])}
    return group["Engine"].lower() == "redis" and "default" not in names


def _rules(user: Properties) -> set[str]:
    return set(user["AccessString"].lower().split())


STORE = (
    Refusal(
        "replication-group-id",
        (NODES,),
        "An id has 1 to 40 letters, digits and hyphens, first a letter, no two hyphens together and none at the end.",
        CREATE_NODES,
        lambda nodes, _: (
            not re.fullmatch(r"[a-zA-Z](-?[a-zA-Z0-9])*", nodes["ReplicationGroupId"])
            or len(nodes["ReplicationGroupId"]) > 40
        ),
        Planted("NodeCache", {"ReplicationGroupId": "shop--sessions"}, NODE_STORE),
    ),
    Refusal(
        "failover-of-one-node",
        (NODES,),
        "Automatic failover needs 2 to 6 nodes.",
        CREATE_NODES,
        lambda nodes, _: (
            is_true(nodes.get("AutomaticFailoverEnabled")) and not 2 <= number_at(nodes, "NumCacheClusters", 1) <= 6
        ),
        Planted("NodeCache", {"NumCacheClusters": 1}, NODE_STORE),
    ),
    Refusal(
        "users-without-tls",
        (NODES,),
        "User groups need encryption in transit.",
        CREATE_NODES,
        lambda nodes, _: bool(nodes.get("UserGroupIds")) and not is_true(nodes.get("TransitEncryptionEnabled")),
        Planted("NodeCache", {"TransitEncryptionEnabled": False}, NODE_STORE),
    ),
    Refusal(
        "tls-without-subnets",
        (NODES,),
        "Encryption in transit needs a subnet group.",
        CREATE_NODES,
        lambda nodes, _: is_true(nodes.get("TransitEncryptionEnabled")) and not nodes.get("CacheSubnetGroupName"),
        Planted("NodeCache", {"CacheSubnetGroupName": ABSENT}, NODE_STORE),
    ),
    Refusal(
        "key-without-encryption",
        (NODES,),
        "A KMS key needs encryption at rest.",
        CREATE_NODES,
        lambda nodes, _: "KmsKeyId" in nodes and not is_true(nodes.get("AtRestEncryptionEnabled", True)),
        Planted("NodeCache", {"AtRestEncryptionEnabled": False}, NODE_STORE),
    ),
    Refusal(
        "user-id",
        (USER,),
        "A user's id has letters, digits and hyphens, first a letter.",
        f"{AWS}/AmazonElastiCache/latest/APIReference/API_CreateUser.html",
        lambda user, _: not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9-]*", user["UserId"]),
        Planted("StoreUser", {"UserId": "shop_recommend", "UserName": "shop_recommend"}),
    ),
    Refusal(
        "user-of-iam",
        (USER,),
        "The name of a user with IAM authentication equals its id, which is stored in small letters.",
        f"{AWS}/AmazonElastiCache/latest/dg/auth-iam.html",
        lambda user, _: (
            value_at(user, "AuthenticationMode.Type") == "iam" and user["UserId"].lower() != user["UserName"]
        ),
        Planted("StoreUser", {"UserName": "recommend"}),
    ),
    Refusal(
        "user-of-iam-with-password",
        (USER,),
        "A user has one way to authenticate.",
        f"{AWS}/AmazonElastiCache/latest/APIReference/API_CreateUser.html",
        lambda user, _: (
            value_at(user, "AuthenticationMode.Type") == "iam"
            and (is_true(user.get("NoPasswordRequired")) or bool(user.get("Passwords")))
        ),
        Planted("StoreUser", {"NoPasswordRequired": True}),
    ),
    Refusal(
        "access-string",
        (USER,),
        "An access string has no rules about passwords and no resets.",
        ACCESS,
        lambda user, _: bool(REFUSED_RULES & _rules(user)) or any(rule[0] in "<>#!" for rule in _rules(user)),
        Planted("StoreUser", {"AccessString": "on resetkeys ~nextitem:* -@all +ping"}),
    ),
    Refusal(
        "redis-without-default",
        (GROUP,),
        "A user group of engine redis has a user named default.",
        ACCESS,
        _without_default,
        Planted("StoreUsers", {"Engine": "redis"}),
    ),
    Refusal(
        "serverless-description",
        ("AWS::ElastiCache::ServerlessCache",),
        "A description has at most 255 characters.",
        f"{AWS}/AmazonElastiCache/latest/APIReference/API_CreateServerlessCache.html",
        lambda store, _: len(store.get("Description", "")) > 255,
        Planted("ServerlessCache", {"Description": "x" * 256}),
    ),
)
