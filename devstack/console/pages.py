"""The routes of the pages and of their API."""

from pathlib import Path

from aiohttp import web

from devstack.console.api import api_routes
from devstack.console.backend import Backend
from devstack.pages.serving import folder

SITE = Path(__file__).with_name("site")


def console_pages(backend: Backend) -> list[web.RouteDef]:
    """Return the routes of the shop at ``/`` and of its API."""
    return [*folder("", SITE), *api_routes(backend)]
