"""Refusals of signatures, worded as S3, JSON services and query services word them.

Source: "Error responses" of the S3 API reference, and "Common errors" of the AWS Lambda, Secrets Manager and STS API
references.
"""

from dataclasses import dataclass
from enum import Enum, auto

_REST_JSON = {"lambda", "xray", "apigateway", "eks"}
_QUERY = {"sts", "iam", "elasticache", "sns", "cloudformation", "autoscaling", "ec2"}
_INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105 - a message
_EXPIRED_TOKEN = "The security token included in the request is expired"  # noqa: S105 - a message
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


class Reason(Enum):
    """Why a signature is refused."""

    MISSING = auto()
    MALFORMED = auto()
    MALFORMED_URL = auto()
    UNKNOWN_KEY = auto()
    MISSING_TOKEN = auto()
    WRONG_TOKEN = auto()
    EXPIRED_TOKEN = auto()
    WRONG_SCOPE = auto()
    SKEWED = auto()
    EXPIRED_URL = auto()
    UNSIGNED_HEADERS = auto()
    WRONG_SIGNATURE = auto()
    MISSING_PAYLOAD_HASH = auto()
    WRONG_PAYLOAD = auto()
    WRONG_CHECKSUM = auto()


class SignatureRefused(Exception):
    """A request whose signature AWS would refuse.

    Attributes:
        code: such as ``SignatureDoesNotMatch``; its spelling depends on the service.
        message: as AWS words it.
        status: of the HTTP response.
    """

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class _Refusal:
    code: str
    status: int
    message: str = ""


_S3 = {
    Reason.MISSING: _Refusal("AccessDenied", 403, "Access Denied"),
    Reason.MALFORMED: _Refusal("AuthorizationHeaderMalformed", 400),
    Reason.MALFORMED_URL: _Refusal("AuthorizationQueryParametersError", 400),
    Reason.UNKNOWN_KEY: _Refusal(
        "InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."
    ),
    Reason.MISSING_TOKEN: _Refusal(
        "InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."
    ),
    Reason.WRONG_TOKEN: _Refusal("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
    Reason.EXPIRED_TOKEN: _Refusal("ExpiredToken", 400, "The provided token has expired."),
    Reason.WRONG_SCOPE: _Refusal("AuthorizationHeaderMalformed", 400),
    Reason.SKEWED: _Refusal(
        "RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."
    ),
    Reason.EXPIRED_URL: _Refusal("AccessDenied", 403, "Request has expired"),
    Reason.UNSIGNED_HEADERS: _Refusal(
        "AccessDenied", 403, "There were headers present in the request which were not signed"
    ),
    Reason.WRONG_SIGNATURE: _Refusal(
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method.",
    ),
    Reason.MISSING_PAYLOAD_HASH: _Refusal(
        "InvalidRequest", 400, "Missing required header for this request: x-amz-content-sha256"
    ),
    Reason.WRONG_PAYLOAD: _Refusal(
        "XAmzContentSHA256Mismatch", 400, "The provided 'x-amz-content-sha256' header does not match what was computed."
    ),
    Reason.WRONG_CHECKSUM: _Refusal("BadDigest", 400),
}


def _common(suffix: str, unknown: str, mismatch: str, skewed: str, status: int) -> dict[Reason, _Refusal]:
    return {
        Reason.MISSING: _Refusal(f"MissingAuthenticationToken{suffix}", status, "Missing Authentication Token"),
        Reason.MALFORMED: _Refusal(f"IncompleteSignature{suffix}", status),
        Reason.MALFORMED_URL: _Refusal(f"IncompleteSignature{suffix}", status),
        Reason.UNKNOWN_KEY: _Refusal(unknown, status, _INVALID_TOKEN),
        Reason.MISSING_TOKEN: _Refusal(unknown, status, _INVALID_TOKEN),
        Reason.WRONG_TOKEN: _Refusal(unknown, status, _INVALID_TOKEN),
        Reason.EXPIRED_TOKEN: _Refusal(f"ExpiredToken{suffix}", status, _EXPIRED_TOKEN),
        Reason.WRONG_SCOPE: _Refusal(mismatch, status),
        Reason.SKEWED: _Refusal(skewed, status),
        Reason.EXPIRED_URL: _Refusal(skewed, status),
        Reason.UNSIGNED_HEADERS: _Refusal(mismatch, status),
        Reason.WRONG_SIGNATURE: _Refusal(mismatch, status, _MISMATCH),
        # These services hash the body themselves, so a wrong hash is a wrong signature.
        Reason.WRONG_PAYLOAD: _Refusal(mismatch, status, _MISMATCH),
    }


_INVALID_SIGNATURE = "InvalidSignatureException"
_JSON = _common("Exception", "UnrecognizedClientException", _INVALID_SIGNATURE, _INVALID_SIGNATURE, 400)
_JSON_REST = _common("Exception", "UnrecognizedClientException", _INVALID_SIGNATURE, _INVALID_SIGNATURE, 403)
_OF_QUERY = _common("", "InvalidClientTokenId", "SignatureDoesNotMatch", "SignatureDoesNotMatch", 403)


def refusal(service: str, reason: Reason, details: str = "") -> SignatureRefused:
    """Return the error of a service for a reason; details replace the usual message."""
    if service == "s3":
        table = _S3
    elif service in _QUERY:
        table = _OF_QUERY
    else:
        table = _JSON_REST if service in _REST_JSON else _JSON
    found = table[reason]
    return SignatureRefused(found.code, details or found.message, found.status)
