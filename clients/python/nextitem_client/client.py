"""The synchronous client."""

import time
from collections.abc import Iterator, Mapping, Sequence
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


class Client:
    """Calls the HTTP API; safe for use by several threads.

    Every method raises `RequestFailed`, or `ValueError` for arguments that no request can carry.

    Args:
        url: of the API, with the stage if there is one.
        auth: `BearerToken`, `SigV4`, or another `httpx.Auth`; None: the API needs none.
        retries: how often and how long a call is tried.
        http: a client with proxies or certificates of your own; you close it.

    Example:
        ``Client(url, auth=BearerToken(token)).append_events("me", [Event("tea-001")], limit=3)``
    """

    def __init__(
        self,
        url: str,
        *,
        auth: httpx.Auth | None = None,
        retries: Retries = Retries(),  # noqa: B008 - frozen
        http: httpx.Client | None = None,
    ) -> None:
        self._url, self._auth, self._retries = url.rstrip("/"), auth, retries
        self._is_own = http is None
        self._http = http or httpx.Client()

    def append_events(self, session_id: str, events: Sequence[Event], **options: Unpack[AppendOptions]) -> Answer:
        """Add 1 to 64 events to a session and return recommendations. `Answer.stored` says whether it has them."""
        return self._run(calls.append_events(session_id, events, options))

    def get_recommendations(self, session_id: str, **options: Unpack[RankingOptions]) -> Answer:
        """Return recommendations for a stored session."""
        return self._run(calls.get_recommendations(session_id, options))

    def delete_session(self, session_id: str) -> None:
        """Delete a session. Call `EventQueue.forget` before, or its queued events start it again."""
        return self._run(calls.delete_session(session_id))

    def recommend(self, item_ids: Sequence[str], **options: Unpack[RankingOptions]) -> Answer:
        """Return recommendations for items, oldest first, without a session."""
        return self._run(calls.recommend(item_ids, options))

    def similar(self, item_id: str, **options: Unpack[SteeredOptions]) -> Answer:
        """Return the items most similar to one, without a session."""
        return self._run(calls.similar(item_id, options))

    def trending(self, **options: Unpack[TrendingOptions]) -> Answer:
        """Return what many visitors look at now, without a session."""
        return self._run(calls.trending(options))

    def health(self) -> Health:
        """Return the serving model, and whether the store answers."""
        return self._run(calls.health())

    def deliver(self, queue: EventQueue, **options: Unpack[RankingOptions]) -> Delivery:
        """Send the events of a queue in their order, 64 at a time; stop at the first failure, and keep the rest."""
        steps = deliver(queue, options)
        try:
            call = next(steps)
            while True:
                try:
                    answer = self._run(call)
                except RequestFailed as fault:
                    call = steps.throw(fault)
                else:
                    call = steps.send(answer)
        except StopIteration as stop:
            return cast(Delivery, stop.value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._is_own:
            self._http.close()

    def _run(self, call: Call[T]) -> T:
        steps = exchange(call, self._retries)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)  # the wait before a retry
                    step = next(steps)
                else:
                    step = steps.send(self._send(step))
        except StopIteration as stop:
            return cast(T, stop.value)

    def _send(self, send: Send) -> Outcome:
        remaining = _Remaining(send.seconds)
        request = self._http.build_request(
            send.method, self._url + send.target, content=send.body, headers=HEADERS, extensions={"timeout": remaining}
        )
        try:
            response = self._http.send(request, auth=self._auth, stream=True, follow_redirects=False)
            try:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    remaining.check()
            finally:
                response.close()
        except NO_ANSWER as error:
            return no_answer(send, error)
        return Response(response.status_code, response.headers, bytes(body))


class _Remaining(Mapping[str, float]):
    """httpx's limits of connecting, writing and reading, which here are one limit for all of them together."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Raise `httpx.ReadTimeout` after the end: each chunk would get the whole limit."""
        if time.monotonic() > self._end:
            raise httpx.ReadTimeout("the answer was not complete at its deadline")

    def __getitem__(self, name: str) -> float:
        return max(self._end - time.monotonic(), 0.001)

    def __iter__(self) -> Iterator[str]:
        return iter(("connect", "read", "write", "pool"))

    def __len__(self) -> int:
        return 4
