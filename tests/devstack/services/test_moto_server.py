"""moto's corrections: what a range costs, rotations one after the other, numbers of versions."""

from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.s3.models import FakeKey

from tests.corrected_moto import correct_moto


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    correct_moto(monkeypatch)


@pytest.mark.parametrize("value", [b"\x00\xff" * 1000, bytearray(b"several parts"), "text \N{SNOWMAN}", b""])
def test_reading_an_object_copies_nothing(value: bytes | str) -> None:
    # GIVEN an object, as one upload and as several parts (a bytearray) set it
    key = FakeKey(name="k", value=value, account_id="123456789012", region_name="us-east-1")  # type: ignore[arg-type] # moto takes all

    # WHEN it is read twice
    first, second = key.value, key.value

    # THEN both are one object in memory, with the content
    assert first is second
    assert first == (value.encode() if isinstance(value, str) else bytes(value))
    assert key.size == len(first)
    key.dispose()


@mock_aws
def test_a_secret_whose_current_version_is_still_marked_as_pending_can_be_rotated() -> None:
    # GIVEN a rotation that left the stage as Secrets Manager's documents say
    client: Any = boto3.client("secretsmanager", region_name="eu-central-1")
    client.create_secret(Name="key", SecretString="first")
    client.put_secret_value(SecretId="key", SecretString="second", VersionStages=["AWSCURRENT", "AWSPENDING"])

    # WHEN it is rotated again, THEN moto begins a rotation instead of refusing it
    version = client.rotate_secret(SecretId="key", RotationRules={"AutomaticallyAfterDays": 90})["VersionId"]
    assert version in client.describe_secret(SecretId="key")["VersionIdsToStages"]


@mock_aws
def test_numbers_of_deleted_versions_are_not_given_again() -> None:
    # GIVEN a function with two versions, of which the first was deleted
    role = boto3.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    client: Any = boto3.client("lambda", region_name="eu-central-1")
    code = {"ZipFile": b""}
    client.create_function(FunctionName="f", Role=role, Handler="h", Code=code, Runtime="python3.13")

    def publish(description: str) -> str:
        client.update_function_configuration(FunctionName="f", Description=description)
        version: str = client.publish_version(FunctionName="f")["Version"]
        return version

    assert [publish("one"), publish("two")] == ["1", "2"]
    client.delete_function(FunctionName="f", Qualifier="1")

    # WHEN other versions are published
    # THEN they have numbers of their own, and the second version is still there
    assert [publish("three"), publish("four")] == ["3", "4"]
    listed = client.list_versions_by_function(FunctionName="f")["Versions"]
    assert {version["Version"]: version["Description"] for version in listed[1:]} == {
        "2": "two",
        "3": "three",
        "4": "four",
    }
    for version in listed[1:]:
        found = client.get_function(FunctionName=version["FunctionArn"])["Configuration"]
        assert found["Version"] == version["Version"]

    # AND an unchanged function has no new version
    assert client.publish_version(FunctionName="f")["Version"] == "4"

    # AND the function can be deleted with all of them
    client.delete_function(FunctionName="f")
    assert client.list_functions()["Functions"] == []
