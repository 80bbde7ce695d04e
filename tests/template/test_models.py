"""The model bucket: what it keeps, and who may do what with it. And what the stack tells about itself."""

from typing import Any

import pytest

from nextitem.registry.availability import availability_key
from nextitem.registry.reader import history_key, model_key, route_key
from tests.template.permissions import Statement, statements
from tests.template.stack import Stack, listed

READ = {"s3:GetObject", "s3:ListBucket"}


def of(stack: Stack, owner: str) -> list[Statement]:
    return [one for one in statements(stack) if one.owner == owner and one.allows and "Principal" not in one.body]


def s3_actions(stack: Stack, owner: str) -> set[str]:
    return {action for one in of(stack, owner) for action in one.actions if action.startswith("s3:")}


def written(stack: Stack, owner: str) -> list[str]:
    return [resource for one in of(stack, owner) if "s3:PutObject" in one.actions for resource in one.resources]


def test_models_outlive_the_stack_and_mistakes_and_so_does_their_key(stack: Stack) -> None:
    # GIVEN bucket, policy and key WHEN their keeping is read THEN all are retained, and objects are versioned
    for name in ("ModelBucket", "ModelBucketPolicy", "Key"):
        assert stack.resources[name]["DeletionPolicy"] == stack.resources[name]["UpdateReplacePolicy"] == "Retain"
    assert stack.only("AWS::S3::Bucket")["VersioningConfiguration"] == {"Status": "Enabled"}


def test_no_lifecycle_rule_removes_what_is_current(stack: Stack) -> None:
    # GIVEN the bucket's rules
    rules = stack.only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]

    # WHEN what each does is read
    doings = [rule.keys() - {"Id", "Status", "Prefix", "Filter"} for rule in rules]

    # THEN only unfinished uploads and what was replaced or deleted go: a routed version is neither
    assert [list(one) for one in doings] == [["AbortIncompleteMultipartUpload"], ["NoncurrentVersionExpiration"]]


def test_a_publisher_creates_versions_and_changes_no_route(stack: Stack) -> None:
    # GIVEN the publisher's policy WHEN what it writes is read THEN it is models, each only if it is not there, or parts
    assert s3_actions(stack, "PublisherPolicy") == READ | {"s3:PutObject", "s3:AbortMultipartUpload"}
    assert set(written(stack, "PublisherPolicy")) == {"${ModelBucket.Arn}/models/*"}
    conditions = [one.body["Condition"] for one in of(stack, "PublisherPolicy") if "s3:PutObject" in one.actions]
    assert conditions == [{"Null": {"s3:if-none-match": "false"}}, {"Bool": {"s3:ObjectCreationOperation": "false"}}]


def test_a_promoter_changes_routes_and_writes_no_model(stack: Stack) -> None:
    # GIVEN the promoter's policy WHEN what it writes is read THEN it is routes
    assert s3_actions(stack, "PromoterPolicy") == READ | {"s3:PutObject"}
    assert written(stack, "PromoterPolicy") == ["${ModelBucket.Arn}/routes/*"]


def test_who_knows_the_stock_changes_availability_alone(stack: Stack) -> None:
    # GIVEN the policy for availability WHEN what it reads and writes is read THEN it is that
    assert s3_actions(stack, "AvailabilityPolicy") == READ | {"s3:PutObject"}
    assert written(stack, "AvailabilityPolicy") == ["${ModelBucket.Arn}/availability/*"]


def test_the_function_reads_all_and_writes_nothing(stack: Stack) -> None:
    # GIVEN the function's role WHEN its S3 actions are read THEN it reads
    assert s3_actions(stack, "RecommendRole") == READ
    (read,) = [one for one in of(stack, "RecommendRole") if "s3:GetObject" in one.actions]
    assert read.resources == [f"${{ModelBucket.Arn}}/{prefix}/*" for prefix in ("models", "routes", "availability")]


def test_the_prefixes_are_those_that_the_registry_uses() -> None:
    # GIVEN the registry's keys WHEN made THEN they lie under the prefixes of the policies
    assert model_key("v1", "manifest.json").startswith("models/")
    assert {route_key("live").partition("/")[0], history_key("live", 1).partition("/")[0]} == {"routes"}
    assert availability_key("live").startswith("availability/")


@pytest.mark.parametrize(
    "owner", ["PublisherPolicy", "PromoterPolicy", "AvailabilityPolicy", "RecommendRole", "RotateSecretRole"]
)
def test_the_key_is_used_through_the_services_alone(stack: Stack, owner: str) -> None:
    # GIVEN what may be done with the key WHEN its condition is read THEN it is for S3 or Secrets Manager only
    uses = [one for one in of(stack, owner) if any(action.startswith("kms:") for action in one.actions)]
    assert uses
    for one in uses:
        services: list[Any] = listed(one.body["Condition"]["StringEquals"]["kms:ViaService"])
        assert {service["Fn::Sub"].partition(".")[0] for service in services} <= {"s3", "secretsmanager"}
        assert one.resources == ["${Key.Arn}"]
        assert set(one.actions) <= {"kms:Decrypt", "kms:GenerateDataKey"}


def test_the_stack_tells_what_its_users_need(stack: Stack) -> None:
    # GIVEN the stack's outputs WHEN listed THEN URL, bucket, policies, alias, store, secret and topics are among them
    assert set(stack.outputs) == {
        "ApiUrl",
        "BucketName",
        "PublisherPolicyArn",
        "PromoterPolicyArn",
        "AvailabilityPolicyArn",
        "FunctionAliasArn",
        "StoreEndpoint",
        "KeySecretArn",
        "PageTopicArn",
        "TicketTopicArn",
    }
    (alias,) = stack.of_type("AWS::Lambda::Alias")
    assert stack.outputs["FunctionAliasArn"]["Value"] == {"Ref": alias}
