"""API Gateway's JWT authorizer, as far as a function sees it: the claims of the token that a request brings.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html. No issuer, no audience, no
expiry and no signature is checked: there is nobody here to have issued it. Whoever can reach loopback is whoever it
says.
"""

import base64
import json

_PARTS = 3
"""Of a token: header, claims, signature."""


def claims_of(authorization: str) -> dict[str, str] | None:
    """Return the claims of an Authorization header's token as API Gateway passes them on; None if it holds no token."""
    token = authorization.removeprefix("Bearer ").split(".")
    if len(token) != _PARTS:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(token[1] + "=" * (-len(token[1]) % 4)))
    except ValueError:
        return None
    return {name: _text(value) for name, value in claims.items()} if isinstance(claims, dict) else None


def _text(value: object) -> str:
    """Every claim arrives as text; a list as its elements between brackets."""
    if isinstance(value, list):
        return f"[{' '.join(_text(one) for one in value)}]"
    return value if isinstance(value, str) else json.dumps(value)
