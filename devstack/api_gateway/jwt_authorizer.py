"""Read the claims of a request's token, as API Gateway's JWT authorizer passes them to a function.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html. Issuer, audience, expiry and
signature are not checked: every client on loopback is trusted.
"""

import base64
import json

_PARTS = 3
"""The parts of a token: header, claims, signature."""


def parse_claims(authorization: str) -> dict[str, str] | None:
    """Return the claims of an Authorization header's token, as text; None if it holds no token."""
    token = authorization.removeprefix("Bearer ").split(".")
    if len(token) != _PARTS:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(token[1] + "=" * (-len(token[1]) % 4)))
    except ValueError:
        return None
    return {name: _text(value) for name, value in claims.items()} if isinstance(claims, dict) else None


def _text(value: object) -> str:
    """Return a claim as text; a list as its elements in brackets."""
    if isinstance(value, list):
        return f"[{' '.join(_text(element) for element in value)}]"
    return value if isinstance(value, str) else json.dumps(value)
