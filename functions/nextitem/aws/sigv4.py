"""Sign requests with AWS Signature Version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. botocore signs, too, but
costs too much at a cold start (decision 11).
"""

import hashlib
import hmac
from datetime import datetime

import msgspec

ALGORITHM = "AWS4-HMAC-SHA256"


class Scope(msgspec.Struct, frozen=True):
    """The time, region and service for which a signature is valid."""

    at: datetime
    region: str
    service: str

    @property
    def timestamp(self) -> str:
        """The time as the value of X-Amz-Date."""
        return self.at.strftime("%Y%m%dT%H%M%SZ")

    @property
    def text(self) -> str:
        """The credential scope."""
        return f"{self.at:%Y%m%d}/{self.region}/{self.service}/aws4_request"


def signature(secret_access_key: str, scope: Scope, canonical_request: str) -> str:
    """Return the signature of a canonical request, in hex."""
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    text = f"{ALGORITHM}\n{scope.timestamp}\n{scope.text}\n{digest}"
    key = f"AWS4{secret_access_key}".encode()
    for part in scope.text.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def authorization(
    access_key_id: str, secret_access_key: str, scope: Scope, headers: dict[str, str], body: bytes
) -> str:
    """Return the Authorization header of a POST to "/" without a query.

    Args:
        access_key_id: the signer's key id.
        secret_access_key: the signer's secret key.
        scope: the time, region and service.
        headers: all signed headers, names in lower case; must include `host` and `x-amz-date`.
        body: the request's body.
    """
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    signed = ";".join(names)
    canonical = f"POST\n/\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
    signed_by = f"{ALGORITHM} Credential={access_key_id}/{scope.text}, SignedHeaders={signed}"
    return f"{signed_by}, Signature={signature(secret_access_key, scope, canonical)}"
