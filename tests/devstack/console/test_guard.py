"""Other sites cannot use the console's API: neither by a form, nor by a page, nor by a name that leads to loopback."""

import asyncio
import http.client
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from devstack.api_gateway.gateway import Gateway
from devstack.console.guard import guarded
from devstack.lambda_runtime.invocation import Outcome
from devstack.processes.listener import listen

OWN = "{own}"


def status_of(method: str, headers: dict[str, str]) -> int:
    """Send a request to a guarded page; `OWN` in a header stands for its own host and port."""

    async def function(_event: bytes) -> Outcome:
        raise AssertionError("the page answers")

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="done")

    def send(url: str) -> int:
        host = urlsplit(url).netloc
        connection = http.client.HTTPConnection(host, timeout=20)
        try:
            own = {name: value.replace(OWN, host) for name, value in headers.items()}
            connection.request(method, "/devstack/api/page", "{}" if method == "POST" else None, own)
            return connection.getresponse().status
        finally:
            connection.close()

    async def run() -> int:
        pages = [web.get("/devstack/api/page", guarded(answer)), web.post("/devstack/api/page", guarded(answer))]
        gateway = Gateway(function, listen(), pages=pages)
        url = await gateway.start()
        try:
            return await asyncio.to_thread(send, url)
        finally:
            await gateway.stop()

    return asyncio.run(run())


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("GET", {"sec-fetch-site": "none"}),
        ("POST", JSON),
        ("POST", {**JSON, "origin": "http://{own}", "sec-fetch-site": "same-origin"}),
    ],
)
def test_its_own_page_and_a_command_are_answered(method: str, headers: dict[str, str]) -> None:
    assert status_of(method, headers) == 200


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"host": "shop.example"}),
        ("GET", {"host": "shop.example:80"}),
        ("GET", {"host": "127.0.0.1:1"}),
        ("GET", {"origin": "http://localhost:8000"}),
        ("GET", {"sec-fetch-site": "cross-site"}),
        ("GET", {"sec-fetch-site": "same-site"}),
        ("POST", {**JSON, "origin": "https://shop.example"}),
        ("POST", {**JSON, "origin": "null"}),
        ("POST", {"content-type": "text/plain"}),
        ("POST", {"content-type": "application/x-www-form-urlencoded"}),
        ("POST", {}),
    ],
)
def test_a_request_of_another_site_is_refused(method: str, headers: dict[str, str]) -> None:
    assert status_of(method, headers) == 403
