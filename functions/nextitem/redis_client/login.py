"""Credentials and TLS settings for the servers of a deployment."""

import msgspec

from nextitem.aws.elasticache_auth import Cache, TokenProvider
from nextitem.redis_client.url import StoreUrl


class Login(msgspec.Struct, frozen=True):
    """Credentials and TLS settings of a connection to any server of a deployment.

    Attributes:
        username: the ACL user, or None.
        password: its password, or None.
        db: the database.
        tls: whether to encrypt; the server's certificate must then be valid for its host.
        ca_file: certificates to trust, or None for the system's.
        tokens: gives user and password at each connect instead of the two above, or None.
        timeout: seconds in which a server that can be reached has answered.
    """

    username: str | None = None
    password: str | None = None
    db: int = 0
    tls: bool = False
    ca_file: str | None = None
    tokens: TokenProvider | None = None
    timeout: float = 1.0


def login_of(url: StoreUrl, region: str, timeout: float) -> Login:
    """Return the login that a store URL describes.

    Args:
        url: where the store is.
        region: the AWS region of an ElastiCache cache, for IAM authentication.
        timeout: seconds in which a server that can be reached has answered.
    """
    tokens = TokenProvider(url.username or "", Cache(url.iam, url.serverless, region)) if url.iam else None
    username, password = (None, None) if tokens else (url.username, url.password)
    return Login(username, password, url.db, url.tls, url.ca_file, tokens, timeout)
