"""The document and its viewer as pages of devstack.

The viewer is OpenAPI Explorer (npm package `openapi-explorer`), one file as the package has it.
"""

from pathlib import Path

from aiohttp import web

from devstack.openapi.document import PATH
from devstack.pages.serving import CONTENT_POLICY, folder, page

VIEWER = Path(__file__).parent / "viewer"
VIEWER_POLICY = f"{CONTENT_POLICY}; style-src 'self' 'unsafe-inline'"
"""The viewer sets the style of elements inline. Its scripts need no exception."""


def pages() -> list[web.RouteDef]:
    """Return the routes of the document and of its viewer."""
    document = page("/openapi.json", PATH.read_bytes(), "application/json")
    return [document, *folder("/docs", VIEWER, policy=VIEWER_POLICY)]
