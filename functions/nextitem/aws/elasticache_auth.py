"""Sign tokens that replace a password: ElastiCache's IAM authentication.

A token is a presigned request (AWS Signature Version 4) without its scheme, valid for 15 minutes:
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html. Decision 11 says why botocore does not sign it.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from nextitem.aws.credentials import credentials_of
from nextitem.aws.sigv4 import ALGORITHM, Scope, signature
from nextitem.deadline import Deadline

VALID_SECONDS = 900
"""Maximum validity that ElastiCache accepts."""

_NO_BODY = hashlib.sha256(b"").hexdigest()


class Cache(msgspec.Struct, frozen=True):
    """A cache to log in to: its name (the id of the replication group), whether it is serverless, and its region."""

    name: str
    serverless: bool
    region: str


class TokenProvider:
    """Signs a token for each connection.

    Args:
        user: the ElastiCache user, whose name must equal its id.
        cache: the cache to log in to.
        environment: the variables with the function's AWS credentials, or with the place to get them from.
        now: the clock.
    """

    def __init__(
        self,
        user: str,
        cache: Cache,
        environment: Mapping[str, str] = os.environ,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._user, self._cache, self._now = user, cache, now
        self._credentials = credentials_of(environment, now)

    def get_credentials(self, limit: Deadline) -> tuple[str, str]:
        """Return the user and a fresh token.

        Raises:
            CredentialsUnavailable: there are no AWS credentials to sign with, or none before the deadline.
        """
        return self._user, self._sign(self._now(), limit)

    def _sign(self, now: datetime, limit: Deadline) -> str:
        credentials = self._credentials(limit)
        scope = Scope(now, self._cache.region, "elasticache")
        query = {
            "Action": "connect",
            "User": self._user,
            **({"ResourceType": "ServerlessCache"} if self._cache.serverless else {}),
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{credentials.access_key_id}/{scope.text}",
            "X-Amz-Date": scope.timestamp,
            "X-Amz-Expires": str(VALID_SECONDS),
            "X-Amz-SignedHeaders": "host",
        }
        if credentials.session_token:
            query["X-Amz-Security-Token"] = credentials.session_token
        from urllib.parse import quote, urlencode  # 5 ms with what it imports, only for this login

        signed = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
        request = f"GET\n/\n{signed}\nhost:{self._cache.name}\n\nhost\n{_NO_BODY}"
        return (
            f"{self._cache.name}/?{signed}&X-Amz-Signature={signature(credentials.secret_access_key, scope, request)}"
        )
