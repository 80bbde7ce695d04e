"""Traffic: many simulator sessions at once, sent over HTTP by a few threads, everything noted in a journal.

Like phones on a bad network: events are sent again under their id, answered or not, some come late with a time in the
past, some in batches, some without an id; some sessions go on far beyond the window. Knows no fault and no store.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from bench.chaos.client import client_of
from bench.chaos.journal import Journal, SentEvent
from model_export.simulator import Shop
from model_export.simulator.chance import Chance

THREADS = 4
"""As many as workers: then a client never waits for a worker, and its times are the function's and the way's."""
PAUSE_SECONDS = 0.03
"""At most, between two requests of a thread."""
AGAIN, BATCH, TIMED, NAMELESS, HOT = 0.15, 0.1, 0.2, 0.1, 0.35
"""Shares of requests: sent again, in a batch, with a time of their own, without an id, for one of few sessions."""
HOT_SESSIONS = 12
LONG_SESSIONS = 6
"""How many of the hot ones outlive the window: several simulated sessions each, joined."""
LONG_EVENTS = 70, 200
"""Events of a long session, at least and at most: never so many that the store forgets a trimmed event's tag."""
OFFLINE_EVENTS = 60
"""A long session begins with so many at once: those of a phone that was offline."""
BATCH_EVENTS = 4
LATE_MS, SLIGHTLY_LATE_MS = 120_000, 2_000
"""How long ago an event with a time of its own was at most; half of them were only a moment ago."""


@dataclass
class _Visitor:
    """A session on its way: what is still to come, and what may be sent again."""

    session_id: str
    coming: list[str]
    is_long: bool
    sent: list[SentEvent] = field(default_factory=list)


class Traffic:
    """Traffic to one API, inside its ``with`` block; the journal is complete when that ends.

    Args:
        url: of the HTTP API.
        sessions: how many are open at any time.
        name: distinguishes this run's session ids, and is its seed.
    """

    def __init__(self, url: str, sessions: int, name: str) -> None:
        self.journal = Journal()
        self._url, self._name = url, name
        shop = Shop()
        # More than can be used up: a simulated session is made when it is wanted.
        self._supply = shop.sessions(1_000_000, seed=1)
        self._lengths = Chance(name, "lengths")
        self._open = [self._next(place) for place in range(sessions)]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._turns = [threading.Lock() for _ in range(THREADS)]
        self._threads = [threading.Thread(target=self._drive, args=(number,)) for number in range(THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def session_ids(self) -> list[str]:
        """The sessions that are open now."""
        with self._lock:
            return [visitor.session_id for visitor in self._open]

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Send nothing inside the ``with`` block, which begins when every request has its answer."""
        with contextlib.ExitStack() as held:
            for turn in self._turns:
                held.enter_context(turn)
            yield

    def _next(self, place: int) -> _Visitor:
        session = next(self._supply)
        items = list(session.item_ids)
        if is_long := place < LONG_SESSIONS:
            shortest, longest = LONG_EVENTS
            length = shortest + int(self._lengths.part() * (longest - shortest + 1))
            while len(items) < length:
                items += next(self._supply).item_ids
            del items[length:]
        return _Visitor(f"{self._name}.{session.session_id}", items[::-1], is_long)

    def _drive(self, number: int) -> None:
        chance = Chance(self._name, number)
        with client_of(self._url) as client:
            while not self._stop.wait(chance.part() * PAUSE_SECONDS):
                with self._turns[number]:
                    session_id, events = self._request(chance)
                    self.journal.note(client.append(session_id, events))

    def _request(self, chance: Chance) -> tuple[str, list[SentEvent]]:
        with self._lock:
            place = int(chance.part() * (HOT_SESSIONS if chance.happens(HOT) else len(self._open)))
            place %= len(self._open)
            visitor = self._open[place]
            if visitor.sent and chance.happens(AGAIN):
                return visitor.session_id, [chance.one_of(visitor.sent)]
            if not visitor.coming:
                self._open[place] = visitor = self._next(place)
            count = 1 + int(chance.part() * BATCH_EVENTS) if chance.happens(BATCH) else 1
            if visitor.is_long and not visitor.sent:
                count = OFFLINE_EVENTS
            items = [visitor.coming.pop() for _ in range(min(count, len(visitor.coming)))]
            events = [_event(item_id, visitor, chance) for item_id in items]
            visitor.sent += [event for event in events if event.event_id]
            return visitor.session_id, events


def _event(item_id: str, visitor: _Visitor, chance: Chance) -> SentEvent:
    ago = chance.part() * chance.one_of((LATE_MS, SLIGHTLY_LATE_MS))
    at = int(time.time() * 1000 - ago) if chance.happens(TIMED) else None
    event_id = "" if chance.happens(NAMELESS) else f"e{int(chance.part() * 1e15)}-{len(visitor.coming)}"
    return SentEvent(event_id, item_id, at)
