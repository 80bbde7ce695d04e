"""The asynchronous client, for asyncio."""

import asyncio
from collections.abc import Sequence
from typing import Self, TypeVar, Unpack, cast

import httpx

from nextitem_client import calls
from nextitem_client.calls import Call
from nextitem_client.delivery import Delivery, deliver
from nextitem_client.errors import RequestFailed
from nextitem_client.event_queue import EventQueue
from nextitem_client.exchange import Outcome, Pause, Response, Retries, Send, exchange
from nextitem_client.schema import Answer, AppendOptions, Event, Health, RankingOptions, SteeredOptions, TrendingOptions
from nextitem_client.transport import HEADERS, NO_ANSWER, no_answer

T = TypeVar("T")


class AsyncClient:
    """Calls the HTTP API; for the tasks of one event loop. Arguments and errors are those of `Client`.

    Example:
        ``async with AsyncClient(url) as client: await client.recommend(["tea-001"])``
    """

    def __init__(
        self,
        url: str,
        *,
        auth: httpx.Auth | None = None,
        retries: Retries = Retries(),  # noqa: B008 - frozen
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._url, self._auth, self._retries = url.rstrip("/"), auth, retries
        self._is_own = http is None
        self._http = http or httpx.AsyncClient()

    async def append_events(self, session_id: str, events: Sequence[Event], **options: Unpack[AppendOptions]) -> Answer:
        """Add 1 to 64 events to a session and return recommendations. `Answer.stored` says whether it has them."""
        return await self._run(calls.append_events(session_id, events, options))

    async def get_recommendations(self, session_id: str, **options: Unpack[RankingOptions]) -> Answer:
        """Return recommendations for a stored session."""
        return await self._run(calls.get_recommendations(session_id, options))

    async def delete_session(self, session_id: str) -> None:
        """Delete a session. Call `EventQueue.forget` before, or its queued events start it again."""
        return await self._run(calls.delete_session(session_id))

    async def recommend(self, item_ids: Sequence[str], **options: Unpack[RankingOptions]) -> Answer:
        """Return recommendations for items, oldest first, without a session."""
        return await self._run(calls.recommend(item_ids, options))

    async def similar(self, item_id: str, **options: Unpack[SteeredOptions]) -> Answer:
        """Return the items most similar to one, without a session."""
        return await self._run(calls.similar(item_id, options))

    async def trending(self, **options: Unpack[TrendingOptions]) -> Answer:
        """Return what many visitors look at now, without a session."""
        return await self._run(calls.trending(options))

    async def health(self) -> Health:
        """Return the serving model, and whether the store answers."""
        return await self._run(calls.health())

    async def deliver(self, queue: EventQueue, **options: Unpack[RankingOptions]) -> Delivery:
        """Send the events of a queue in their order, 64 at a time; stop at the first failure, and keep the rest."""
        steps = deliver(queue, options)
        try:
            call = next(steps)
            while True:
                try:
                    answer = await self._run(call)
                except RequestFailed as fault:
                    call = steps.throw(fault)
                else:
                    call = steps.send(answer)
        except StopIteration as stop:
            return cast(Delivery, stop.value)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._is_own:
            await self._http.aclose()

    async def _run(self, call: Call[T]) -> T:
        steps = exchange(call, self._retries)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = next(steps)
                else:
                    step = steps.send(await self._send(step))
        except StopIteration as stop:
            return cast(T, stop.value)

    async def _send(self, send: Send) -> Outcome:
        request = self._http.build_request(
            send.method, self._url + send.target, content=send.body, headers=HEADERS, timeout=None
        )
        try:
            async with asyncio.timeout(send.seconds):
                response = await self._http.send(request, auth=self._auth, follow_redirects=False)
        except NO_ANSWER as error:
            return no_answer(send, error)
        return Response(response.status_code, response.headers, response.content)
