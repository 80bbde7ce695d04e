"""A stand-in for the container credentials provider of SnapStart, whose answers a test sets."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

from bench.common.loopback_http import LoopbackHttp

TOKEN = "a token of the tests"  # noqa: S105 - as it says
PATH = "/2021-04-23/credentials"


def answer(number: int = 1, expires: datetime = datetime(2100, 1, 1, tzinfo=UTC)) -> bytes:
    """Return a provider's document."""
    return json.dumps(
        {
            "AccessKeyId": f"AKID{number}",
            "SecretAccessKey": f"secret {number}",
            "Token": f"session {number}",
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    ).encode()


class CredentialsProvider(LoopbackHttp):
    """Answers with the bytes that `body` returns; refuses other tokens and paths."""

    def __init__(self, body: Callable[[], bytes] = answer) -> None:
        self.body, self.status, self.requests = body, 200, 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.requests += 1
                allowed = (self.path, self.headers.get("Authorization")) == (PATH, TOKEN)
                body = provider.body()
                self.send_response(provider.status if allowed else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        super().__init__(Handler)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that Lambda sets for the function."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.endpoint}{PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": TOKEN,
        }
