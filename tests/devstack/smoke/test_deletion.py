"""A scratch stack is deleted whole: with its retained bucket and key, and whatever state it is in."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from devstack.smoke.deletion import Deletion

REGION = "eu-central-1"
STACK = "nextitem-smoke-1"
TEMPLATE = {
    "Resources": {
        "ModelBucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"},
        "Key": {
            "Type": "AWS::KMS::Key",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            # as text, because moto keeps it as it is and reads text later
            "Properties": {"KeyPolicy": json.dumps({"Version": "2012-10-17", "Statement": []})},
        },
        "Topic": {"Type": "AWS::SNS::Topic"},
    }
}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload] # no literal


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, "Delete")


def create_stack() -> dict[str, str]:
    """Create the stack with two versions of a model, and return the names of its resources."""
    client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps(TEMPLATE))
    listed = client("cloudformation").list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    names = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in listed}
    s3 = client("s3")
    s3.put_bucket_versioning(Bucket=names["ModelBucket"], VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket=names["ModelBucket"], Key="models/a", Body=body)
    s3.delete_object(Bucket=names["ModelBucket"], Key="models/a")
    s3.create_multipart_upload(Bucket=names["ModelBucket"], Key="models/b")
    return names


def artifacts() -> str:
    client("s3").create_bucket(Bucket="packages", CreateBucketConfiguration={"LocationConstraint": REGION})
    client("s3").put_object(Bucket="packages", Key="code.zip", Body=b"zip")
    return "packages"


@pytest.mark.slow
def test_nothing_is_left_that_costs_money() -> None:
    # GIVEN a stack that retains a bucket with old versions and a key, and a bucket of packages
    names, packages = create_stack(), artifacts()
    # WHEN it is deleted
    left = Deletion(client, REGION, STACK, (packages,), lambda _: None).run()
    # THEN nothing is left but a key that will be gone
    assert left == []
    assert client("s3").list_buckets()["Buckets"] == []
    assert client("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"] == []
    key = client("kms").describe_key(KeyId=names["Key"])["KeyMetadata"]
    assert key["KeyState"] == "PendingDeletion"


def test_what_was_never_created_is_no_fault() -> None:
    assert Deletion(client, REGION, STACK, ("packages",), lambda _: None).run() == []


class Stubborn:
    """boto3 clients of which one call fails."""

    def __init__(self, service: str, call: str, error: BaseException) -> None:
        self.service, self.call, self.error = service, call, error

    def __call__(self, service: str) -> Any:
        real = client(service)
        if service == self.service:
            setattr(real, self.call, self.fail)
        return real

    def fail(self, **_: Any) -> Any:
        raise self.error


@pytest.mark.parametrize("error", [refused("AccessDenied"), KeyboardInterrupt()])
@pytest.mark.slow
def test_what_cannot_be_deleted_is_named_and_the_rest_is_deleted(error: BaseException) -> None:
    # GIVEN a stack that cannot be deleted, or a person who does not wait for it
    names, packages = create_stack(), artifacts()
    # WHEN the deletion runs
    left = Deletion(Stubborn("cloudformation", "delete_stack", error), REGION, STACK, (packages,), lambda _: None).run()
    # THEN one line says so, and bucket and key are deleted even so
    (line,) = left
    assert line.startswith(f"the stack {STACK}")
    assert line.endswith(f"aws cloudformation delete-stack --stack-name {STACK} --region {REGION}")
    assert client("s3").list_buckets()["Buckets"] == []
    assert client("kms").describe_key(KeyId=names["Key"])["KeyMetadata"]["KeyState"] == "PendingDeletion"


class Scripted:
    """CloudFormation that reports one state after the other."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)
        self.calls: list[str] = []

    def __call__(self, service: str) -> Any:
        return self if service == "cloudformation" else client(service)

    def describe_stacks(self, **_: Any) -> Any:
        state = self.states[0] if len(self.states) == 1 else self.states.pop(0)
        if state == "gone":
            raise refused("ValidationError")
        return {"Stacks": [{"StackStatus": state}]}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> Any:
        return [{"StackResourceSummaries": []}]

    def cancel_update_stack(self, **_: Any) -> None:
        self.calls.append("cancel")

    def delete_stack(self, **_: Any) -> None:
        self.calls.append(f"delete in {self.states[0]}")


@pytest.mark.parametrize(
    ("states", "calls"),
    [
        # while it is created, it can be deleted at once
        (["CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "gone"], 0),
        # an update is cancelled, and its end awaited
        (
            [
                *(
                    "UPDATE_IN_PROGRESS",
                    "UPDATE_IN_PROGRESS",
                    "UPDATE_ROLLBACK_IN_PROGRESS",
                    "UPDATE_ROLLBACK_COMPLETE",
                ),
                *("DELETE_IN_PROGRESS", "gone"),
            ],
            1,
        ),
    ],
)
def test_a_stack_in_motion(states: list[str], calls: int) -> None:
    formation = Scripted(*states)
    assert Deletion(formation, REGION, STACK, (), lambda _: None).run() == []
    assert formation.calls == ["cancel"] * calls + ["delete in DELETE_IN_PROGRESS"]


def test_a_deletion_that_fails_is_named() -> None:
    left = Deletion(
        Scripted("UPDATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_FAILED"), REGION, STACK, (), lambda _: None
    ).run()
    assert "its events say why" in left[0]
