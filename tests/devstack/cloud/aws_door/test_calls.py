"""Hosts and requests to S3, as the service and the action that they mean."""

import pytest

from devstack.cloud.account import Account
from devstack.cloud.aws_door.call import Call, HttpRequest
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.aws_door.errors import Refused
from devstack.cloud.aws_door.hosts import Host, parse_host
from devstack.cloud.aws_door.s3_calls import S3Request, parse_s3
from devstack.cloud.iam.signatures import SignedRequest
from devstack.cloud.resources import Deployment, Resource

ACCOUNT = Account()
ARN = "arn:aws:s3:::shop.models"


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("s3.eu-central-1.amazonaws.com", Host("s3")),
        ("shop.models.s3.eu-central-1.amazonaws.com:443", Host("s3", "shop.models")),
        ("SecretsManager.eu-central-1.amazonaws.com", Host("secretsmanager")),
        ("secretsmanager.eu-west-1.amazonaws.com", None),
        ("s3.eu-central-1.amazonaws.com.example.org", None),
        ("dynamodb.eu-central-1.amazonaws.com", None),
    ],
)
def test_a_host_names_a_service_of_the_region(header: str, host: Host | None) -> None:
    assert parse_host(ACCOUNT, header) == host


def parse(method: str, target: str, bucket: str | None = "shop.models", **headers: str) -> S3Request:
    path, _, query = target.partition("?")
    deployment = Deployment("shop", ACCOUNT, {}, {"Bucket": Resource("Bucket", "AWS::S3::Bucket", {}, "shop.models")})
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = HttpRequest(SignedRequest(method, path, query, tuple(names.items())), secure=True, peer="", headers=names)
    return parse_s3(request, bucket, Catalogue(deployment))


@pytest.mark.parametrize(
    ("method", "target", "action", "resource"),
    [
        ("GET", "/models/a%20b", "s3:GetObject", f"{ARN}/models/a b"),
        ("HEAD", "/models/a", "s3:GetObject", f"{ARN}/models/a"),
        ("GET", "/models/a?versionId=3", "s3:GetObjectVersion", f"{ARN}/models/a"),
        ("PUT", "/models/a?x-id=PutObject", "s3:PutObject", f"{ARN}/models/a"),
        ("PUT", "/models/a?partNumber=1&uploadId=u", "s3:PutObject", f"{ARN}/models/a"),
        ("DELETE", "/models/a", "s3:DeleteObject", f"{ARN}/models/a"),
        ("DELETE", "/models/a?uploadId=u", "s3:AbortMultipartUpload", f"{ARN}/models/a"),
        ("GET", "/models/a?uploadId=u", "s3:ListMultipartUploadParts", f"{ARN}/models/a"),
        ("GET", "/?list-type=2&prefix=models%2F", "s3:ListBucket", ARN),
        ("HEAD", "/", "s3:ListBucket", ARN),
        ("GET", "/?versioning", "s3:GetBucketVersioning", ARN),
        ("GET", "/?versions", "s3:ListBucketVersions", ARN),
    ],
)
def test_a_request_is_an_action_on_a_resource(method: str, target: str, action: str, resource: str) -> None:
    request = parse(method, target)
    in_path = parse(method, f"/shop.models{target}", None)

    assert (request.call.action, request.call.resource) == (action, resource)
    assert in_path == request
    assert request.target == f"/shop.models{target}"


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("PUT", "/models/a?acl", {}),
        ("GET", "/?website", {}),
        ("PUT", "/", {}),
        ("POST", "/?delete", {}),
        ("PUT", "/models/a", {"x_amz_copy_source": "/shop.models/b"}),
    ],
)
def test_a_request_that_is_not_modelled_is_refused(method: str, target: str, headers: dict[str, str]) -> None:
    with pytest.raises(Refused, match="does not model") as caught:
        parse(method, target, **headers)

    assert caught.value.status == 501


def context(call: Call) -> dict[str, str]:
    return {key: value for key, (value,) in call.context.items()}


def test_condition_keys_of_requests() -> None:
    """Headers and parameters become the keys that S3 documents."""
    creating = parse("PUT", "/a", if_none_match="*", x_amz_server_side_encryption="AES256").call
    assert context(creating) == {
        "s3:if-none-match": "*",
        "s3:x-amz-server-side-encryption": "AES256",
        "s3:ObjectCreationOperation": "true",
    }
    assert context(parse("POST", "/a?uploadId=u").call) == {"s3:ObjectCreationOperation": "true"}
    assert context(parse("POST", "/a?uploads").call) == {"s3:ObjectCreationOperation": "false"}
    assert context(parse("PUT", "/a?uploadId=u&partNumber=1").call) == {"s3:ObjectCreationOperation": "false"}
    assert context(parse("GET", "/?list-type=2&prefix=models%2F&max-keys=1").call) == {
        "s3:prefix": "models/",
        "s3:max-keys": "1",
    }
    assert context(parse("GET", "/a?versionId=3").call) == {"s3:VersionId": "3"}
