"""Visitors of a simulated shop, session after session until the end. What they were shown is kept for the figures."""

import asyncio
import http
import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import aiohttp

from devstack.replay.shoppers import REQUEST_SECONDS, visit
from model_export.simulator import Session, Shop

VISITORS = 4
"""At a time: enough to keep two workers busy."""
SUPPLY = 1_000_000
"""Sessions of a shop: more than a drill needs; they are made one by one."""


@dataclass(frozen=True)
class Visited:
    """A visit that has ended (epoch seconds): its next items new to the session, those recommended, failed requests."""

    at: float
    targets: int
    hits: int
    failures: int


class Visitors:
    """Visitors of a shop inside the ``with`` block.

    Args:
        url: of the HTTP API.
        shop: the shop.
        seed: of the first visitors; a changed shop has others.
    """

    def __init__(self, url: str, shop: Shop, seed: int) -> None:
        self._url, self._seeds = url, itertools.count(seed)
        self._supply = self._sessions(shop)
        self._visits: list[Visited] = []
        self._stop = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="visitors")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def change_to(self, shop: Shop) -> None:
        """Let all visitors from now on visit another shop."""
        self._supply = self._sessions(shop)

    @property
    def count(self) -> int:
        """The number of visits that have ended.

        Raises:
            RuntimeError: the visitors cannot reach the API any more.
        """
        if self._fault is not None:
            raise RuntimeError(f"the visitors cannot reach the shop: {self._fault}") from self._fault
        return len(self._visits)

    def between(self, first: int, last: int) -> list[Visited]:
        """Return visits by their number, in the order of their ends."""
        return self._visits[first:last]

    def _sessions(self, shop: Shop) -> Iterator[Session]:
        return shop.sessions(SUPPLY, seed=next(self._seeds))

    def _run(self) -> None:
        try:
            asyncio.run(self._visit_all())
        except* aiohttp.ClientError as errors:
            self._fault = errors.exceptions[0]

    async def _visit_all(self) -> None:
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        async with aiohttp.ClientSession(self._url, timeout=timeout) as client, asyncio.TaskGroup() as group:
            for _ in range(VISITORS):
                group.create_task(self._visit_repeatedly(client))

    async def _visit_repeatedly(self, client: aiohttp.ClientSession) -> None:
        while not self._stop.is_set():
            seen = await visit(client, next(self._supply))
            hits = seen.hits()
            failures = sum(call.status != http.HTTPStatus.OK for call in seen.calls)
            self._visits.append(Visited(time.time(), len(hits), sum(hits), failures))


def hit_rate(visits: list[Visited]) -> float | None:
    """Return the share of next items, new to their session, that were among the 20 recommended; None without any."""
    targets = sum(each.targets for each in visits)
    return round(sum(each.hits for each in visits) / targets, 4) if targets else None
