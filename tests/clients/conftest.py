"""One stack for all tests of the clients, and a proxy before it that loses requests or answers."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from bench.common.lossy_proxy import LossyProxy
from devstack.publish import demo_artifact
from devstack.stack import Stack
from nextitem_client import AsyncClient, Client, Retries
from tests.devstack.console.conftest import browser
from tests.functions.client import PATIENT

__all__ = ["browser"]

QUICK = Retries(timeout=60.0, attempt_timeout=20.0, first_pause=0.001)
"""Retries whose limits only a failing test reaches."""

Run = Callable[..., Any]
"""``run(url, method, *arguments, auth=..., retries=..., **options)`` calls a method of a new client."""


def run_sync(
    url: str, method: str, *arguments: Any, auth: httpx.Auth | None = None, retries: Retries = QUICK, **options: Any
) -> Any:
    with Client(url, auth=auth, retries=retries) as client:
        return getattr(client, method)(*arguments, **options)


def run_async(
    url: str, method: str, *arguments: Any, auth: httpx.Auth | None = None, retries: Retries = QUICK, **options: Any
) -> Any:
    async def call() -> Any:
        async with AsyncClient(url, auth=auth, retries=retries) as client:
            return await getattr(client, method)(*arguments, **options)

    return asyncio.run(call())


@pytest.fixture(params=[run_sync, run_async], ids=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Run:
    chosen: Run = request.param
    return chosen


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with Stack(artifact=demo_artifact(), max_workers=2, settings=PATIENT) as stack:
        yield stack


@pytest.fixture
def proxy(stack: Stack) -> Iterator[LossyProxy]:
    with LossyProxy(stack.url) as proxy:
        yield proxy


@pytest.fixture
def session_id() -> str:
    return uuid.uuid4().hex
