"""A token in place of a password: ElastiCache's IAM authentication, signed anew for each connection.

The token is a presigned request (AWS Signature Version 4) without its scheme, valid for 15 minutes:
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html. botocore could sign it too, but would cost a cold
start some 200 ms. Knows no connection.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

VALID_SECONDS = 900
"""The longest that ElastiCache takes a token for."""

_ALGORITHM = "AWS4-HMAC-SHA256"
_NO_BODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Cache:
    """What a token is for: the cache's name (its replication group's id), whether it is serverless, and its region."""

    name: str
    serverless: bool
    region: str


class TokenProvider:
    """redis-py's credential provider: asked at each connect.

    Args:
        user: the ElastiCache user, which is named as its id is.
        cache: what to connect to.
        environment: where the function's AWS credentials are; Lambda puts them there.
        now: the clock.
    """

    def __init__(
        self,
        user: str,
        cache: Cache,
        environment: Mapping[str, str] = os.environ,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._user, self._cache, self._environment, self._now = user, cache, environment, now

    def get_credentials(self) -> tuple[str, str]:
        """Return the user and a fresh token."""
        return self._user, self._token(self._now())

    def _token(self, now: datetime) -> str:
        day, second = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
        scope = f"{day}/{self._cache.region}/elasticache/aws4_request"
        query = {
            "Action": "connect",
            "User": self._user,
            **({"ResourceType": "ServerlessCache"} if self._cache.serverless else {}),
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self._environment.get('AWS_ACCESS_KEY_ID', '')}/{scope}",
            "X-Amz-Date": second,
            "X-Amz-Expires": str(VALID_SECONDS),
            "X-Amz-SignedHeaders": "host",
        }
        if session := self._environment.get("AWS_SESSION_TOKEN"):
            query["X-Amz-Security-Token"] = session
        signed = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
        request = f"GET\n/\n{signed}\nhost:{self._cache.name}\n\nhost\n{_NO_BODY}"
        text = f"{_ALGORITHM}\n{second}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = f"AWS4{self._environment.get('AWS_SECRET_ACCESS_KEY', '')}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return f"{self._cache.name}/?{signed}&X-Amz-Signature={signature}"
