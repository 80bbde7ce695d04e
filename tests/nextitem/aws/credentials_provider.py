"""A stand-in for the container credentials provider of SnapStart, whose answers a test sets."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from devstack.processes.children import LOOPBACK

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


class CredentialsProvider:
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

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that Lambda sets for the function."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{LOOPBACK}:{self._server.server_port}{PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": TOKEN,
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
