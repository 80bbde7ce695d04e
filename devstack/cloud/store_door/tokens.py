"""Verify ElastiCache's IAM tokens: presigned requests for a cache, by a principal that may connect to it as a user.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
"""

from datetime import datetime

from devstack.cloud.iam.authority import Authority
from devstack.cloud.iam.policy import Principal
from devstack.cloud.iam.signatures import SignatureRefused, SignedRequest, verify
from devstack.cloud.store_door.cache import Cache, StoreUser

ACTION = "elasticache:Connect"
MAX_EXPIRES_SECONDS = 900
_SERVERLESS = "ServerlessCache"


class TokenRefused(Exception):
    """A token that ElastiCache refuses. Its client only gets WRONGPASS; the text says why."""


def verify_token(token: str, user: StoreUser, cache: Cache, authority: Authority, now: datetime) -> Principal:
    """Return the principal that signed a token for a user and a cache.

    Args:
        token: the presigned request, without its scheme.
        user: that logs in.
        cache: that it logs in to.
        authority: knows the credentials.
        now: the current time, with a time zone.

    Raises:
        TokenRefused: ElastiCache refuses it. Whether the principal may connect is not checked here.
    """
    if user.user_id != user.name:
        raise TokenRefused(
            f"the id {user.user_id} and the name {user.name} differ, so IAM cannot authenticate the user"
        )
    host, slash, query = token.partition("/?")
    if not slash:
        raise TokenRefused("it is no presigned request, which begins with the cache's name and /?")
    request = SignedRequest("GET", "/", query, (("host", host),))
    try:
        principal = verify(request, authority, "elasticache", authority.account.region, now)
    except SignatureRefused as error:
        raise TokenRefused(str(error)) from error
    given = request.parameters
    expected = {
        "the cache": (host, cache.name),
        "Action": (given.get("Action"), "connect"),
        "User": (given.get("User"), user.user_id),
        "ResourceType": (given.get("ResourceType"), _SERVERLESS if cache.serverless else None),
    }
    for name, (value, right) in expected.items():
        if value != right:
            raise TokenRefused(f"{name} is {value}, not {right}")
    if int(given["X-Amz-Expires"]) > MAX_EXPIRES_SECONDS:
        raise TokenRefused(f"X-Amz-Expires is {given['X-Amz-Expires']}, more than {MAX_EXPIRES_SECONDS}")
    return principal
