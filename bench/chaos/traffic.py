"""Traffic: many simulated sessions at once, sent over HTTP by a few threads, and recorded in a journal.

It behaves like phones on a bad network. Some events are sent again under their id, some come late with a time in the
past, some in batches, some without an id. Some sessions are far longer than the window. Some are deleted at their end.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from bench.chaos.client import open_client
from bench.chaos.journal import Journal, SentEvent
from model_export.simulator import Shop
from model_export.simulator.chance import Chance
from nextitem.event_types import VIEW

THREADS = 4
"""Equal to the number of workers, so that a client never waits for a worker."""
PAUSE_SECONDS = 0.03
"""Maximum, between two requests of a thread."""
REPEATED, BATCH, TIMED, NAMELESS, HOT = 0.15, 0.1, 0.2, 0.1, 0.35
"""Shares of requests: repeated, in a batch, with a time, without an id, for one of a few sessions."""
CART = "cart"
CARTS = 0.2
"""Share of the events that are of that type, the others being views."""
DELETED = 0.3
"""Share of the ended sessions that are deleted. A repeat that another thread has chosen may come after that."""
HOT_SESSIONS = 12
LONG_SESSIONS = 6
"""The hot sessions that get longer than the window: several simulated sessions each, joined."""
LONG_EVENTS = 70, 200
"""Minimum and maximum events of a long session: few enough that the store keeps the tags of all trimmed events."""
OFFLINE_EVENTS = 60
"""The first batch of a long session: events of a phone that was offline."""
BATCH_EVENTS = 4
LATE_MS, SLIGHTLY_LATE_MS = 120_000, 2_000
"""Maximum age of an event with a time; half of them have the second maximum."""


@dataclass
class _Visitor:
    """An open session: the items to send, and the events that may be sent again."""

    session_id: str
    coming: list[str]
    is_long: bool
    sent: list[SentEvent] = field(default_factory=list)


class Traffic:
    """Traffic to one API, inside its ``with`` block; the journal is complete after it.

    Args:
        url: of the HTTP API.
        sessions: open at any time.
        name: prefix of the run's session ids, and its seed.
    """

    def __init__(self, url: str, sessions: int, name: str) -> None:
        self.journal = Journal()
        self._url, self._name = url, name
        shop = Shop()
        # More than a run needs; the simulator makes them one by one.
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
        """The open sessions."""
        with self._lock:
            return [visitor.session_id for visitor in self._open]

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Send nothing inside the ``with`` block; it begins after the answer to every request."""
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
        with open_client(self._url) as client:
            while not self._stop.wait(chance.part() * PAUSE_SECONDS):
                with self._turns[number]:
                    session_id, events, ended = self._request(chance)
                    if ended is not None and chance.happens(DELETED):
                        self.journal.add_deletion(client.delete(ended))
                    self.journal.add(client.append(session_id, events))

    def _request(self, chance: Chance) -> tuple[str, list[SentEvent], str | None]:
        """Return a session and events to send, and the session that ended for it, or None."""
        with self._lock:
            ended: str | None = None
            place = int(chance.part() * (HOT_SESSIONS if chance.happens(HOT) else len(self._open)))
            place %= len(self._open)
            visitor = self._open[place]
            if visitor.sent and chance.happens(REPEATED):
                return visitor.session_id, [chance.one_of(visitor.sent)], None
            if not visitor.coming:
                ended = visitor.session_id
                self._open[place] = visitor = self._next(place)
            count = 1 + int(chance.part() * BATCH_EVENTS) if chance.happens(BATCH) else 1
            if visitor.is_long and not visitor.sent:
                count = OFFLINE_EVENTS
            items = [visitor.coming.pop() for _ in range(min(count, len(visitor.coming)))]
            events = [_event(item_id, visitor, chance) for item_id in items]
            visitor.sent += [event for event in events if event.event_id]
            return visitor.session_id, events, ended


def _event(item_id: str, visitor: _Visitor, chance: Chance) -> SentEvent:
    ago = chance.part() * chance.one_of((LATE_MS, SLIGHTLY_LATE_MS))
    at = int(time.time() * 1000 - ago) if chance.happens(TIMED) else None
    event_id = "" if chance.happens(NAMELESS) else f"e{int(chance.part() * 1e15)}-{len(visitor.coming)}"
    return SentEvent(event_id, item_id, at, CART if chance.happens(CARTS) else VIEW)
