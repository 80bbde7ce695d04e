"""Serve pages beside the HTTP API, on paths that no route of the API can take.

The deployed API answers a page's path with 404. Only a stack that is given pages answers it otherwise, so that a test
against a stack without pages sees what AWS would answer.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from aiohttp import web

CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Content security policy of a page: nothing from another host, no inline script or style, no frames."""
MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".woff2": "font/woff2",
}
"""By the end of the file's name. Python's `mimetypes` reads the machine's own list, which differs."""
_CHARSET_TYPES = ("text/", "image/svg+xml")
_HEADERS = {
    "cache-control": "no-cache",  # a page of the version that runs, on a port that others use, too
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def page(path: str, content: bytes, media_type: str, *, policy: str = CONTENT_POLICY) -> web.RouteDef:
    """Return the route of a page whose content is known.

    Args:
        path: of the page, such as ``/docs``; HEAD is answered, too.
        content: the body.
        media_type: one of `MEDIA_TYPES`.
        policy: the content security policy.
    """
    charset = "; charset=utf-8" if media_type.startswith(_CHARSET_TYPES) else ""
    headers = {"content-type": media_type + charset, "content-security-policy": policy, **_HEADERS}

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=content, headers=headers)

    return web.get(path, answer)


def folder(prefix: str, directory: Path, *, policy: str = CONTENT_POLICY) -> list[web.RouteDef]:
    """Return a route for each file of a folder; ``index.html`` is also the page of the folder itself.

    Args:
        prefix: path of the folder, such as ``/docs``, or empty for the root.
        directory: the files. All are read now, and kept.
        policy: the content security policy.

    Raises:
        ValueError: a file's name has an end that `MEDIA_TYPES` lacks.
    """
    routes = []
    for file in sorted(file for file in directory.rglob("*") if file.is_file()):
        name = file.relative_to(directory).as_posix()
        if (media_type := MEDIA_TYPES.get(file.suffix)) is None:
            raise ValueError(f"{file}: no media type for {file.suffix or 'a name without an end'}; add it")
        routes.append(page(f"{prefix}/{name}", file.read_bytes(), media_type, policy=policy))
        if name == "index.html":
            routes.append(page(prefix or "/", file.read_bytes(), media_type, policy=policy))
    return routes


def refuse_overlap(pages: Sequence[web.RouteDef], keys: Iterable[str]) -> None:
    """Refuse pages that could take a request of the API.

    Args:
        pages: the routes of pages.
        keys: of the API's routes, such as ``GET /v1/health``.

    Raises:
        ValueError: a page's path begins like that of a route, or with a variable.
    """
    begins = {_first_part(key.partition(" ")[2]) for key in keys}
    for route in pages:
        first = _first_part(route.path)
        if first in begins or "{" in first:
            raise ValueError(f"the page {route.path} could take a request of the API; begin its path with another part")


def _first_part(path: str) -> str:
    return path.split("/")[1]
