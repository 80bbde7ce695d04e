"""Send allowed requests to moto: without the caller's signature, in path style, over HTTP."""

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

_NOT_FORWARDED = {
    *("authorization", "connection", "content-length", "expect", "host", "transfer-encoding", "x-amz-security-token"),
}
_NOT_RETURNED = {"connection", "keep-alive", "server", "transfer-encoding", "access-control-allow-origin"}
_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that aiohttp would add; S3 stores some of them with the object."""


class Upstream:
    """moto's endpoint; opened and closed in one event loop."""

    def __init__(self, endpoint: str, region: str) -> None:
        self._endpoint, self._region = endpoint.rstrip("/"), region
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Prepare the connections."""
        # Each request has a connection of its own: moto's server may close an idle one at the moment it is used.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            skip_auto_headers=_AUTOMATIC,
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def request(
        self, service: str, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, and yield moto's response, whose body is not read yet.

        Args:
            service: moto finds the service in the credential scope.
            method: of the request.
            target: path and query, percent-encoded.
            headers: the caller's.
            body: as it came.
        """
        if self._session is None:
            raise AssertionError("`open` makes the session")
        forwarded = {name: value for name, value in headers.items() if name.lower() not in _NOT_FORWARDED}
        scope = f"Credential=door/20000101/{self._region}/{service}/aws4_request"
        forwarded["Authorization"] = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=door"
        url = URL(f"{self._endpoint}{target}", encoded=True)
        async with self._session.request(
            method, url, headers=forwarded, data=io.BytesIO(body) if body else None, allow_redirects=False
        ) as response:
            yield response


def returned_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the headers of moto's response that the caller gets."""
    return {name: value for name, value in response.headers.items() if name.lower() not in _NOT_RETURNED}
