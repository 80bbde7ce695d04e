"""`nextitem doctor`, whole and with one part broken at a time."""

from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from devstack.publish import demo_artifact
from devstack.services.valkey import Valkey
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.registry.reader import model_key
from nextitem.registry.route import history_key, route_key
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.doctor.examined import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VERSION = demo_artifact().name


def endpoint(s3: "S3Client") -> tuple[str, str]:
    return ("--endpoint-url", s3.meta.endpoint_url)


def findings(*options: str) -> dict[str, Any]:
    """Run the command with --json and return its findings by check; its status and its exit code agree."""
    answer = nextitem("doctor", *options, "--json")
    document = answer.document
    assert answer.code == int(document["status"] == "fail")
    return {finding["check"]: finding for finding in document["findings"]}


def failing(found: dict[str, Any]) -> set[str]:
    return {check for check, finding in found.items() if finding["status"] == "fail"}


@pytest.mark.usefixtures("bucket", "environment")
@pytest.mark.slow
def test_a_sound_installation_is_all_ok(s3: "S3Client", valkey: Valkey) -> None:
    # GIVEN a bucket with a live version, and a store
    where = (*endpoint(s3), "--store-url", valkey.url)
    # WHEN they are examined
    answer = done("doctor", *where)
    # THEN every line is ok
    *lines, counts = answer.out.splitlines()
    assert all(line.startswith("ok ") for line in lines), answer.out
    assert counts == f"{len(lines)} ok"
    # AND nothing is left in the store, nothing new in the bucket
    with valkey_client(valkey) as client:
        assert client.dbsize() == 0
    versions = s3.list_object_versions(Bucket=BUCKET)["Versions"]
    assert len({entry["Key"] for entry in versions}) == len(versions)
    # AND the JSON says the same
    document = done("doctor", *where, "--json").document
    assert document["status"] == "ok"
    assert [finding["check"] for finding in document["findings"]] == [line[6:24].strip() for line in lines]


def valkey_client(valkey: Valkey) -> Any:
    from redis import Redis

    return Redis.from_url(valkey.url)


@pytest.mark.usefixtures("bucket")
@pytest.mark.slow
def test_without_credentials_the_bucket_is_not_asked(s3: "S3Client", environment: pytest.MonkeyPatch) -> None:
    environment.delenv("AWS_ACCESS_KEY_ID")
    found = findings(*endpoint(s3))
    assert failing(found) == {"credentials"}
    assert "aws configure" in found["credentials"]["remedy"]
    assert found["bucket"]["detail"] == "not checked: there are no credentials"


@pytest.mark.usefixtures("bucket")
@pytest.mark.slow
def test_a_missing_bucket_is_named(s3: "S3Client", environment: pytest.MonkeyPatch) -> None:
    # One that does not exist, and none at all
    found = findings(*endpoint(s3), "--bucket", "no-such-bucket")
    assert failing(found) == {"bucket"}
    assert found["bucket"]["detail"] == "no-such-bucket does not exist"
    assert "BucketName" in found["bucket"]["remedy"]
    environment.delenv("NEXTITEM_BUCKET")
    found = findings(*endpoint(s3))
    assert failing(found) == {"bucket"}
    assert "nextitem init --bucket" in found["bucket"]["remedy"]


@pytest.mark.usefixtures("bucket", "environment")
@pytest.mark.slow
def test_a_route_without_a_version_is_named(s3: "S3Client") -> None:
    found = findings(*endpoint(s3), "--route", "beta")
    assert failing(found) == {"route"}
    assert "nextitem promote" in found["route"]["remedy"]


@pytest.mark.slow
@pytest.mark.usefixtures("bucket", "environment")
def test_a_route_with_an_incomplete_version_is_named(s3: "S3Client") -> None:
    # GIVEN a live version that has lost a file
    s3.delete_object(Bucket=BUCKET, Key=model_key(VERSION, "score.onnx"))
    # THEN the route is sound, its version is not
    found = findings(*endpoint(s3))
    assert failing(found) == {"versions"}
    assert found["versions"]["detail"] == f"{VERSION} lacks score.onnx in the registry"
    assert "nextitem publish" in found["versions"]["remedy"]
    # AND the remedy helps: to publish again adds the file
    done("publish", demo_artifact(), *endpoint(s3))
    assert failing(findings(*endpoint(s3))) == set()


@pytest.mark.usefixtures("environment")
@pytest.mark.slow
def test_a_damaged_version_or_route_is_named(s3: "S3Client", bucket: BotoObjectStore) -> None:
    # GIVEN a live version with one changed byte
    key = model_key(VERSION, "weights.bin")
    data = bytearray(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    data[len(data) // 2] ^= 1
    s3.put_object(Bucket=BUCKET, Key=key, Body=bytes(data))
    found = findings(*endpoint(s3))
    assert failing(found) == {"versions"}
    assert "weights.bin" in found["versions"]["detail"]
    # AND a route whose revision is missing in its history, then one that is no route
    s3.delete_object(Bucket=BUCKET, Key=history_key("live", 1))
    assert findings(*endpoint(s3))["route"]["status"] == "warn"
    s3.put_object(Bucket=BUCKET, Key=route_key("live"), Body=b"{}")
    assert failing(findings(*endpoint(s3))) == {"route"}


@pytest.mark.usefixtures("bucket", "environment")
@pytest.mark.slow
def test_a_dead_store_and_a_wrong_url_are_named(s3: "S3Client") -> None:
    found = findings(*endpoint(s3), "--store-url", "redis://127.0.0.1:1/0")
    assert failing(found) == {"store"}
    assert "127.0.0.1:1 cannot be reached" in found["store"]["detail"]
    assert "inside a VPC" in found["store"]["remedy"]
    # A URL of another kind, and none
    found = findings(*endpoint(s3), "--store-url", "http://user:secret@store")
    assert failing(found) == {"settings", "store"}
    assert "secret" not in str(found)
    assert findings(*endpoint(s3))["store"]["status"] == "warn"


@pytest.mark.usefixtures("bucket")
@pytest.mark.slow
def test_a_variable_that_the_function_would_refuse_is_named(s3: "S3Client", environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NEXTITEM_ROUTE_TTL_SECONDS", "soon")
    found = findings(*endpoint(s3))
    assert failing(found) == {"settings"}
    assert "NEXTITEM_ROUTE_TTL_SECONDS must be a number" in found["settings"]["detail"]


@pytest.mark.usefixtures("environment")
def test_on_aws_sts_says_whose_the_credentials_are() -> None:
    with mock_aws():
        found = findings("--bucket", "no-such-bucket")
    assert found["credentials"]["status"] == "ok"
    assert "arn:aws:sts::123456789012:" in found["credentials"]["detail"]
    assert found["bucket"]["status"] == "fail"


@pytest.mark.usefixtures("bucket")
@pytest.mark.slow
def test_the_settings_file_is_used_and_named(s3: "S3Client", environment: pytest.MonkeyPatch) -> None:
    environment.delenv("NEXTITEM_BUCKET")
    done("init", "--bucket", BUCKET, *endpoint(s3))
    found = findings()
    assert (failing(found), found["settings file"]["detail"]) == (set(), "nextitem.toml is read")
