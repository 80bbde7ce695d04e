"""Requests that boto3 and obstore really send, over HTTP and TLS, are verified."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import obstore
import pytest
from botocore.config import Config
from obstore.store import S3Store

from devstack.cloud.account import Account
from devstack.cloud.iam.authority import Authority, Credentials
from devstack.cloud.iam.signatures import SignatureRefused, SignedRequest, verify
from devstack.processes.children import LOOPBACK
from devstack.services.tls_proxy import TlsProxy
from nextitem.aws.elasticache_auth import Cache, TokenProvider
from tests.devstack.cloud.iam.recorder import Recorder
from tests.nextitem.parts import soon

REGION = "eu-central-1"
LISTING = b"<ListBucketResult><Name>shop</Name><IsTruncated>false</IsTruncated></ListBucketResult>"
KEYS = ["models/v1/graph.onnx", "models/a b+c=d&e~f/ü(1)'*!:@,;$.json", "routes//double/./dot/../x"]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(Account())


@pytest.fixture(scope="module")
def credentials(authority: Authority) -> Credentials:
    return authority.assume_with_policy_arns("publisher", [])


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder(LISTING) as recorder:
        yield recorder


@pytest.fixture(params=["http", "https"])
def endpoint(request: pytest.FixtureRequest, recorder: Recorder, tmp_path: Path) -> Iterator[tuple[str, Path | None]]:
    """Yield an endpoint of the recorder, and its certificate if it has one."""
    if request.param == "http":
        yield recorder.endpoint, None
    else:
        with TlsProxy(recorder.port, tmp_path, LOOPBACK) as proxy:
            yield f"https://{LOOPBACK}:{proxy.port}", proxy.certificate


@pytest.fixture
def client(endpoint: tuple[str, Path | None], credentials: Credentials) -> Iterator[Callable[[str], Any]]:
    """Yield a function that opens boto3's client of a service."""
    url, certificate = endpoint
    opened: list[Any] = []

    def open_client(service: str) -> Any:
        opened.append(
            boto3.client(
                service,  # type: ignore[call-overload] # its overloads name each service
                region_name=REGION,
                endpoint_url=url,
                verify=str(certificate) if certificate else None,
                aws_access_key_id=credentials.access_key_id,
                aws_secret_access_key=credentials.secret_access_key,
                aws_session_token=credentials.session_token,
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )
        )
        return opened[-1]

    yield open_client
    for one in opened:
        one.close()


def check(request: SignedRequest, authority: Authority, service: str) -> None:
    """Check that a request is accepted, and refused once any part of it is another."""
    now = datetime.now(UTC)
    principal = verify(request, authority, service, REGION, now)
    assert principal.arn.endswith("assumed-role/publisher/publisher")
    headers = tuple((name, "b" * 9 if name.lower() == "host" else value) for name, value in request.headers)
    for other in (
        replace(request, method="PATCH"),
        replace(request, path=f"{request.path}x"),
        replace(request, query=f"{request.query}&x=1"),
        replace(request, headers=headers),
    ):
        with pytest.raises(SignatureRefused, match=r"^(SignatureDoesNotMatch|InvalidSignatureException): "):
            verify(other, authority, service, REGION, now)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "send",
    [
        lambda s3, key: s3.get_object(Bucket="shop", Key=key),
        lambda s3, key: s3.head_object(Bucket="shop", Key=key),
        lambda s3, key: s3.put_object(Bucket="shop", Key=key, Body=b"content", IfNoneMatch="*"),
        lambda s3, key: s3.put_object(Bucket="shop", Key=key, Body=io.BytesIO(b"content" * 20_000)),
        lambda s3, key: s3.put_object(Bucket="shop", Key=key, Body=b"c", ChecksumAlgorithm="SHA256"),
        lambda s3, key: s3.put_object(Bucket="shop", Key=key, Body=b""),
        lambda s3, key: s3.list_objects_v2(Bucket="shop", Prefix=key, Delimiter="/"),
        lambda s3, key: s3.upload_part(Bucket="shop", Key=key, UploadId="1", PartNumber=1, Body=b"part"),
    ],
    ids=["get", "head", "put", "put-stream", "put-sha256", "put-empty", "list", "upload-part"],
)
def test_boto3s_requests_to_s3(
    client: Callable[[str], Any],
    recorder: Recorder,
    authority: Authority,
    send: Callable[[Any, str], object],
    key: str,
) -> None:
    send(client("s3"), key)
    (request,) = recorder.requests
    check(request, authority, "s3")


@pytest.mark.parametrize(
    ("service", "send"),
    [
        ("secretsmanager", lambda client: client.get_secret_value(SecretId="shop-key")),
        (
            "lambda",
            lambda client: client.invoke(
                FunctionName="arn:aws:lambda:eu-central-1:123456789012:function:shop-recommend:live", Payload=b"{}"
            ),
        ),
        ("kms", lambda client: client.decrypt(CiphertextBlob=b"secret")),
        ("logs", lambda client: client.create_log_stream(logGroupName="/shop", logStreamName="1")),
        ("xray", lambda client: client.put_trace_segments(TraceSegmentDocuments=["{}"])),
        (
            "codedeploy",
            lambda client: client.put_lifecycle_event_hook_execution_status(
                deploymentId="d", lifecycleEventHookExecutionId="e", status="Succeeded"
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_boto3s_requests_to_other_services(
    client: Callable[[str], Any], recorder: Recorder, authority: Authority, service: str, send: Callable[[Any], object]
) -> None:
    recorder.answer = b"{}"
    send(client(service))
    (request,) = recorder.requests
    check(request, authority, service)
    with pytest.raises(SignatureRefused):
        verify(replace(request, body=request.body + b" "), authority, service, REGION, datetime.now(UTC))


@pytest.mark.parametrize("key", KEYS[:2])
@pytest.mark.parametrize(
    "send",
    [
        obstore.get,
        obstore.head,
        lambda store, key: obstore.get_range(store, key, start=1, end=3),
        lambda store, key: list(obstore.list(store, key, offset=f"{key}0")),
        lambda store, key: obstore.put(store, key, b"content"),
        lambda store, key: obstore.put(store, key, b"content", mode="create"),
    ],
    ids=["get", "head", "range", "list", "put", "create"],
)
def test_obstores_requests_to_s3(
    endpoint: tuple[str, Path | None],
    credentials: Credentials,
    recorder: Recorder,
    authority: Authority,
    send: Callable[[S3Store, str], object],
    key: str,
) -> None:
    url, certificate = endpoint
    store = S3Store(
        "shop",
        region=REGION,
        endpoint=url,
        access_key_id=credentials.access_key_id,
        secret_access_key=credentials.secret_access_key,
        session_token=credentials.session_token,
        client_options={"allow_http": True, "allow_invalid_certificates": certificate is not None},
        retry_config={"max_retries": 0},
    )
    send(store, key)
    (request,) = recorder.requests
    check(request, authority, "s3")


def test_the_functions_token_for_its_store(credentials: Credentials, authority: Authority) -> None:
    variables = {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
    }
    provider = TokenProvider("recommend", Cache("shop-cache", serverless=True, region=REGION), variables)
    user, token = provider.get_credentials(soon())
    host, _, query = token.partition("/?")
    request = SignedRequest("GET", "/", query, (("host", host),))
    check(request, authority, "elasticache")
    assert request.parameters["User"] == user


def test_a_body_that_boto3_sent_and_is_changed_on_its_way_is_refused(
    endpoint: tuple[str, Path | None], client: Callable[[str], Any], recorder: Recorder, authority: Authority
) -> None:
    # GIVEN a body with its hash in the header, or over TLS with a checksum after its chunks
    client("s3").put_object(Bucket="shop", Key="k", Body=b"content")
    (request,) = recorder.requests
    chunked = request.header("x-amz-content-sha256") == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    assert chunked == (endpoint[1] is not None)

    # WHEN a letter of it changes, THEN it is refused
    changed = replace(request, body=request.body.replace(b"content", b"Content"))
    with pytest.raises(SignatureRefused) as refused:
        verify(changed, authority, "s3", REGION, datetime.now(UTC))
    assert refused.value.code == ("BadDigest" if chunked else "XAmzContentSHA256Mismatch")


def test_a_presigned_url_of_s3(credentials: Credentials, authority: Authority, client: Callable[[str], Any]) -> None:
    url = urlsplit(client("s3").generate_presigned_url("get_object", Params={"Bucket": "shop", "Key": KEYS[1]}))
    check(SignedRequest("GET", url.path, url.query, (("Host", url.netloc),)), authority, "s3")
