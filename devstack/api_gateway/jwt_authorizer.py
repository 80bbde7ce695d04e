"""The JWT authorizer of the HTTP API, with a key of its own instead of the issuer's.

Checks tokens in the steps of https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html.
A token without `exp` is refused, too.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

ALGORITHM = "RS256"
KEY_ID = "devstack"
_KEY_BITS = 2048
_TOKEN_SECONDS = 24 * 60 * 60


class JwtAuthorizer:
    """Signs tokens and checks them.

    Args:
        issuer: must be the token's `iss`, character by character.
        audiences: of which the token's `aud`, or without it `client_id`, must name one.
    """

    def __init__(self, issuer: str, audiences: tuple[str, ...]) -> None:
        self._issuer = issuer
        self._audiences = audiences
        self._key = RSAKey.generate_key(_KEY_BITS)

    def token(self, **claims: Any) -> str:
        """Return a token that is valid for a day; `claims` are added, or replace those of a valid token.

        Example:
            ``token(sub="alice")``; ``token(sub="alice", exp=0)`` has expired.
        """
        now = int(time.time())
        valid = {"iss": self._issuer, "aud": self._audiences[0], "iat": now, "exp": now + _TOKEN_SECONDS}
        return jwt.encode({"alg": ALGORITHM, "kid": KEY_ID}, valid | claims, self._key)

    def authorize(self, authorization: str) -> dict[str, str] | None:
        """Return the claims of a valid token, as text; None refuses the request.

        Args:
            authorization: the Authorization header: a token, with or without the prefix ``Bearer``.
        """
        try:
            token = jwt.decode(authorization.removeprefix("Bearer ").strip(), self._key, algorithms=[ALGORITHM])
        except (JoseError, ValueError):
            return None
        if token.header.get("kid") != KEY_ID or not self._are_valid(token.claims):
            return None
        return {name: _text(value) for name, value in token.claims.items()}

    def _are_valid(self, claims: Mapping[str, Any]) -> bool:
        now = time.time()
        audience = claims.get("aud", claims.get("client_id"))
        named = audience if isinstance(audience, list) else [audience]
        starts = [claims[name] for name in ("nbf", "iat") if name in claims]
        return (
            claims.get("iss") == self._issuer
            and any(name in self._audiences for name in named)
            and _is_number(claims.get("exp"))
            and claims["exp"] > now
            and all(_is_number(start) and start <= now for start in starts)
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: object) -> str:
    """Return a claim as text, as in recorded events; a list as its elements in brackets."""
    if isinstance(value, list):
        return f"[{' '.join(_text(element) for element in value)}]"
    return value if isinstance(value, str) else json.dumps(value)
