"""Refuse requests to the console's API that come from another site.

A page of any site can send requests to a port of loopback. Three checks stop it:

- The host must be a name of loopback with our port: another name that leads here is DNS rebinding.
- An origin, where the browser sends one, must be our own, and so must what ``Sec-Fetch-Site`` says.
- A POST must have a JSON body, which no form can send.
"""

import http
from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HOSTS = ("127.0.0.1", "localhost")
OWN_SITE = ("same-origin", "none")
"""Values of Sec-Fetch-Site: our own pages, and an address that a person typed. Another port of this machine is not."""
JSON_TYPE = "application/json"
POLICY = "default-src 'none'; frame-ancestors 'none'"


def refusal(request: web.Request) -> str | None:
    """Return why a request is refused, or None."""
    port = request.url.port if request.transport is None else request.transport.get_extra_info("sockname")[1]
    hosts = [f"{host}:{port}" for host in HOSTS]
    if request.host not in hosts:
        return f"the host {request.host} is not one of {', '.join(hosts)}"
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.host}":
        return f"the origin {origin} is not this console's"
    if (site := request.headers.get("Sec-Fetch-Site", "none")) not in OWN_SITE:
        return f"the request comes from another site ({site})"
    if request.method == "POST" and request.content_type != JSON_TYPE:
        return f"the content type must be {JSON_TYPE}"
    return None


def guarded(handler: Handler) -> Handler:
    """Return a handler that answers 403 to requests of other sites."""

    async def handle(request: web.Request) -> web.StreamResponse:
        reason = refusal(request)
        if reason is not None:
            response: web.StreamResponse = web.json_response({"detail": reason}, status=http.HTTPStatus.FORBIDDEN)
        else:
            response = await handler(request)
        response.headers["cache-control"] = "no-store"
        response.headers["content-security-policy"] = POLICY
        response.headers["x-content-type-options"] = "nosniff"
        return response

    return handle
