"""A loopback server that answers by a script."""

import json
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from bench.common.loopback_http import LoopbackHttp

ANSWER = {
    "session_id": "me",
    "recommendations": [{"item_id": "tea-001", "score": 1.5}],
    "events": [],
    "session_length": 1,
    "stored": True,
    "served_by": "session",
    "model": {"version": "v0", "variant": "main"},
    "a_field_of_a_newer_service": {},
}


class Reply(NamedTuple):
    """An answer: its body is a document, bytes, or a function that writes bytes through its argument."""

    status: int
    body: Any = b""
    headers: tuple[tuple[str, str], ...] = ()


class Received(NamedTuple):
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: Any


class ScriptedServer(LoopbackHttp):
    """Gives each request the next reply; the last one is repeated.

    Attributes:
        requests: in the order of their arrival.
    """

    def __init__(self, replies: Sequence[Reply]) -> None:
        self.requests: list[Received] = []
        server, script = self, list(replies)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.requests.append(Received(self.command, self.path, headers, json.loads(body) if body else None))
                reply = script.pop(0) if len(script) > 1 else script[0]
                self.send_response_only(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                if callable(reply.body):
                    self.end_headers()
                    self.close_connection = True
                    writes: Callable[[Callable[[bytes], object]], None] = reply.body
                    writes(self.wfile.write)
                    return
                content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - named by http.server

        super().__init__(Handler)
