"""Pages are served beside the API and never instead of it."""

import asyncio
import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from devstack.api_gateway.gateway import Gateway
from devstack.api_gateway.routes import ROUTE_KEYS
from devstack.lambda_runtime.invocation import Outcome
from devstack.pages.serving import CONTENT_POLICY, folder, page
from devstack.processes.listener import listen

FUNCTION_SAYS = b"from the function"


async def function(_event: bytes) -> Outcome:
    return Outcome(json.dumps({"statusCode": 404, "body": FUNCTION_SAYS.decode()}).encode())


def replies(pages: list[web.RouteDef], *requests: tuple[str, str]) -> list[tuple[http.client.HTTPResponse, bytes]]:
    """Send requests to a gateway with these pages."""

    def send(url: str, method: str, path: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    async def run() -> list[tuple[http.client.HTTPResponse, bytes]]:
        gateway = Gateway(function, listen(), pages=pages)
        url = await gateway.start()
        try:
            return [await asyncio.to_thread(send, url, method, path) for method, path in requests]
        finally:
            await gateway.stop()

    return asyncio.run(run())


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "index.html").write_text("<p>shop</p>")
    (tmp_path / "parts" / "shop.js").write_text("let basket;")
    return tmp_path


def test_a_folder_is_served_with_its_policy(site: Path) -> None:
    # GIVEN a folder at the root
    pages = folder("", site)

    # WHEN a browser reads it
    root, index, script = replies(pages, ("GET", "/"), ("GET", "/index.html"), ("GET", "/parts/shop.js"))

    # THEN it gets the files, their types, and a policy that admits no other host
    assert root[1] == index[1] == b"<p>shop</p>"
    assert root[0].headers["content-type"] == "text/html; charset=utf-8"
    assert (script[0].headers["content-type"], script[1]) == ("text/javascript; charset=utf-8", b"let basket;")
    for response, _ in (root, index, script):
        assert response.status == 200
        assert response.headers["content-security-policy"] == CONTENT_POLICY
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/docs/other"), ("POST", "/docs"), ("GET", "/v1/health"), ("GET", "//docs")]
)
def test_any_other_request_goes_to_the_function(method: str, path: str) -> None:
    [(_, body)] = replies([page("/docs", b"a page", "text/html")], (method, path))

    assert body == FUNCTION_SAYS


def test_without_pages_the_function_answers_as_on_aws() -> None:
    [(response, body)] = replies([], ("GET", "/"))

    assert (response.status, body) == (404, FUNCTION_SAYS)


@pytest.mark.parametrize("path", [*(key.partition(" ")[2] for key in ROUTE_KEYS), "/v1", "/v1/docs", "/{any}"])
def test_a_page_on_a_path_of_the_api_is_refused(path: str) -> None:
    with listen() as listening, pytest.raises(ValueError, match="could take a request of the API"):
        Gateway(function, listening, pages=[page(path, b"", "text/html")])


def test_a_file_without_a_media_type_is_refused(site: Path) -> None:
    (site / "notes.docx").write_text("")

    with pytest.raises(ValueError, match=r"no media type for \.docx"):
        folder("/docs", site)
