"""The model bucket: retention and permissions. And the stack's outputs."""

from typing import Any

import pytest

from devstack.template.stack import Stack, Values, deployed, listed
from nextitem.registry.availability import availability_key
from nextitem.registry.catalogue_pointer import catalogue_key, join_key, pointer_history_key, pointer_key
from nextitem.registry.reader import model_key
from nextitem.registry.route import history_key, route_key
from tests.template.combinations import LEARNING
from tests.template.permissions import Statement, statements

READ = {"s3:GetObject", "s3:ListBucket"}
CREATE_ONLY = [{"Null": {"s3:if-none-match": "false"}}, {"Bool": {"s3:ObjectCreationOperation": "false"}}]
"""Conditions of an object that is written once: whole, and in parts."""


def of(stack: Stack, owner: str) -> list[Statement]:
    return [
        statement
        for statement in statements(stack)
        if statement.owner == owner and statement.allows and "Principal" not in statement.body
    ]


def s3_actions(stack: Stack, owner: str) -> set[str]:
    return {action for statement in of(stack, owner) for action in statement.actions if action.startswith("s3:")}


def written(stack: Stack, owner: str) -> list[str]:
    return [
        resource
        for statement in of(stack, owner)
        if "s3:PutObject" in statement.actions
        for resource in statement.resources
    ]


def test_bucket_and_key_are_retained_and_objects_versioned(stack: Stack) -> None:
    for name in ("ModelBucket", "ModelBucketPolicy", "Key"):
        assert stack.resources[name]["DeletionPolicy"] == stack.resources[name]["UpdateReplacePolicy"] == "Retain"
    assert stack.only("AWS::S3::Bucket")["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize(("values", "expected"), [({}, set()), (LEARNING, {"drift/", "retraining/"})])
def test_lifecycle_rules_remove_current_objects_of_drift_and_retraining_only(
    values: Values, expected: set[str]
) -> None:
    rules = deployed(values).only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]

    harmless = {"Id", "Status", "Prefix", "AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"}
    removing = {rule.get("Prefix") for rule in rules if rule.keys() - harmless - {"ExpiredObjectDeleteMarker"}}

    assert removing == expected


def test_who_writes_large_files_once_may_upload_them_in_parts() -> None:
    # GIVEN all who may write a join, a catalogue or a version, which are files of any size, only if it is not there
    stack = deployed(LEARNING)
    large = (
        "${ModelBucket.Arn}/models/*",
        "${ModelBucket.Arn}/catalogues/*/models/*",
        "${ModelBucket.Arn}/catalogues/*",
    )
    writers = {
        (each.owner, resource)
        for each in statements(stack)
        if "s3:PutObject" in each.actions and each.body.get("Condition") == CREATE_ONLY[0]
        for resource in each.resources
        if resource in large
    }
    assert len(writers) >= 6

    # THEN each may also upload the parts of a file that S3 does not take whole, and abort that
    for owner, resource in writers:
        of_resource = [each for each in of(stack, owner) if each.resources == [resource]]
        conditions = [each.body["Condition"] for each in of_resource if "s3:PutObject" in each.actions]
        assert conditions == CREATE_ONLY, (owner, resource)
        assert any("s3:AbortMultipartUpload" in each.actions for each in of_resource), (owner, resource)


def test_a_publisher_creates_versions_and_changes_no_route(stack: Stack) -> None:
    assert s3_actions(stack, "PublisherPolicy") == READ | {"s3:PutObject", "s3:AbortMultipartUpload"}
    verdicts = "${ModelBucket.Arn}/models/*/verdict.json"
    assert set(written(stack, "PublisherPolicy")) == {"${ModelBucket.Arn}/models/*", verdicts}
    conditions = [
        statement.body["Condition"]
        for statement in of(stack, "PublisherPolicy")
        if "s3:PutObject" in statement.actions and statement.resources != [verdicts]
    ]
    assert conditions == CREATE_ONLY


def test_a_promoter_changes_routes_and_writes_no_model(stack: Stack) -> None:
    assert s3_actions(stack, "PromoterPolicy") == READ | {"s3:PutObject", "s3:AbortMultipartUpload"}
    joins = "${ModelBucket.Arn}/catalogues/*/models/*"
    audit = "${ModelBucket.Arn}/audit/*"
    records = "${ModelBucket.Arn}/experiments/*/record.json"
    assert written(stack, "PromoterPolicy") == ["${ModelBucket.Arn}/routes/*", records, audit, joins, joins]
    assert [
        statement.body["Condition"]
        for statement in of(stack, "PromoterPolicy")
        if statement.resources in ([audit], [joins]) and "s3:PutObject" in statement.actions
    ] == [CREATE_ONLY[0], *CREATE_ONLY]


def test_the_catalogue_policy_replaces_only_which_catalogue_a_route_uses(stack: Stack) -> None:
    assert s3_actions(stack, "CataloguePolicy") == READ | {"s3:PutObject", "s3:AbortMultipartUpload"}
    writing = [statement for statement in of(stack, "CataloguePolicy") if "s3:PutObject" in statement.actions]
    assert [(statement.resources, statement.body.get("Condition")) for statement in writing] == [
        *((["${ModelBucket.Arn}/catalogues/*"], condition) for condition in CREATE_ONLY),
        (["${ModelBucket.Arn}/catalogues/routes/*"], None),
    ]


def test_the_availability_policy_writes_only_availability(stack: Stack) -> None:
    assert s3_actions(stack, "AvailabilityPolicy") == READ | {"s3:PutObject"}
    assert written(stack, "AvailabilityPolicy") == ["${ModelBucket.Arn}/availability/*"]


def test_the_function_reads_all_and_writes_nothing(stack: Stack) -> None:
    assert s3_actions(stack, "RecommendRole") == READ
    (read,) = [statement for statement in of(stack, "RecommendRole") if "s3:GetObject" in statement.actions]
    prefixes = ("models", "routes", "availability", "catalogues")
    assert read.resources == [f"${{ModelBucket.Arn}}/{prefix}/*" for prefix in prefixes]


def test_the_prefixes_are_those_that_the_registry_uses() -> None:
    assert model_key("v1", "manifest.json").startswith("models/")
    assert {route_key("live").partition("/")[0], history_key("live", 1).partition("/")[0]} == {"routes"}
    assert availability_key("live").startswith("availability/")
    version = "c" + "0" * 16
    assert pointer_key("live").startswith("catalogues/routes/")
    assert join_key(version, "v1").startswith(f"catalogues/{version}/models/")
    for key in (catalogue_key(version), pointer_history_key("live", 1)):
        assert key.startswith("catalogues/")
        assert not key.startswith("catalogues/routes/")


@pytest.mark.parametrize(
    "owner",
    ["PublisherPolicy", "PromoterPolicy", "CataloguePolicy", "AvailabilityPolicy", "RecommendRole", "RotateSecretRole"],
)
def test_the_key_is_used_only_through_s3_and_secrets_manager(stack: Stack, owner: str) -> None:
    uses = [
        statement for statement in of(stack, owner) if any(action.startswith("kms:") for action in statement.actions)
    ]
    assert uses
    for statement in uses:
        services: list[Any] = listed(statement.body["Condition"]["StringEquals"]["kms:ViaService"])
        assert {service["Fn::Sub"].partition(".")[0] for service in services} <= {"s3", "secretsmanager"}
        assert statement.resources == ["${Key.Arn}"]
        assert set(statement.actions) <= {"kms:Decrypt", "kms:GenerateDataKey*"}


def test_outputs(stack: Stack) -> None:
    assert set(stack.outputs) == {
        "ApiUrl",
        "BucketName",
        "PublisherPolicyArn",
        "PromoterPolicyArn",
        "CataloguePolicyArn",
        "AvailabilityPolicyArn",
        "FunctionAliasArn",
        "StoreEndpoint",
        "KeySecretArn",
        "PageTopicArn",
        "TicketTopicArn",
    }
    (alias,) = stack.of_type("AWS::Lambda::Alias")
    assert stack.outputs["FunctionAliasArn"]["Value"] == {"Ref": alias}
