"""A request is refused as AWS refuses it, in the words of its service."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningCredentials

from devstack.cloud.account import Account
from devstack.cloud.iam.authority import Authority, Credentials
from devstack.cloud.iam.refusals import Reason, refusal
from devstack.cloud.iam.signatures import SignatureRefused, SignedRequest, verify

REGION = "eu-central-1"
SERVICES = ["s3", "secretsmanager", "lambda", "sts"]
HOUR = timedelta(hours=1)
OTHER, NONE = "other", ""
"""Wrong secrets and tokens."""

Codes = tuple[str, str, str, str]
"""Of S3, a JSON service, a JSON service with paths, and a query service."""
UNKNOWN: Codes = (
    "InvalidAccessKeyId", "UnrecognizedClientException", "UnrecognizedClientException", "InvalidClientTokenId"
)  # fmt: skip
MISMATCH: Codes = (
    "SignatureDoesNotMatch", "InvalidSignatureException", "InvalidSignatureException", "SignatureDoesNotMatch"
)  # fmt: skip
MALFORMED: Codes = (
    "AuthorizationHeaderMalformed", "IncompleteSignatureException", "IncompleteSignatureException",
    "IncompleteSignature",
)  # fmt: skip
WRONG_SCOPE: Codes = ("AuthorizationHeaderMalformed", *MISMATCH[1:])
SKEWED: Codes = ("RequestTimeTooSkewed", *MISMATCH[1:])


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(Account())


@pytest.fixture(scope="module")
def credentials(authority: Authority) -> Credentials:
    return authority.assume_with_policy_arns("publisher", [])


@pytest.fixture(scope="module")
def now() -> datetime:
    return datetime.now(UTC)


def sign(
    credentials: Credentials, service: str, *, presigned: int | None = None, region: str = REGION, method: str = "GET"
) -> SignedRequest:
    """Return a request that botocore signed, or presigned for some seconds."""
    keys = SigningCredentials(
        credentials.access_key_id, credentials.secret_access_key, credentials.session_token or None
    )
    host = f"{service}.{REGION}.amazonaws.com"
    body = b"" if method == "GET" else b"body"
    request = AWSRequest(method, f"https://{host}/a/b?x=1", headers={"Host": host}, data=body)
    if presigned is None:
        (S3SigV4Auth if service == "s3" else SigV4Auth)(keys, service, region).add_auth(request)
    else:
        (S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth)(keys, service, region, presigned).add_auth(request)
    url = urlsplit(str(request.url))
    return SignedRequest(method, url.path, url.query, tuple(request.headers.items()), body)


def code_of(request: SignedRequest, authority: Authority, service: str, now: datetime) -> str | None:
    """Return the code of a refusal; None if the request is accepted."""
    try:
        verify(request, authority, service, REGION, now)
    except SignatureRefused as error:
        return error.code
    return None


def with_header(request: SignedRequest, name: str, value: str | None) -> SignedRequest:
    """Return the request with another value of a header, or without it."""
    others = tuple(pair for pair in request.headers if pair[0].lower() != name)
    return replace(request, headers=others if value is None else (*others, (name, value)))


def edited(name: str, old: str, new: str) -> Callable[[SignedRequest], SignedRequest]:
    """Return a function that replaces a part of a header, which must be there."""

    def edit(request: SignedRequest) -> SignedRequest:
        value = request.header(name) or ""
        assert old in value
        return with_header(request, name, value.replace(old, new))

    return edit


@pytest.mark.parametrize("presigned", [None, 60])
@pytest.mark.parametrize("service", SERVICES)
def test_a_signed_request_has_its_principal(
    authority: Authority, credentials: Credentials, now: datetime, service: str, presigned: int | None
) -> None:
    principal = verify(sign(credentials, service, presigned=presigned), authority, service, REGION, now)
    assert principal == authority.principal_of(credentials.access_key_id)


@pytest.mark.parametrize(
    ("edit", "codes"),
    [
        (
            lambda request: with_header(request, "authorization", None),
            ("AccessDenied", "MissingAuthenticationTokenException", "MissingAuthenticationTokenException",
             "MissingAuthenticationToken"),
        ),
        (lambda request: with_header(request, "authorization", "Bearer token"), MALFORMED),
        (edited("authorization", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), MALFORMED),
        (edited("authorization", "/aws4_request", ""), MALFORMED),
        (edited("authorization", "SignedHeaders=host;", "SignedHeaders="), MALFORMED),
        (lambda request: with_header(request, "x-amz-date", None), MALFORMED),
        (lambda request: with_header(request, "x-amz-date", "today"), MALFORMED),
        (edited("authorization", "Credential=ASIA", "Credential=AKIA"), UNKNOWN),
        (lambda request: with_header(request, "x-amz-security-token", None), UNKNOWN),
        (lambda request: with_header(request, "x-amz-security-token", "other"), ("InvalidToken", *UNKNOWN[1:])),
        (edited("authorization", "/2", "/1"), WRONG_SCOPE),
        (lambda request: with_header(request, "host", "elsewhere"), MISMATCH),
        (lambda request: replace(request, method="PUT"), MISMATCH),
        (lambda request: replace(request, path="/a/c"), MISMATCH),
        (lambda request: replace(request, query="x=2"), MISMATCH),
        (edited("authorization", "SignedHeaders=host;", "SignedHeaders=host;x-amz-missing;"), MISMATCH),
    ],
)  # fmt: skip
def test_a_changed_request_is_refused(
    authority: Authority,
    credentials: Credentials,
    now: datetime,
    edit: Callable[[SignedRequest], SignedRequest],
    codes: Codes,
) -> None:
    found = [code_of(edit(sign(credentials, service)), authority, service, now) for service in SERVICES]
    assert tuple(found) == codes


@pytest.mark.parametrize("presigned", [None, 60])
@pytest.mark.parametrize(
    ("edit", "codes"),
    [
        (lambda keys: replace(keys, secret_access_key=OTHER), MISMATCH),
        (lambda keys: replace(keys, access_key_id="ASIAUNKNOWN"), UNKNOWN),
        (lambda keys: replace(keys, session_token=NONE), UNKNOWN),
        (lambda keys: replace(keys, session_token=OTHER), ("InvalidToken", *UNKNOWN[1:])),
    ],
    ids=["secret", "key", "no token", "token"],
)
def test_wrong_credentials_are_refused(
    authority: Authority,
    credentials: Credentials,
    now: datetime,
    edit: Callable[[Credentials], Credentials],
    codes: Codes,
    presigned: int | None,
) -> None:
    wrong = edit(credentials)
    found = [code_of(sign(wrong, service, presigned=presigned), authority, service, now) for service in SERVICES]
    assert tuple(found) == codes


def test_an_expired_token_is_refused(authority: Authority, credentials: Credentials) -> None:
    found = [code_of(sign(credentials, service), authority, service, credentials.expires) for service in SERVICES]
    assert found == ["ExpiredToken", "ExpiredTokenException", "ExpiredTokenException", "ExpiredToken"]


@pytest.mark.parametrize("presigned", [None, 60])
def test_a_wrong_region_or_service_in_the_scope_is_refused(
    authority: Authority, credentials: Credentials, now: datetime, presigned: int | None
) -> None:
    elsewhere = [
        code_of(sign(credentials, service, region="us-east-1", presigned=presigned), authority, service, now)
        for service in SERVICES
    ]
    for_kms = [code_of(sign(credentials, "kms", presigned=presigned), authority, service, now) for service in SERVICES]
    assert tuple(elsewhere) == tuple(for_kms) == WRONG_SCOPE


@pytest.mark.parametrize("direction", [-1, 1])
def test_clocks_may_differ_by_15_minutes_for_s3_and_5_for_others(
    authority: Authority, credentials: Credentials, now: datetime, direction: int
) -> None:
    for service, minutes, code in zip(SERVICES, (15, 5, 5, 5), SKEWED, strict=True):
        request = sign(credentials, service)
        near, far = (now + direction * timedelta(minutes=minutes, seconds=seconds) for seconds in (-30, 30))
        assert code_of(request, authority, service, near) is None
        assert code_of(request, authority, service, far) == code


def test_a_presigned_url_expires(authority: Authority, credentials: Credentials, now: datetime) -> None:
    for service, code in zip(SERVICES, ("AccessDenied", *SKEWED[1:]), strict=True):
        request = sign(credentials, service, presigned=900)
        assert code_of(request, authority, service, now + timedelta(seconds=870)) is None
        assert code_of(request, authority, service, now + timedelta(seconds=930)) == code
        assert code_of(request, authority, service, now - HOUR) == SKEWED[SERVICES.index(service)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-Amz-Expires=60", "X-Amz-Expires=0"),
        ("X-Amz-Expires=60", "X-Amz-Expires=604801"),
        ("X-Amz-Expires=60", "X-Amz-Expires=soon"),
        ("X-Amz-Expires=60", "X-Amz-Other=60"),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=date"),
        ("X-Amz-Date=", "X-Amz-Day="),
        ("aws4_request", "aws5_request"),
    ],
)
def test_a_malformed_url_is_refused(
    authority: Authority, credentials: Credentials, now: datetime, old: str, new: str
) -> None:
    for service, code in zip(SERVICES, ("AuthorizationQueryParametersError", *MALFORMED[1:]), strict=True):
        request = sign(credentials, service, presigned=60)
        assert old in request.query
        assert code_of(replace(request, query=request.query.replace(old, new)), authority, service, now) == code


def test_a_url_may_not_be_presigned_for_a_longer_time(
    authority: Authority, credentials: Credentials, now: datetime
) -> None:
    request = sign(credentials, "s3", presigned=60)
    longer = replace(request, query=request.query.replace("X-Amz-Expires=60", "X-Amz-Expires=600"))
    assert code_of(longer, authority, "s3", now) == "SignatureDoesNotMatch"


def test_a_changed_body_is_refused(authority: Authority, credentials: Credentials, now: datetime) -> None:
    found = [
        code_of(replace(sign(credentials, service, method="PUT"), body=b"BODY"), authority, service, now)
        for service in SERVICES
    ]
    assert tuple(found) == ("XAmzContentSHA256Mismatch", *MISMATCH[1:])


def test_s3_wants_every_header_of_its_own_to_be_signed(
    authority: Authority, credentials: Credentials, now: datetime
) -> None:
    request = sign(credentials, "s3")
    more = with_header(request, "x-amz-copy-source", "/other/key")
    assert code_of(more, authority, "s3", now) == "AccessDenied"
    assert code_of(with_header(request, "accept", "*/*"), authority, "s3", now) is None


def test_s3_wants_the_hash_of_the_body(authority: Authority, credentials: Credentials, now: datetime) -> None:
    keys = SigningCredentials(credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    request = AWSRequest("GET", "https://s3/shop", headers={"Host": "s3"})
    SigV4Auth(keys, "s3", REGION).add_auth(request)  # not botocore's signer of S3, which adds the header
    signed = SignedRequest("GET", "/shop", "", tuple(request.headers.items()))
    assert code_of(signed, authority, "s3", now) == "InvalidRequest"


@pytest.mark.parametrize(
    ("service", "status", "message"),
    [
        ("s3", 400, "the region 'us-east-1' is wrong; expecting 'eu-central-1'"),
        ("secretsmanager", 400, "Credential should be scoped to a valid region"),
        ("lambda", 403, "Credential should be scoped to a valid region"),
        ("sts", 403, "Credential should be scoped to a valid region"),
    ],
)
def test_a_refusal_has_the_services_status_and_words(
    authority: Authority, credentials: Credentials, now: datetime, service: str, status: int, message: str
) -> None:
    request = sign(credentials, service, region="us-east-1")
    with pytest.raises(SignatureRefused, match=message) as refused:
        verify(request, authority, service, REGION, now)
    assert refused.value.status == status
    assert message in refused.value.message


@pytest.mark.parametrize("service", SERVICES)
def test_every_reason_of_a_service_has_words_of_its_own(service: str) -> None:
    only_of_s3 = {Reason.MISSING_PAYLOAD_HASH, Reason.WRONG_CHECKSUM}
    for reason in set(Reason) if service == "s3" else set(Reason) - only_of_s3:
        refused = refusal(service, reason, "details")
        assert refused.message == "details"
        assert refused.code
        assert refused.status in {400, 403}
