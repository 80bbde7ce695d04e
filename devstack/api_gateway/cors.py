"""CORS of the HTTP API: answers preflight requests and marks responses for the pages that may read them.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html, by default with the configuration of
template.yaml. Headers with which the function itself would allow origins are removed, as API Gateway removes them.
"""

import http
from collections.abc import Mapping
from dataclasses import dataclass, replace

from devstack.api_gateway.http_response import HttpResponse

ALLOW_METHODS = ("GET", "POST", "DELETE")
ALLOW_HEADERS = ("authorization", "content-type", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token")
MAX_AGE_SECONDS = 3600
_PREFIX = "access-control-"


@dataclass(frozen=True)
class Cors:
    """The CORS configuration of an API.

    Attributes:
        origins: whose pages may call the API.
        methods: that they may use; likewise headers.
        max_age_seconds: how long a browser keeps the answer.

    Example:
        ``Cors(("http://localhost:8000",))`` lets pages of that origin call the API.
    """

    origins: tuple[str, ...]
    methods: tuple[str, ...] = ALLOW_METHODS
    headers: tuple[str, ...] = ALLOW_HEADERS
    max_age_seconds: int = MAX_AGE_SECONDS

    def preflight(self, method: str, headers: Mapping[str, str]) -> HttpResponse | None:
        """Return the response to a preflight request, or None for any other request.

        Args:
            method: of the request.
            headers: of the request; names without regard to case.
        """
        if method != "OPTIONS" or "Origin" not in headers or "Access-Control-Request-Method" not in headers:
            return None
        allowed = {
            "access-control-allow-methods": ",".join(self.methods),
            "access-control-allow-headers": ",".join(self.headers),
            "access-control-max-age": str(self.max_age_seconds),
        }
        origin = self._allow_origin(headers)
        return HttpResponse(http.HTTPStatus.NO_CONTENT, (*origin, *(allowed.items() if origin else ())), b"")

    def mark(self, response: HttpResponse, headers: Mapping[str, str]) -> HttpResponse:
        """Return the function's response with the configured CORS headers instead of its own."""
        others = (header for header in response.headers if not header[0].startswith(_PREFIX))
        return replace(response, headers=(*others, *self._allow_origin(headers)))

    def _allow_origin(self, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        origin = headers.get("Origin", "")
        return (("access-control-allow-origin", origin),) if origin in self.origins else ()
