"""The routes of the pages and of their API."""

from pathlib import Path

from aiohttp import web

from devstack.console.api import api_routes
from devstack.console.backend import Backend
from devstack.pages.serving import folder, page

SITE = Path(__file__).with_name("site")


def console_pages(backend: Backend) -> list[web.RouteDef]:
    """Return the routes of the shop at ``/``, of the console at ``/console``, and of their API."""
    console = page("/console", (SITE / "console.html").read_bytes(), "text/html")
    return [*folder("", SITE), console, *api_routes(backend)]
