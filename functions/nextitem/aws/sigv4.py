"""AWS Signature Version 4: the signature of one request.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. botocore signs, too,
but would cost a cold start some 200 ms. Knows no service and no connection.
"""

import hashlib
import hmac
from datetime import datetime

import msgspec

ALGORITHM = "AWS4-HMAC-SHA256"


class Scope(msgspec.Struct, frozen=True):
    """When and for what a signature is valid."""

    at: datetime
    region: str
    service: str

    @property
    def second(self) -> str:
        """The moment, as X-Amz-Date has it."""
        return self.at.strftime("%Y%m%dT%H%M%SZ")

    @property
    def text(self) -> str:
        """The credential scope."""
        return f"{self.at:%Y%m%d}/{self.region}/{self.service}/aws4_request"


def signature(secret_access_key: str, scope: Scope, canonical_request: str) -> str:
    """Return the signature of a canonical request, in hex."""
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    text = f"{ALGORITHM}\n{scope.second}\n{scope.text}\n{digest}"
    key = f"AWS4{secret_access_key}".encode()
    for part in scope.text.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def authorization(
    access_key_id: str, secret_access_key: str, scope: Scope, headers: dict[str, str], body: bytes
) -> str:
    """Return the Authorization header of a POST to "/" without a query.

    Args:
        access_key_id: who asks.
        secret_access_key: with what.
        scope: when and for what.
        headers: all that are signed, named in lower case, `host` and `x-amz-date` among them.
        body: the request's body.
    """
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    signed = ";".join(names)
    canonical = f"POST\n/\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
    found = signature(secret_access_key, scope, canonical)
    return f"{ALGORITHM} Credential={access_key_id}/{scope.text}, SignedHeaders={signed}, Signature={found}"
