"""The cache of a deployment, as the door reads it from the template's resources."""

from typing import Any

import pytest

from devstack.cloud.resources import Deployment, Resource
from devstack.cloud.store_door.acl import DEFAULT, acl_users
from devstack.cloud.store_door.cache import IAM, NO_PASSWORD, PASSWORD, read_cache
from tests.devstack.cloud.deployments import STORE_HOST, STORE_PORT, simulate
from tests.devstack.cloud.store_door.scene import ACCOUNT


def small(user: dict[str, Any], **cache: Any) -> Deployment:
    """Return a deployment of nodes with one user, whose properties are given."""
    properties = {"UserId": "app", "UserName": "app", "AccessString": "on ~* +@all", **user}
    group = {"UserGroupId": "users", "UserIds": ["app"]}
    nodes = {"TransitEncryptionEnabled": True, "UserGroupIds": ["users"], **cache}
    places = {"PrimaryEndPoint.Address": "store", "PrimaryEndPoint.Port": "6379"}
    resources = (
        Resource("User", "AWS::ElastiCache::User", properties, "app"),
        Resource("Users", "AWS::ElastiCache::UserGroup", group, "users"),
        Resource("Nodes", "AWS::ElastiCache::ReplicationGroup", nodes, "sessions", places),
    )
    return Deployment("shop", ACCOUNT, {}, {each.logical_id: each for each in resources})


@pytest.mark.parametrize("kind", ["serverless", "nodes"])
def test_the_template_has_one_cache_with_one_user(kind: str) -> None:
    cache = read_cache(simulate({"StoreKind": kind}))
    assert (cache.name, cache.serverless, cache.encrypted) == ("shop-sessions", kind == "serverless", True)
    assert (cache.host, cache.port) == (STORE_HOST, STORE_PORT)
    assert cache.users is not None
    assert [(user.name, user.user_id, user.mode) for user in cache.users.values()] == [
        ("shop-recommend", "shop-recommend", IAM)
    ]


def test_two_caches_are_refused() -> None:
    deployment = small({})
    deployment.resources["More"] = deployment.resources["Nodes"]
    with pytest.raises(ValueError, match="shop has 2 caches"):
        read_cache(deployment)


@pytest.mark.parametrize("enabled", [False, "false", None])
def test_a_cache_encrypts_only_if_it_says_so(enabled: object) -> None:
    assert not read_cache(small({}, TransitEncryptionEnabled=enabled)).encrypted
    assert read_cache(small({}, TransitEncryptionEnabled="true")).encrypted


def test_a_mode_that_takes_both_is_refused_as_not_modelled() -> None:
    with pytest.raises(ValueError, match='Nodes, TransitEncryptionMode: "preferred" is not modelled'):
        read_cache(small({}, TransitEncryptionMode="preferred"))


def test_a_group_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"user groups \['others'\] do not exist"):
        read_cache(small({}, UserGroupIds=["users", "others"]))


@pytest.mark.parametrize("rule", [">secret", "#abc", "nopass", "resetpass"])
def test_an_access_string_has_no_passwords(rule: str) -> None:
    with pytest.raises(ValueError, match="User, AccessString: ElastiCache refuses"):
        read_cache(small({"AccessString": f"on ~* {rule}"}))


@pytest.mark.parametrize(
    ("properties", "mode", "login"),
    [
        ({"AuthenticationMode": {"Type": "iam"}}, IAM, (">hush",)),
        ({"AuthenticationMode": {"Type": "password", "Passwords": ["a", "b"]}}, PASSWORD, (">a", ">b")),
        ({"Passwords": ["a"]}, PASSWORD, (">a",)),
        ({"AuthenticationMode": {"Type": "no-password-required"}}, NO_PASSWORD, ("nopass",)),
        ({"NoPasswordRequired": True}, NO_PASSWORD, ("nopass",)),
    ],
)
def test_a_user_logs_in_as_its_mode_says(properties: dict[str, Any], mode: str, login: tuple[str, ...]) -> None:
    cache = read_cache(small(properties))
    assert cache.users is not None
    assert cache.users["app"].mode == mode
    rules = dict(acl_users(cache, {"app": "hush"}))["app"]
    assert rules[: 3 + len(login)] == ("on", "~*", "+@all", *login)


def test_without_a_user_group_anybody_is_let_in_and_with_one_only_its_users() -> None:
    everybody = dict(acl_users(read_cache(small({}, UserGroupIds=[])), {}))
    assert everybody.keys() == {DEFAULT}
    assert everybody[DEFAULT][:2] == ("on", "nopass")

    app = {"AuthenticationMode": {"Type": "iam"}}
    assert dict(acl_users(read_cache(small(app)), {"app": "hush"}))[DEFAULT] == ()
    # AND a user of that name has its own rules
    default = app | {"UserName": DEFAULT}
    assert dict(acl_users(read_cache(small(default)), {DEFAULT: "hush"})).keys() == {DEFAULT}
