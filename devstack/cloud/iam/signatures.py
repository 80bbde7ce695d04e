"""Verify AWS Signature Version 4, in the ``Authorization`` header or in the query (a presigned URL).

botocore's own signer computes the expected signature from the request that came in, so that both sides canonicalise
alike. Source: "AWS Signature Version 4 for API requests" in the IAM User Guide, and the S3 API reference.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import NamedTuple
from urllib.parse import quote, unquote_plus, unquote_to_bytes

from botocore.auth import SIGV4_TIMESTAMP, S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials as SigningCredentials

from devstack.cloud.iam.authority import Authority, Credentials
from devstack.cloud.iam.payloads import (
    UNSIGNED,
    UNSIGNED_CHUNKS,
    PayloadError,
    check_checksums,
    check_chunks,
    decode_chunks,
)
from devstack.cloud.iam.policy import Principal
from devstack.cloud.iam.refusals import Reason, SignatureRefused, refusal

__all__ = ["SignatureRefused", "SignedRequest", "verify"]

S3 = "s3"
ALGORITHM = "AWS4-HMAC-SHA256"
CLOCK_SKEW = timedelta(minutes=5)
CLOCK_SKEW_S3 = timedelta(minutes=15)
LONGEST_PRESIGNED_SECONDS = 7 * 24 * 3600
SCOPE_PARTS = 5

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM}\s+Credential=(?P<credential>[^,\s]+)\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})\s*"
)
_UNRESERVED = "-_.~"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class SignedRequest:
    """A request as it came over the network.

    Attributes:
        path: percent-encoded as the client sent it, without the query.
        query: likewise, without the question mark.
        headers: in their order; a name may occur more than once.
        body: as sent, also in chunks.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the values of a header, joined by commas; None without the header."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ",".join(values) if values else None

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Return the decoded query, with the last value of each name."""
        pairs = (pair.partition("=") for pair in self.query.split("&") if pair)
        return {unquote_plus(key): unquote_plus(value) for key, _, value in pairs}


class _Claim(NamedTuple):
    """Who a request claims to be, and its proof."""

    key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    token: str | None
    expires: int | None  # seconds; only in presigned URLs


def verify(request: SignedRequest, authority: Authority, service: str, region: str, now: datetime) -> Principal:
    """Return the principal that signed a request.

    Args:
        request: as it came over the network.
        authority: knows the credentials.
        service: that the request is for, as in the credential scope, such as ``s3`` or ``secretsmanager``.
        region: of the service.
        now: the current time, with a time zone.

    Raises:
        SignatureRefused: with AWS's error code.
    """
    claim = _parse_claim(request, service)
    credentials = authority.credentials_of(claim.key)
    if credentials is None:
        raise refusal(service, Reason.UNKNOWN_KEY)
    _check_token(claim, credentials, service, now)
    _check_scope(claim, service, region)
    _check_time(claim, service, now)
    _check_signed_headers(request, claim, service)
    if not hmac.compare_digest(_expected_signature(request, claim, credentials), claim.signature):
        raise refusal(service, Reason.WRONG_SIGNATURE)
    _check_payload(request, service)
    return authority.principal_of(claim.key)


def _parse_claim(request: SignedRequest, service: str) -> _Claim:
    authorization, parameters = request.header("authorization"), request.parameters
    if authorization is not None:
        reason, expires = Reason.MALFORMED, None
        match = _AUTHORIZATION.fullmatch(authorization)
        if match is None:
            raise refusal(service, reason, f'The authorization header "{authorization}" is malformed.')
        credential, headers, signature = match["credential"], match["headers"], match["signature"]
        timestamp, token = request.header("x-amz-date"), request.header("x-amz-security-token")
    elif "X-Amz-Signature" in parameters:
        reason, expires = Reason.MALFORMED_URL, _parse_expires(parameters.get("X-Amz-Expires"), service)
        if parameters.get("X-Amz-Algorithm") != ALGORITHM:
            raise refusal(service, reason, f"X-Amz-Algorithm only supports {ALGORITHM}")
        credential, headers = parameters.get("X-Amz-Credential", ""), parameters.get("X-Amz-SignedHeaders", "")
        signature = parameters["X-Amz-Signature"]
        timestamp, token = parameters.get("X-Amz-Date"), parameters.get("X-Amz-Security-Token")
    else:
        raise refusal(service, Reason.MISSING)
    scope = credential.rsplit("/", SCOPE_PARTS - 1)
    if len(scope) != SCOPE_PARTS or scope[-1] != "aws4_request":
        raise refusal(service, reason, f'The credential "{credential}" is not key/date/region/service/aws4_request.')
    if not timestamp:
        raise refusal(service, reason, "The date is missing: X-Amz-Date")
    names = tuple(headers.split(";"))
    if "host" not in names:
        raise refusal(service, reason, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    return _Claim(scope[0], scope[1], scope[2], scope[3], names, signature, timestamp, token, expires)


def _parse_expires(text: str | None, service: str) -> int:
    if text is None or not text.isdecimal() or not 1 <= int(text) <= LONGEST_PRESIGNED_SECONDS:
        details = f"X-Amz-Expires must be from 1 to {LONGEST_PRESIGNED_SECONDS} seconds"
        raise refusal(service, Reason.MALFORMED_URL, details)
    return int(text)


def _check_token(claim: _Claim, credentials: Credentials, service: str, now: datetime) -> None:
    if claim.token is None:
        raise refusal(service, Reason.MISSING_TOKEN)
    if not hmac.compare_digest(claim.token.encode(), credentials.session_token.encode()):
        raise refusal(service, Reason.WRONG_TOKEN)
    if now >= credentials.expires:
        raise refusal(service, Reason.EXPIRED_TOKEN)


def _check_scope(claim: _Claim, service: str, region: str) -> None:
    if claim.region != region:
        details = (
            f"The authorization header is malformed; the region '{claim.region}' is wrong; expecting '{region}'"
            if service == S3
            else "Credential should be scoped to a valid region. "
        )
        raise refusal(service, Reason.WRONG_SCOPE, details)
    if claim.service != service:
        details = (
            "The authorization header is malformed; incorrect service "
            f'"{claim.service}". This endpoint belongs to "s3".'
            if service == S3
            else f"Credential should be scoped to correct service: '{service}'. "
        )
        raise refusal(service, Reason.WRONG_SCOPE, details)


def _check_time(claim: _Claim, service: str, now: datetime) -> None:
    try:
        signed = datetime.strptime(claim.timestamp, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise refusal(service, Reason.MALFORMED, f'The date "{claim.timestamp}" is malformed.') from error
    if claim.timestamp[:8] != claim.date:
        details = f"Date in Credential scope does not match YYYYMMDD of the date from HTTP: {claim.date}"
        raise refusal(service, Reason.WRONG_SCOPE, details)
    skew = CLOCK_SKEW_S3 if service == S3 else CLOCK_SKEW
    details = "" if service == S3 else f"Signature expired: {claim.timestamp} is too far from {now:{SIGV4_TIMESTAMP}}"
    if claim.expires is not None and now > signed + timedelta(seconds=claim.expires):
        raise refusal(service, Reason.EXPIRED_URL, details)
    if signed > now + skew or (claim.expires is None and signed < now - skew):
        raise refusal(service, Reason.SKEWED, details)


def _check_signed_headers(request: SignedRequest, claim: _Claim, service: str) -> None:
    present = {name.lower() for name, _ in request.headers}
    if not present.issuperset(claim.signed_headers):
        raise refusal(service, Reason.WRONG_SIGNATURE)
    if service == S3 and any(name.startswith("x-amz-") for name in present.difference(claim.signed_headers)):
        raise refusal(service, Reason.UNSIGNED_HEADERS)
    if service == S3 and claim.expires is None and "x-amz-content-sha256" not in present:
        raise refusal(service, Reason.MISSING_PAYLOAD_HASH)


def _expected_signature(request: SignedRequest, claim: _Claim, credentials: Credentials) -> str:
    signer_class = _S3Signer if claim.service == S3 else _Signer
    signer = signer_class(credentials, claim, _declared_payload(request, claim))
    path = request.path
    if claim.service == S3:  # encoded once; other services encode the encoded path again, as botocore does
        path = quote(unquote_to_bytes(path), safe=f"/{_UNRESERVED}")
    signed = AWSRequest(method=request.method, url=f"https://host{path}?{_canonical_pairs(request.query)}")
    for name, value in request.headers:
        if name.lower() in claim.signed_headers:
            signed.headers.add_header(name.lower(), value)
    signed.context["timestamp"] = claim.timestamp
    return signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed)


def _canonical_pairs(query: str) -> str:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    encoded = ((_encode(key), _encode(value)) for key, _, value in pairs)
    return "&".join(f"{key}={value}" for key, value in encoded if key != "X-Amz-Signature")


def _encode(text: str) -> str:
    # A plus is a space: obstore sends it so, and signs %20.
    return quote(unquote_to_bytes(text.replace("+", " ")), safe=_UNRESERVED)


def _declared_payload(request: SignedRequest, claim: _Claim) -> str:
    """Return the hash of the payload in the canonical request."""
    if claim.service == S3:
        return (UNSIGNED if claim.expires is not None else None) or request.header("x-amz-content-sha256") or ""
    return hashlib.sha256(request.body).hexdigest()


def _check_payload(request: SignedRequest, service: str) -> None:
    """Compare the body with what a request declares about it."""
    declared = request.header("x-amz-content-sha256")
    headers = {name.lower(): value for name, value in request.headers}
    data = request.body
    try:
        if service == S3 and declared == UNSIGNED_CHUNKS:
            chunks = decode_chunks(request.body)
            check_chunks(chunks, headers)
            data = chunks.data
        elif service == S3 and declared in {None, UNSIGNED}:
            pass  # only TLS protects it
        elif declared is not None and declared != hashlib.sha256(request.body).hexdigest():
            raise refusal(service, Reason.WRONG_PAYLOAD, _unmodelled_payload(declared))
        if service == S3 and request.method == "PUT":
            check_checksums(data, headers)
    except PayloadError as error:
        raise refusal(service, Reason.WRONG_CHECKSUM, str(error)) from error


def _unmodelled_payload(declared: str) -> str:
    return "" if _SHA256.fullmatch(declared) else f'x-amz-content-sha256: "{declared}" is not accepted here'


class _Signer(SigV4Auth):
    """botocore's signer, for the headers and the payload hash that a request claims."""

    def __init__(self, credentials: Credentials, claim: _Claim, payload: str) -> None:
        keys = SigningCredentials(claim.key, credentials.secret_access_key, credentials.session_token)
        super().__init__(keys, claim.service, claim.region)
        self._payload = payload

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        """Return all headers: the request has only those that the client signed."""
        return request.headers

    def payload(self, request: AWSRequest) -> str:  # noqa: ARG002 - as botocore calls it
        """Return the hash that the request declares, or that of its body."""
        return self._payload


class _S3Signer(_Signer, S3SigV4Auth):
    """The same for S3, which does not encode the path twice."""
